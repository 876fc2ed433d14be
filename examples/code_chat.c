/* SPDX-License-Identifier: Apache-2.0 */
/* Two people behind any routers talk by a code, through the library's own chat: numbered messages, each
 * acknowledged by the other side's program, whatever becomes of the path. The one without a code gets one;
 * Ctrl-D says that nothing more comes, and it ends when both have said so and everything has arrived. */
#include <stdlib.h>
#include <string.h>

#include <bodkin/chat.h>

#include "common.h"
#include "lines.h"

struct talk {
	const char *server;
	struct bk_loop *loop;
	struct bk_chat *chat;
	struct lines *lines;
	char kept[LINE_BYTES_MAX];
	size_t kept_len;
	bool failed;
};

/* --- the keyboard --- */

/* A line that cannot be said now is kept, and no other one is read until it could. */
static void on_line(void *arg, const char *line, size_t n)
{
	struct talk *t = arg;
	int err = bk_chat_say(t->chat, line, n, NULL);

	if (err == BK_E_AGAIN) {
		memcpy(t->kept, line, n);
		t->kept_len = n;
		lines_pause(t->lines);
	} else if (err < 0) {
		complain("not said: %s", bk_error_text(err));
	}
}

static void on_writable(struct bk_chat *chat, void *arg)
{
	struct talk *t = arg;

	(void)chat;
	lines_resume(t->lines);
	on_line(t, t->kept, t->kept_len);
}

static void on_no_more_lines(void *arg)
{
	bk_chat_finish(((struct talk *)arg)->chat);
}

/* --- the chat --- */

static void on_open(struct bk_chat *chat, void *arg)
{
	(void)chat;
	lines_resume(((struct talk *)arg)->lines);
}

/* The text is harmless for a terminal already, and so is the name. */
static void on_message(struct bk_chat *chat, void *arg, const struct bk_chat_message *m)
{
	(void)chat;
	(void)arg;
	printf("%s: %s\n", m->from, m->text);
}

static void on_delivered(struct bk_chat *chat, void *arg, uint64_t number)
{
	(void)chat;
	(void)arg;
	printf("* delivered: %llu\n", (unsigned long long)number);
}

static void on_end(struct bk_chat *chat, void *arg, const struct bk_chat_result *result,
	const struct bk_call_failure *failure)
{
	struct talk *t = arg;

	(void)chat;
	if (failure)
		complain("%s", failure->text);
	if (result->delivered < result->said)
		complain("messages %llu to %llu were not delivered",
			(unsigned long long)result->delivered + 1, (unsigned long long)result->said);
	t->failed = failure;
	bk_loop_stop(t->loop);
}

/* --- the call --- */

static void on_code(struct bk_call *call, void *arg, const char *code)
{
	(void)call;
	printf("on the other machine: code_chat %s %s\n", ((struct talk *)arg)->server, code);
}

static void on_path(struct bk_call *call, void *arg, const struct bk_path *path)
{
	(void)call;
	(void)arg;
	printf("* %s\n", path->text);
}

static void on_note(struct bk_call *call, void *arg, int verbosity, const char *text)
{
	(void)call;
	(void)arg;
	if (verbosity <= 0)
		printf("* %s\n", text);
}

static void on_signal(void *arg, int signo)
{
	(void)signo;
	bk_chat_leave(((struct talk *)arg)->chat);
}

static int start(struct talk *t, const char *code)
{
	static const struct bk_call_news news = {.on_code = on_code, .on_path = on_path, .on_note = on_note};
	static const struct bk_chat_events events = {.news = &news,
		.on_open = on_open,
		.on_message = on_message,
		.on_writable = on_writable,
		.on_delivered = on_delivered,
		.on_end = on_end};
	static const struct lines_events line_events = {.on_line = on_line, .on_end = on_no_more_lines};
	const struct bk_session_opts session = {.server = t->server, .code = code};
	const struct bk_chat_opts opts = {.session = &session};
	char text[BK_CHAT_SENTENCE_MAX];
	int err = bk_loop_new(BK_LOOP_POLL, &t->loop);

	if (err >= 0)
		err = lines_new(t->loop, &line_events, t, &t->lines);
	if (err < 0)
		complain("cannot run: %s", bk_error_text(err));
	else if ((err = bk_chat_new(t->loop, &opts, &events, t, &t->chat, text)) < 0)
		complain("%s", text);
	return err;
}

int main(int argc, char **argv)
{
	struct talk t = {.server = argc > 1 ? argv[1] : ""};

	if (argc < 2 || argc > 3)
		return usage("HOST[:PORT][#PIN] [CODE]");
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (start(&t, argc == 3 ? argv[2] : NULL) < 0 || run_loop(t.loop, on_signal, &t) < 0)
		t.failed = true;
	bk_chat_free(t.chat);
	lines_free(t.lines);
	bk_loop_free(t.loop);
	return t.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
