/* SPDX-License-Identifier: Apache-2.0 */
/* Two people who cannot reach each other meet here: what one says is relayed to the other, word for word. A
 * third is told that the table is full. Lines that begin with "* " are the server's own. */
#include <string.h>

#include "common.h"

enum { PEOPLE_MAX = 2, WORDS_MAX = 8 * 1024 };

static unsigned people; /* at the table */

static struct bk_message notice(const char *text)
{
	return (struct bk_message){.content = text, .content_len = strlen(text)};
}

static void on_joined(struct bk_conn *c, void *arg)
{
	const struct server *s = arg;
	const struct bk_message full = notice("* two people are talking already");
	const struct bk_message alone = notice("* nobody else is here yet");
	const struct bk_message both = notice("* the other one is here");

	say_joined(c, arg);
	if (people == PEOPLE_MAX) {
		send_or_close(c, &full);
		bk_conn_close(c);
		return;
	}
	bk_conn_set_data(c, &people); /* marked: one of the two */
	if (++people == PEOPLE_MAX)
		bk_service_broadcast(s->service, &both, NULL);
	else
		send_or_close(c, &alone);
}

static void on_message(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	const struct server *s = arg;
	const struct bk_message alone = notice("* nobody else is here yet");
	const struct bk_message words = {.content = m->content, .content_len = m->content_len};

	if (bk_service_broadcast(s->service, &words, c) == 0)
		send_or_close(c, &alone);
}

static void on_left(struct bk_conn *c, void *arg, int error, const char *text)
{
	const struct server *s = arg;
	const struct bk_message gone = notice("* the other one left");

	say_left(c, arg, error, text);
	if (!bk_conn_get_data(c))
		return;
	people--;
	bk_service_broadcast(s->service, &gone, c);
}

int main(int argc, char **argv)
{
	static const struct bk_message_opts opts = {.framing = BK_FRAMING_LENGTH, .message_max = WORDS_MAX};
	static const struct bk_message_events events = {
		.on_joined = on_joined,
		.on_message = on_message,
		.on_left = on_left,
	};

	return serve(argc, argv, &opts, &events);
}
