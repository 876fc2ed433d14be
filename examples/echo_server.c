/* SPDX-License-Identifier: Apache-2.0 */
/* Sends back what comes. TCP carries bytes, not messages: with BK_FRAMING_RAW a "message" is whatever one read
 * brought, half a line or three of them, and an echo need not care. A client that sends and never reads is
 * sent away when its queue is full. */
#include "common.h"

static void on_message(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	(void)arg;
	send_or_close(c, m);
}

int main(int argc, char **argv)
{
	static const struct bk_message_opts opts = {.framing = BK_FRAMING_RAW};
	static const struct bk_message_events events = {
		.on_joined = say_joined,
		.on_message = on_message,
		.on_left = say_left,
	};

	return serve(argc, argv, &opts, &events);
}
