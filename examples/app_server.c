/* SPDX-License-Identifier: Apache-2.0 */
/* An application protocol: a header says what the content is, so one connection carries requests as JSON text
 * and bytes that only an application understands. {"action": "search", "value": ...} is answered from a table
 * as {"result": ...}; what cannot be answered is an error in the result, not the end of the connection. Any
 * other content type gets the first ten bytes of it back. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

enum { ECHOED_BYTES = 10, RESULT_MAX = 1024, QUOTED_MAX = 200 };

static const struct {
	const char *value, *result;
} table[] = {
	{"bodkin", "A small pointed tool for making holes in cloth."},
	{"echo", "Every rung of this ladder began as one."},
	{"nat", "A router that gives many machines one address."},
	{"nadel", "Zu spitz für Leder, zu fein für Segel. \U0001faa1"},
};

static const char *result_of_search(const char *value, char text[RESULT_MAX])
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!strcmp(table[i].value, value))
			return table[i].result;
	snprintf(text, RESULT_MAX, "No match for \"%s\".", value);
	return text;
}

static const char *result_of(const struct bk_message *m, char text[RESULT_MAX])
{
	json_t *request = json_loadb(m->content, m->content_len, JSON_REJECT_DUPLICATES, NULL);
	const char *action = json_string_value(json_object_get(request, "action"));
	const char *value = json_string_value(json_object_get(request, "value"));
	const char *result = text;

	if (!action)
		result = "Error: the request is not a JSON object with an action.";
	else if (strlen(action) > QUOTED_MAX || (value && strlen(value) > QUOTED_MAX))
		result = "Error: the action or the value is too long.";
	else if (strcmp(action, "search") != 0)
		snprintf(text, RESULT_MAX, "Error: invalid action \"%s\".", action);
	else if (!value)
		result = "Error: a search needs a value, a string.";
	else
		result = result_of_search(value, text);
	json_decref(request);
	return result;
}

static void answer_json(struct bk_conn *c, const struct bk_message *m)
{
	char text[RESULT_MAX];
	json_t *answer = json_pack("{s:s}", "result", result_of(m, text));
	char *content = json_dumps(answer, 0);

	if (content)
		send_or_close(c, &(struct bk_message){
					 .content = content,
					 .content_len = strlen(content),
					 .content_type = "text/json",
					 .content_encoding = "utf-8",
				 });
	else
		bk_conn_close(c);
	free(content);
	json_decref(answer);
}

static void answer_bytes(struct bk_conn *c, const struct bk_message *m)
{
	char content[64] = "First 10 bytes of request: ";
	size_t said = strlen(content);
	size_t n = m->content_len < ECHOED_BYTES ? m->content_len : ECHOED_BYTES;

	if (n)
		memcpy(content + said, m->content, n);
	send_or_close(c, &(struct bk_message){
				 .content = content,
				 .content_len = said + n,
				 .content_type = "binary/custom-server-binary-type",
				 .content_encoding = "binary",
			 });
}

static void on_message(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	(void)arg;
	if (!strcmp(m->content_type, "text/json"))
		answer_json(c, m);
	else
		answer_bytes(c, m);
}

int main(int argc, char **argv)
{
	static const struct bk_message_opts opts = {.framing = BK_FRAMING_JSON, .message_max = 64 * 1024};
	static const struct bk_message_events events = {
		.on_joined = say_joined,
		.on_message = on_message,
		.on_left = say_left,
	};

	return serve(argc, argv, &opts, &events);
}
