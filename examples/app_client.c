/* SPDX-License-Identifier: Apache-2.0 */
/* Asks one question of an application server and prints the answer. The action "binary" sends the two words
 * as bytes of a type of its own; any other one becomes a request in JSON. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

struct client {
	struct bk_loop *loop;
	struct bk_conn *conn;
	const char *action, *value;
	bool answered;
};

static void ask(struct bk_conn *c, const char *content, const char *type, const char *encoding)
{
	if (!content) {
		complain("cannot ask: the action and the value must be UTF-8 text");
		bk_conn_close(c);
		return;
	}
	send_or_close(c, &(struct bk_message){
				 .content = content,
				 .content_len = strlen(content),
				 .content_type = type,
				 .content_encoding = encoding,
			 });
}

static void on_joined(struct bk_conn *c, void *arg)
{
	const struct client *cl = arg;
	char *content = NULL;

	if (!strcmp(cl->action, "binary")) {
		if (asprintf(&content, "%s%s", cl->action, cl->value) < 0)
			content = NULL;
		ask(c, content, "binary/custom-client-binary-type", "binary");
	} else {
		json_t *request = json_pack("{s:s, s:s}", "action", cl->action, "value", cl->value);

		content = json_dumps(request, 0);
		json_decref(request);
		ask(c, content, "text/json", "utf-8");
	}
	free(content);
}

static bool print_result(const struct bk_message *m)
{
	json_t *answer = json_loadb(m->content, m->content_len, JSON_REJECT_DUPLICATES, NULL);
	const char *result = json_string_value(json_object_get(answer, "result"));

	if (result) {
		fputs("result: ", stdout);
		print_clean(stdout, result, strlen(result));
		putchar('\n');
	} else {
		complain("the answer is not a JSON object with a result");
	}
	json_decref(answer);
	return result != NULL;
}

static bool print_bytes(const struct bk_message *m)
{
	const unsigned char *bytes = m->content;

	print_clean(stdout, m->content_type, strlen(m->content_type));
	fputs(": ", stdout);
	for (size_t i = 0; i < m->content_len; i++) {
		if (bytes[i] >= 0x20 && bytes[i] < 0x7f && bytes[i] != '\\')
			putchar(bytes[i]);
		else
			printf("\\x%02x", bytes[i]);
	}
	putchar('\n');
	return true;
}

static void on_message(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	struct client *cl = arg;

	cl->answered = !strcmp(m->content_type, "text/json") ? print_result(m) : print_bytes(m);
	bk_conn_close(c);
}

static void on_left(struct bk_conn *c, void *arg, int error, const char *text)
{
	struct client *cl = arg;

	(void)c;
	cl->conn = NULL;
	if (error < 0)
		complain("no answer: %s", text);
	bk_loop_stop(cl->loop);
}

int main(int argc, char **argv)
{
	static const struct bk_message_opts opts = {.framing = BK_FRAMING_JSON, .message_max = 64 * 1024};
	static const struct bk_message_events events = {
		.on_joined = on_joined, .on_message = on_message, .on_left = on_left};
	struct client cl = {0};

	if (argc != 5)
		return usage("HOST PORT ACTION VALUE");
	cl.action = argv[3];
	cl.value = argv[4];
	if (bk_loop_new(BK_LOOP_AUTO, &cl.loop) >= 0)
		cl.conn = dial(cl.loop, argv[1], argv[2], &opts, &events, &cl);
	if (cl.conn)
		bk_loop_run(cl.loop);
	bk_conn_free(cl.conn);
	bk_loop_free(cl.loop);
	return cl.answered ? EXIT_SUCCESS : EXIT_FAILURE;
}
