/* SPDX-License-Identifier: Apache-2.0 */
/* Many connections from one program without a thread: each sends its messages, compares what comes back with
 * what it sent, and closes when all of it has come. */
#include <stdlib.h>
#include <string.h>

#include "common.h"

enum { CONNECTIONS_MAX = 1000 };

struct client {
	struct bk_loop *loop;
	char **messages;
	int messages_len;
	char *expected; /* all messages in a row, as they come back */
	size_t expected_len;
	struct one *each;
	long running, complete;
};

struct one {
	struct client *client;
	struct bk_conn *conn;
	long number;
	size_t echoed;
};

static void on_joined(struct bk_conn *c, void *arg)
{
	const struct one *o = arg;

	for (int i = 0; i < o->client->messages_len; i++) {
		const char *text = o->client->messages[i];

		send_or_close(c, &(struct bk_message){.content = text, .content_len = strlen(text)});
	}
}

static void on_message(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	struct one *o = arg;
	const struct client *cl = o->client;

	if (m->content_len > cl->expected_len - o->echoed ||
		memcmp(m->content, cl->expected + o->echoed, m->content_len) != 0) {
		complain("connection %ld: what came back is not what was sent", o->number);
		o->echoed = 0;
		bk_conn_close(c);
		return;
	}
	o->echoed += m->content_len;
	if (o->echoed == cl->expected_len)
		bk_conn_close(c);
}

static void on_left(struct bk_conn *c, void *arg, int error, const char *text)
{
	struct one *o = arg;
	struct client *cl = o->client;

	(void)c;
	o->conn = NULL;
	if (error < 0)
		complain("connection %ld: %s", o->number, text);
	printf("connection %ld: %zu of %zu bytes echoed\n", o->number, o->echoed, cl->expected_len);
	cl->complete += o->echoed == cl->expected_len;
	if (!--cl->running)
		bk_loop_stop(cl->loop);
}

static bool start_all(struct client *cl, char **argv, long count)
{
	static const struct bk_message_opts opts = {.framing = BK_FRAMING_RAW};
	static const struct bk_message_events events = {
		.on_joined = on_joined, .on_message = on_message, .on_left = on_left};

	for (long i = 0; i < count; i++) {
		cl->each[i] = (struct one){.client = cl, .number = i + 1};
		cl->each[i].conn = dial(cl->loop, argv[1], argv[2], &opts, &events, &cl->each[i]);
		if (!cl->each[i].conn)
			return false;
		cl->running++;
	}
	return true;
}

static bool prepare(struct client *cl, long count)
{
	for (int i = 0; i < cl->messages_len; i++)
		cl->expected_len += strlen(cl->messages[i]);
	if (!cl->expected_len) {
		complain("empty messages are not sent: nothing would come back");
		return false;
	}
	cl->expected = calloc(1, cl->expected_len + 1);
	cl->each = calloc((size_t)count, sizeof(*cl->each));
	if (!cl->expected || !cl->each || bk_loop_new(BK_LOOP_AUTO, &cl->loop) < 0)
		return false;
	for (int i = 0; i < cl->messages_len; i++)
		strcat(cl->expected, cl->messages[i]);
	return true;
}

int main(int argc, char **argv)
{
	static char first[] = "the first message, ", second[] = "and the second";
	static char *two[] = {first, second};
	struct client cl = {.messages = argc > 4 ? argv + 4 : two, .messages_len = argc > 4 ? argc - 4 : 2};
	bool done = false;
	long count;

	if (argc < 4 || !read_number(argv[3], 1, CONNECTIONS_MAX, &count))
		return usage("HOST PORT CONNECTIONS [MESSAGE]...");
	if (prepare(&cl, count) && start_all(&cl, argv, count)) {
		bk_loop_run(cl.loop);
		printf("%ld of %ld connections complete\n", cl.complete, count);
		done = cl.complete == count;
	}
	for (long i = 0; cl.each && i < count; i++)
		bk_conn_free(cl.each[i].conn);
	bk_loop_free(cl.loop);
	free(cl.each);
	free(cl.expected);
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
