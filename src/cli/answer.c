/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bodkin/error.h>

#include "apps/ping.h"
#include "base/time.h"

/* The one who called is on his way, or lost. */
#define WAIT (30 * BK_SEC)

struct bk_cli_answer {
	struct bk_cli_answers *all;
	struct bk_cli_device from;
	char code[BK_GROUP_CALL_CODE_MAX + 1];
	struct bk_ping *ping;
};

void bk_cli_answers_init(struct bk_cli_answers *a, struct bk_cli_frame *f)
{
	*a = (struct bk_cli_answers){.frame = f};
}

static void note(
	struct bk_cli_answers *a, const struct bk_cli_device *from, const char *what, const char *why)
{
	char text[BK_CLI_TEXT_MAX];

	snprintf(text, sizeof(text), "ping from %s: %s%s", from->name, what, why);
	bk_cli_report_note(a->frame->report, 1, text);
}

static void end(struct bk_cli_answer *answer)
{
	for (int i = 0; i < BK_CLI_ANSWERS_MAX; i++)
		if (answer->all->list[i] == answer)
			answer->all->list[i] = NULL;
	bk_ping_free(answer->ping);
	free(answer);
}

static void on_pong(void *arg, uint64_t number, double rtt_ms)
{
	(void)arg;
	(void)number;
	(void)rtt_ms;
}

static void on_end(void *arg, const struct bk_rally_result *result, const struct bk_call_failure *failure)
{
	struct bk_cli_answer *answer = arg;

	(void)result;
	note(answer->all, &answer->from, failure ? failure->text : "answered", "");
	end(answer);
}

/* The same call comes again where the caller does not know whether it was heard. */
static bool has_call(const struct bk_cli_answers *a, const struct bk_cli_device *from, const char *code)
{
	for (int i = 0; i < BK_CLI_ANSWERS_MAX; i++)
		if (a->list[i] && !memcmp(a->list[i]->from.key, from->key, sizeof(from->key)) &&
			!strcmp(a->list[i]->code, code))
			return true;
	return false;
}

/* NULL: there are enough, of all or of this one. */
static struct bk_cli_answer **find_place(struct bk_cli_answers *a, const struct bk_cli_device *from)
{
	struct bk_cli_answer **place = NULL;
	int his = 0;

	for (int i = 0; i < BK_CLI_ANSWERS_MAX; i++) {
		if (!a->list[i])
			place = &a->list[i];
		else if (!memcmp(a->list[i]->from.key, from->key, sizeof(from->key)))
			his++;
	}
	return his < BK_CLI_ANSWERS_EACH_MAX ? place : NULL;
}

static int start(struct bk_cli_answer *answer, char text[BK_PING_TEXT_MAX])
{
	static const struct bk_ping_events events = {.on_pong = on_pong, .on_end = on_end};
	const struct bk_cli_frame *f = answer->all->frame;
	struct bk_session_opts session = f->session;
	const struct bk_ping_opts opts = {.session = &session};

	session.code = answer->code;
	session.code_wish = NULL;
	session.key_dir = f->session.state_dir;
	session.peer_key = answer->from.key;
	session.wait_ns = WAIT;
	return bk_ping_new(f->loop, &opts, &events, answer, &answer->ping, text);
}

static void answer(struct bk_cli_answers *a, struct bk_cli_answer **place, const struct bk_cli_device *from,
	const char *code)
{
	struct bk_cli_answer *one = calloc(1, sizeof(*one));
	char text[BK_PING_TEXT_MAX] = "";
	int err;

	if (!one)
		return;
	*one = (struct bk_cli_answer){.all = a, .from = *from};
	snprintf(one->code, sizeof(one->code), "%s", code);
	*place = one;
	err = start(one, text);
	if (err < 0) {
		note(a, from, "not answered: ", *text ? text : bk_error_text(err));
		end(one);
	}
}

bool bk_cli_answers_take(
	struct bk_cli_answers *a, const struct bk_cli_device *from, const char *purpose, const char *code)
{
	struct bk_cli_answer **place;

	if (strcmp(purpose, "ping") != 0)
		return false;
	if (from->verdict == BK_CLI_DEVICE_CHANGED || has_call(a, from, code))
		return true;
	place = find_place(a, from);
	if (place)
		answer(a, place, from, code);
	else
		note(a, from, "not answered: there are too many", "");
	return true;
}

void bk_cli_answers_done(struct bk_cli_answers *a)
{
	for (int i = 0; i < BK_CLI_ANSWERS_MAX; i++)
		if (a->list[i])
			end(a->list[i]);
}
