/* SPDX-License-Identifier: Apache-2.0 */
/* One of two people talking through chat_server. Both may talk at once: what comes from the other appears
 * above the line that is being typed. /quit or Ctrl-D ends it. */
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "prompt.h"

enum { NAME_MAX_LEN = 32, WORDS_MAX = 8 * 1024 };

struct person {
	struct bk_loop *loop;
	struct bk_conn *conn;
	const char *name;
	bool is_prompting, failed;
};

static void leave(void *arg)
{
	struct person *p = arg;

	if (p->conn)
		bk_conn_close(p->conn);
}

static void on_signal(void *arg, int signo)
{
	(void)signo;
	leave(arg);
}

static void on_line(void *arg, const char *line, size_t n)
{
	struct person *p = arg;
	char words[NAME_MAX_LEN + 2 + LINE_BYTES_MAX + 1];
	int len, err;

	if (!p->conn || !n)
		return;
	if (!strcmp(line, "/quit")) {
		leave(p);
		return;
	}
	len = snprintf(words, sizeof(words), "%s: %.*s", p->name, LINE_BYTES_MAX, line);
	err = bk_conn_send(p->conn, &(struct bk_message){.content = words, .content_len = (size_t)len});
	if (err < 0) {
		len = snprintf(words, sizeof(words), "* not sent: %s", bk_error_text(err));
		prompt_say(words, (size_t)len);
	}
}

static const struct lines_events line_events = {.on_line = on_line, .on_end = leave};

static void on_joined(struct bk_conn *c, void *arg)
{
	struct person *p = arg;
	int err = prompt_new(p->loop, &line_events, p);

	p->is_prompting = true;
	if (err < 0) {
		complain("cannot read what you type: %s", bk_error_text(err));
		p->failed = true;
		bk_conn_close(c);
	}
}

static void on_message(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	(void)arg;
	(void)c;
	prompt_say(m->content, m->content_len);
}

static void on_left(struct bk_conn *c, void *arg, int error, const char *text)
{
	struct person *p = arg;

	(void)c;
	p->conn = NULL;
	if (p->is_prompting)
		prompt_free();
	if (error < 0) {
		complain("%s", text);
		p->failed = true;
	}
	bk_loop_stop(p->loop);
}

int main(int argc, char **argv)
{
	static const struct bk_message_opts opts = {.framing = BK_FRAMING_LENGTH, .message_max = WORDS_MAX};
	static const struct bk_message_events events = {
		.on_joined = on_joined, .on_message = on_message, .on_left = on_left};
	struct person me = {.name = argc == 4 ? argv[3] : getenv("USER")};

	if (!me.name)
		me.name = "somebody";
	if (argc < 3 || argc > 4 || strlen(me.name) > NAME_MAX_LEN)
		return usage("HOST PORT [NAME]");
	if (bk_loop_new(BK_LOOP_POLL, &me.loop) >= 0)
		me.conn = dial(me.loop, argv[1], argv[2], &opts, &events, &me);
	me.failed = !me.conn;
	if (me.conn && run_loop(me.loop, on_signal, &me) < 0)
		me.failed = true;
	bk_conn_free(me.conn);
	bk_loop_free(me.loop);
	return me.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
