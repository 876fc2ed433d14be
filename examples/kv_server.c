/* SPDX-License-Identifier: Apache-2.0 */
/* The key-value header: "CL:7;type:message" before seven bytes. The library writes and reads CL, the content
 * length; the other pairs are the application's. A message is answered with itself, anything else with an
 * error that says so. */
#include <string.h>

#include "common.h"

/* Whether the pair stands in the header, whole: between the ends and semicolons. */
static bool has_pair(const char *header, const char *pair)
{
	size_t n = strlen(pair);

	for (const char *at = header; at; at = strchr(at, ';')) {
		at += *at == ';';
		if (!strncmp(at, pair, n) && (at[n] == ';' || at[n] == '\0'))
			return true;
	}
	return false;
}

static void on_message(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	static const char sorry[] = "only type:message is understood here";

	(void)arg;
	if (has_pair(m->header, "type:message"))
		send_or_close(c, &(struct bk_message){
					 .content = m->content,
					 .content_len = m->content_len,
					 .header = "type:message",
				 });
	else
		send_or_close(c, &(struct bk_message){
					 .content = sorry,
					 .content_len = strlen(sorry),
					 .header = "type:error",
				 });
}

int main(int argc, char **argv)
{
	static const struct bk_message_opts opts = {
		.framing = BK_FRAMING_KEY_VALUE, .message_max = 64 * 1024};
	static const struct bk_message_events events = {
		.on_joined = say_joined,
		.on_message = on_message,
		.on_left = say_left,
	};

	return serve(argc, argv, &opts, &events);
}
