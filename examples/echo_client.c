/* SPDX-License-Identifier: Apache-2.0 */
/* Sends a line, waits until all of it has come back, prints it, takes the next line. The echo may come back
 * in pieces, so it counts bytes. It refuses empty lines: nothing would be sent, nothing would come back, and
 * it would wait for ever. */
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "lines.h"

struct client {
	struct bk_loop *loop;
	struct bk_conn *conn;
	struct lines *lines;
	size_t awaited; /* bytes of the echo that have not come yet */
	bool failed;
};

static void on_line(void *arg, const char *line, size_t n)
{
	struct client *cl = arg;
	const struct bk_message m = {.content = line, .content_len = n};
	int err;

	if (!cl->conn) /* it has ended, and the loop is about to */
		return;
	if (!n) {
		complain("an empty line is not sent: nothing would come back; q quits");
		return;
	}
	if (!strcmp(line, "q")) {
		lines_pause(cl->lines);
		bk_conn_close(cl->conn);
		return;
	}
	lines_pause(cl->lines);
	cl->awaited = n;
	err = bk_conn_send(cl->conn, &m);
	if (err < 0) {
		complain("cannot send: %s", bk_error_text(err));
		cl->failed = true;
		bk_conn_close(cl->conn);
	}
}

static void on_end_of_input(void *arg)
{
	struct client *cl = arg;

	if (cl->conn && !cl->awaited)
		bk_conn_close(cl->conn);
}

static const struct lines_events line_events = {.on_line = on_line, .on_end = on_end_of_input};

static void on_joined(struct bk_conn *c, void *arg)
{
	struct client *cl = arg;

	(void)c;
	lines_resume(cl->lines);
}

static void on_message(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	struct client *cl = arg;

	(void)c;
	fwrite(m->content, 1, m->content_len, stdout);
	if (cl->awaited > m->content_len) {
		cl->awaited -= m->content_len;
	} else if (cl->awaited) {
		cl->awaited = 0;
		putchar('\n');
		lines_resume(cl->lines);
	}
	fflush(stdout);
}

static void on_left(struct bk_conn *c, void *arg, int error, const char *text)
{
	struct client *cl = arg;

	(void)c;
	cl->conn = NULL;
	if (error < 0) {
		complain("%s", text);
		cl->failed = true;
	}
	bk_loop_stop(cl->loop);
}

int main(int argc, char **argv)
{
	static const struct bk_message_opts opts = {.framing = BK_FRAMING_RAW};
	static const struct bk_message_events events = {
		.on_joined = on_joined, .on_message = on_message, .on_left = on_left};
	struct client cl = {.failed = true};

	if (argc != 3)
		return usage("HOST PORT");
	if (bk_loop_new(BK_LOOP_POLL, &cl.loop) >= 0 && lines_new(cl.loop, &line_events, &cl, &cl.lines) >= 0)
		cl.conn = dial(cl.loop, argv[1], argv[2], &opts, &events, &cl);
	if (cl.conn) {
		cl.failed = false;
		bk_loop_run(cl.loop);
	}
	bk_conn_free(cl.conn);
	lines_free(cl.lines);
	bk_loop_free(cl.loop);
	return cl.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
