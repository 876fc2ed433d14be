/* SPDX-License-Identifier: Apache-2.0 */
/* An echo for many connections at once, none of which waits for another. What one of them does not read is
 * kept up to a ceiling; then its own sender is made to wait (TCP tells it) until it has read. */
#include <stdlib.h>
#include <string.h>

#include "common.h"

/* What found no room in the queue. The connection is paused as long as there is some. */
struct rest {
	size_t n;
	unsigned char bytes[];
};

static void keep(struct bk_conn *c, const struct bk_message *m)
{
	struct rest *rest = malloc(sizeof(*rest) + m->content_len);

	if (!rest) {
		complain("cannot keep %zu bytes for %s: out of memory", m->content_len, bk_conn_peer(c));
		bk_conn_close(c);
		return;
	}
	rest->n = m->content_len;
	memcpy(rest->bytes, m->content, m->content_len);
	bk_conn_set_data(c, rest);
	bk_conn_pause(c);
}

static void on_message(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	int err = bk_conn_send(c, m);

	(void)arg;
	if (err == BK_E_AGAIN)
		keep(c, m);
	else if (err < 0)
		bk_conn_close(c);
}

static void on_writable(struct bk_conn *c, void *arg)
{
	struct rest *rest = bk_conn_get_data(c);

	(void)arg;
	if (!rest)
		return;
	bk_conn_set_data(c, NULL);
	send_or_close(c, &(struct bk_message){.content = rest->bytes, .content_len = rest->n});
	free(rest);
	bk_conn_resume(c);
}

static void on_left(struct bk_conn *c, void *arg, int error, const char *text)
{
	free(bk_conn_get_data(c));
	bk_conn_set_data(c, NULL);
	say_left(c, arg, error, text);
}

int main(int argc, char **argv)
{
	static const struct bk_message_opts opts = {.framing = BK_FRAMING_RAW, .connections_max = 1000};
	static const struct bk_message_events events = {
		.on_joined = say_joined,
		.on_message = on_message,
		.on_writable = on_writable,
		.on_left = on_left,
	};

	return serve(argc, argv, &opts, &events);
}
