/* SPDX-License-Identifier: Apache-2.0 */
/* Sends each of its arguments as a message with a key-value header, and prints the header and the content of
 * each answer. All go out at once; the framing keeps them apart. */
#include <stdlib.h>
#include <string.h>

#include "common.h"

struct client {
	struct bk_loop *loop;
	struct bk_conn *conn;
	char **texts;
	int texts_len, answers;
};

static void on_joined(struct bk_conn *c, void *arg)
{
	const struct client *cl = arg;

	for (int i = 0; i < cl->texts_len; i++)
		send_or_close(c, &(struct bk_message){
					 .content = cl->texts[i],
					 .content_len = strlen(cl->texts[i]),
					 .header = "type:message",
				 });
}

static void on_message(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	struct client *cl = arg;

	putchar('[');
	print_clean(stdout, m->header, strlen(m->header));
	fputs("] ", stdout);
	print_clean(stdout, m->content, m->content_len);
	putchar('\n');
	if (++cl->answers == cl->texts_len)
		bk_conn_close(c);
}

static void on_left(struct bk_conn *c, void *arg, int error, const char *text)
{
	struct client *cl = arg;

	(void)c;
	cl->conn = NULL;
	if (error < 0)
		complain("%d of %d answers came: %s", cl->answers, cl->texts_len, text);
	bk_loop_stop(cl->loop);
}

int main(int argc, char **argv)
{
	static const struct bk_message_opts opts = {
		.framing = BK_FRAMING_KEY_VALUE, .message_max = 64 * 1024};
	static const struct bk_message_events events = {
		.on_joined = on_joined, .on_message = on_message, .on_left = on_left};
	struct client cl = {.texts = argv + 3, .texts_len = argc - 3};

	if (argc < 4)
		return usage("HOST PORT TEXT...");
	if (bk_loop_new(BK_LOOP_AUTO, &cl.loop) >= 0)
		cl.conn = dial(cl.loop, argv[1], argv[2], &opts, &events, &cl);
	if (cl.conn)
		bk_loop_run(cl.loop);
	bk_conn_free(cl.conn);
	bk_loop_free(cl.loop);
	return cl.answers == cl.texts_len ? EXIT_SUCCESS : EXIT_FAILURE;
}
