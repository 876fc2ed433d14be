/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest server that fans out: who says "join" hears every message, who says "idle" or "pub" hears
 * none; everything else is passed on. It stands on the public API, as anybody's would. */
#include <stdio.h>
#include <string.h>

#include <bodkin/service.h>

static struct bk_service *service;

static bool says(const struct bk_message *m, const char *word)
{
	return m->content_len == strlen(word) && !memcmp(m->content, word, m->content_len);
}

static void on_joined(struct bk_conn *c, void *arg)
{
	(void)arg;
	bk_conn_set_audience(c, false);
}

static void on_message(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	static const struct bk_message ok = {.content = "ok", .content_len = 2};

	(void)arg;
	if (says(m, "join") || says(m, "idle") || says(m, "pub")) {
		bk_conn_set_audience(c, says(m, "join"));
		bk_conn_send(c, &ok);
		return;
	}
	bk_service_broadcast(service, m, c);
}

static void on_left(struct bk_conn *c, void *arg, int error, const char *text)
{
	(void)arg;
	if (error == BK_E_TOO_SLOW)
		fprintf(stderr, "fanout_server: dropped %s: %s\n", bk_conn_peer(c), text);
}

int main(int argc, char **argv)
{
	static const struct bk_message_events events = {
		.on_joined = on_joined, .on_message = on_message, .on_left = on_left};
	const struct bk_message_opts opts = {
		.framing = BK_FRAMING_LENGTH, .queue_max = 16 << 20, .connections_max = 20000};
	char address[64], text[BK_SERVICE_TEXT_MAX];
	struct bk_loop *loop;

	snprintf(address, sizeof(address), "127.0.0.1:%s", argc == 2 ? argv[1] : "0");
	if (bk_loop_new(BK_LOOP_AUTO, &loop) < 0 ||
		bk_service_new(loop, address, &opts, &events, NULL, &service, text) < 0) {
		fprintf(stderr, "fanout_server: %s\n", text);
		return 1;
	}
	return bk_loop_run(loop) < 0;
}
