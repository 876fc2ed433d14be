/* SPDX-License-Identifier: Apache-2.0 */
/* Two people behind any routers talk by a code, in a program that has an event loop of its own. Its poll
 * watches the keyboard and one descriptor of bodkin's loop, and that is all: whenever the descriptor is
 * readable it gives the loop a turn. The one without a code gets one; Ctrl-D says that nothing more comes. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/session.h>

#include "common.h"

#define KIND "talk/1"

enum { TYPED_MAX = 4096, HEARD_MAX = 1024 };

struct talk {
	const char *server, *code; /* code: NULL for the one who makes it */
	struct bk_loop *loop;
	struct bk_session *session;
	struct bk_channel *channel;
	char typed[TYPED_MAX]; /* and not taken yet */
	char heard[HEARD_MAX]; /* of a line that is not whole yet */
	size_t typed_len, heard_len;
	bool said_all, heard_all, is_over, failed;
};

static void fail(struct talk *t, const char *text)
{
	complain("%s", text);
	t->failed = t->is_over = true;
}

static void close_when_done(struct talk *t)
{
	if (t->said_all && t->heard_all)
		bk_session_close(t->session, 0);
}

/* --- saying --- */

static void say(void *arg)
{
	struct talk *t = arg;

	if (t->typed_len && bk_channel_write(t->channel, t->typed, t->typed_len) != BK_E_AGAIN)
		t->typed_len = 0;
}

/* What is typed waits until there is somebody to tell it to, and until it can be told. */
static bool wants_keyboard(const struct talk *t)
{
	return t->channel && !t->typed_len && !t->said_all;
}

static void read_keyboard(struct talk *t)
{
	ssize_t n = read(STDIN_FILENO, t->typed, sizeof(t->typed));

	if (n > 0) {
		t->typed_len = (size_t)n;
		say(t);
	} else if (n == 0 || errno != EINTR) {
		t->said_all = true;
		bk_channel_finish(t->channel);
		close_when_done(t);
	}
}

/* --- hearing --- */

static void end_line(struct talk *t)
{
	print_clean(stdout, t->heard, t->heard_len);
	putchar('\n');
	t->heard_len = 0;
}

static void on_data(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	struct talk *t = arg;

	(void)channel;
	for (size_t i = 0; i < n; i++) {
		if (data[i] != '\n')
			t->heard[t->heard_len++] = (char)data[i];
		if (data[i] == '\n' || t->heard_len == sizeof(t->heard))
			end_line(t);
	}
}

static void on_finished(struct bk_channel *channel, void *arg)
{
	struct talk *t = arg;

	(void)channel;
	if (t->heard_len)
		end_line(t);
	t->heard_all = true;
	close_when_done(t);
}

static void on_reset(struct bk_channel *channel, void *arg, int error)
{
	struct talk *t = arg;

	(void)channel;
	(void)error; /* on_closed says why */
	t->channel = NULL;
}

static void on_writable(struct bk_channel *channel, void *arg)
{
	(void)channel;
	say(arg);
}

static const struct bk_channel_events channel_events = {
	.on_data = on_data, .on_writable = on_writable, .on_finished = on_finished, .on_reset = on_reset};

/* --- the session --- */

static void on_code(struct bk_session *session, void *arg, const char *code)
{
	const struct talk *t = arg;

	(void)session;
	if (!t->code)
		printf("on the other machine: own_loop %s %s\n", t->server, code);
}

static void on_open(struct bk_session *session, void *arg)
{
	struct talk *t = arg;

	(void)session;
	if (t->code && bk_channel_open(t->session, KIND, &channel_events, t, &t->channel) < 0)
		fail(t, "cannot open a channel");
}

static void on_channel(struct bk_session *session, void *arg, struct bk_channel *channel, const char *kind)
{
	struct talk *t = arg;

	(void)session;
	if (t->channel || strcmp(kind, KIND) != 0)
		return;
	t->channel = channel;
	bk_channel_listen(channel, &channel_events, t);
}

static void on_path(struct bk_session *session, void *arg, const struct bk_path *path)
{
	(void)session;
	(void)arg;
	printf("path: %s\n", path->text);
}

static void on_closed(struct bk_session *session, void *arg, int error, const char *text)
{
	struct talk *t = arg;

	(void)session;
	t->channel = NULL;
	t->is_over = true;
	if (error < 0)
		fail(t, text);
}

static int start(struct talk *t)
{
	static const struct bk_session_events events = {.on_code = on_code,
		.on_path = on_path,
		.on_open = on_open,
		.on_channel = on_channel,
		.on_closed = on_closed};
	const struct bk_session_opts opts = {.server = t->server, .code = t->code};
	int err = bk_loop_new(BK_LOOP_AUTO, &t->loop);

	if (err >= 0)
		err = bk_session_new(t->loop, &opts, &events, t, &t->session);
	return err;
}

/* --- the program's own loop --- */

static void run(struct talk *t)
{
	int fd = bk_loop_fd(t->loop);

	if (fd < 0)
		fail(t, bk_error_text(fd));
	while (!t->is_over) {
		struct pollfd p[] = {{.fd = fd, .events = POLLIN},
			{.fd = wants_keyboard(t) ? STDIN_FILENO : -1, .events = POLLIN}};

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			fail(t, strerror(errno));
		if (p[1].revents)
			read_keyboard(t);
		if (p[0].revents && bk_loop_turn(t->loop, 0) < 0)
			fail(t, "cannot run");
	}
}

static void on_interrupt(void *arg, int signo)
{
	struct talk *t = arg;

	(void)signo;
	t->failed = true;
	bk_session_close(t->session, BK_E_CANCELLED);
}

int main(int argc, char **argv)
{
	struct talk t = {.server = argc > 1 ? argv[1] : "", .code = argc == 3 ? argv[2] : NULL};
	struct bk_signal *interrupt = NULL;
	int err;

	if (argc < 2 || argc > 3)
		return usage("HOST[:PORT][#PIN] [CODE]");
	setvbuf(stdout, NULL, _IOLBF, 0);
	err = start(&t);
	if (err >= 0)
		err = bk_signal_new(t.loop, SIGINT, on_interrupt, &t, &interrupt);
	if (err < 0) {
		complain("cannot use server '%s' and code '%s': %s", t.server, t.code ? t.code : "",
			bk_error_text(err));
		t.failed = true;
	} else {
		run(&t);
	}
	bk_signal_free(interrupt);
	bk_session_free(t.session);
	bk_loop_free(t.loop);
	return t.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
