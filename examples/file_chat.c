/* SPDX-License-Identifier: Apache-2.0 */
/* Two people who talk over a session that no server helped to make: they introduced themselves by files in a
 * folder (file_mailbox.c). The one who starts without a code gets one, and tells it to the other by another
 * way than the folder: whoever can read and write there must not know it. */
#include <stdlib.h>
#include <string.h>

#include <bodkin/session.h>

#include "common.h"
#include "file_mailbox.h"
#include "lines.h"

enum { DELAY_MAX = 3600 };

static const char words[] = "[-a ADDRESS] [-s STUN_IP:PORT] [-d SECONDS] FOLDER [CODE]";

struct person {
	struct bk_loop *loop;
	struct bk_session *session;
	struct bk_channel *channel;
	struct lines *lines;
	bool is_ended, failed;
};

/* --- talking --- */

static void on_line(void *arg, const char *line, size_t n)
{
	struct person *p = arg;
	char text[LINE_BYTES_MAX + 1];

	if (p->is_ended || !p->channel)
		return;
	memcpy(text, line, n);
	text[n] = '\n';
	if (bk_channel_write(p->channel, text, n + 1) < 0)
		complain("not sent");
}

/* What was said is heard before the end. */
static void on_end_of_input(void *arg)
{
	struct person *p = arg;

	if (!p->is_ended)
		bk_session_close(p->session, 0);
}

static const struct lines_events line_events = {.on_line = on_line, .on_end = on_end_of_input};

/* print_clean makes no difference between a line's end and other control characters. */
static void on_data(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	const char *at = (const char *)data, *end = at + n;

	(void)channel;
	(void)arg;
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		print_clean(stdout, at, (size_t)((stop ? stop : end) - at));
		if (stop)
			putchar('\n');
		at = stop ? stop + 1 : end;
	}
	fflush(stdout);
}

static const struct bk_channel_events channel_events = {.on_data = on_data};

static void on_channel(struct bk_session *session, void *arg, struct bk_channel *c, const char *kind)
{
	struct person *p = arg;

	(void)session;
	if (p->channel || strcmp(kind, "chat/1") != 0)
		return; /* what nobody listens to is reset */
	p->channel = c;
	bk_channel_listen(c, &channel_events, p);
	lines_resume(p->lines);
}

/* --- the session --- */

static void on_code(struct bk_session *session, void *arg, const char *code)
{
	(void)session;
	(void)arg;
	printf("code: %s\n", code);
	fflush(stdout);
}

static void on_path(struct bk_session *session, void *arg, const struct bk_path *path)
{
	(void)session;
	(void)arg;
	fprintf(stderr, "%s\n", path->text);
}

/* The one who joined opens the channel, the other one waits for it. */
static void on_open_as_joiner(struct bk_session *session, void *arg)
{
	struct person *p = arg;

	(void)session;
	if (bk_channel_open(p->session, "chat/1", &channel_events, p, &p->channel) == 0)
		lines_resume(p->lines);
}

static void on_closed(struct bk_session *session, void *arg, int error, const char *text)
{
	struct person *p = arg;

	(void)session;
	p->is_ended = true;
	if (error < 0) {
		complain("%s", text);
		p->failed = true;
	}
	bk_loop_stop(p->loop);
}

static void on_signal(void *arg, int signo)
{
	(void)signo;
	on_end_of_input(arg);
}

static int talk(struct person *p, const struct bk_mailbox *mailbox, const char *code)
{
	struct bk_session_events events = {
		.on_code = on_code, .on_path = on_path, .on_channel = on_channel, .on_closed = on_closed};
	const struct bk_session_opts opts = {.mailbox = mailbox, .code = code};
	int err = lines_new(p->loop, &line_events, p, &p->lines);

	if (code)
		events.on_open = on_open_as_joiner;
	if (err >= 0)
		err = bk_session_new(p->loop, &opts, &events, p, &p->session);
	if (err < 0)
		complain("cannot start: %s", bk_error_text(err));
	else if (run_loop(p->loop, on_signal, p) < 0)
		p->failed = true;
	bk_session_free(p->session);
	lines_free(p->lines);
	return err < 0 || p->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- the command line --- */

/* What the mailbox tells beside the mail: an address by which we can be reached, a STUN server that shows how
 * our router maps our ports, how long a file may be on its way. */
static bool read_options(int argc, char **argv, struct bk_mailbox_view *view, int *ret_first)
{
	long seconds = 0;
	int i = 1;

	for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		const char option = argv[i][1], *value = argv[i + 1];
		bool is_good = option == 'd' && read_number(value, 0, DELAY_MAX, &seconds);

		if (option == 'a' && view->addrs_len < BK_MAILBOX_ADDRS_MAX)
			is_good = bk_addr_from_ip(value, 0, &view->addrs[view->addrs_len++]) == 0;
		if (option == 's' && view->stun_len < BK_MAILBOX_SAMPLES_MAX)
			is_good = bk_addr_from_str(value, &view->stun[view->stun_len++]) == 0;
		if (!is_good)
			return false;
	}
	view->mail_delay_ns = seconds * 1000000000;
	*ret_first = i;
	return argc - i == 1 || argc - i == 2;
}

int main(int argc, char **argv)
{
	struct bk_mailbox_view view = {0};
	struct file_mailbox *files = NULL;
	struct person me = {0};
	struct bk_mailbox mailbox;
	int first, code = EXIT_FAILURE;

	if (!read_options(argc, argv, &view, &first))
		return usage(words);
	if (bk_loop_new(BK_LOOP_POLL, &me.loop) >= 0 && file_mailbox_new(argv[first], &view, &files) >= 0) {
		mailbox = file_mailbox_as_mailbox(files);
		code = talk(&me, &mailbox, argv[first + 1]);
	}
	file_mailbox_free(files);
	bk_loop_free(me.loop);
	return code;
}
