/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/takings.h"

#include <bodkin/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/consent.h"
#include "cli/frame.h"

struct taking {
	struct bk_list link;
	struct bk_cli_takings *of;
	struct bk_cli_report report; /* the same, in the sender's name */
	struct bk_recv *recv;        /* NULL: it waits for its turn */
	char from[BK_GROUP_NAME_MAX + 1], verb[BK_GROUP_NAME_MAX + 32];
	uint8_t key[BK_GROUP_KEY_LEN];
	char code[BK_GROUP_CALL_CODE_MAX + 1];
	bool is_trusted, is_refused, has_question, has_modes;
	uint64_t bytes, total; /* of its content, so far and in all */
	double rate;
	enum bk_transfer_question question;
};

static struct taking *taking_of(struct bk_list *link)
{
	return bk_container_of(link, struct taking, link);
}

static void begin_next(struct bk_cli_takings *t);

/* --- the end of one --- */

static void forget(struct taking *k)
{
	struct bk_cli_takings *t = k->of;

	if (k->recv && t->question.recv == k->recv)
		bk_cli_question_drop(&t->question);
	bk_list_remove(&k->link);
	bk_recv_free(k->recv);
	free(k);
}

static void end(struct taking *k)
{
	struct bk_cli_takings *t = k->of;

	forget(k);
	if (!t->is_stopping)
		begin_next(t);
	else if (bk_list_empty(&t->all))
		t->on_stopped(t->arg);
}

static void fail(struct taking *k, int error, const char *text)
{
	char line[BK_CLI_TEXT_MAX + BK_GROUP_NAME_MAX + 16];

	snprintf(line, sizeof(line), "from %s: %s", k->from, text);
	bk_cli_report_error(&k->report, error, line);
	end(k);
}

static void on_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct taking *k = arg;
	char text[BK_CLI_TEXT_MAX];

	(void)call;
	if (failure->error == BK_E_DECLINED && k->is_refused) {
		end(k);
		return;
	}
	snprintf(text, sizeof(text), "%s", failure->text);
	if (failure->error == BK_E_DECLINED && !k->of->has_person && !k->is_trusted)
		snprintf(text, sizeof(text), "declined, for nobody is here to ask; --from '%s' takes it",
			k->from);
	fail(k, failure->error, text);
}

static void on_done(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct taking *k = arg;

	(void)call;
	bk_cli_report_done(&k->report, k->verb, result);
	if (k->is_trusted && k->has_modes && result->paths_len && !k->of->options->executable)
		bk_cli_consent_say_modes(&k->report, k->from);
	end(k);
}

/* --- on its way --- */

static void on_peer(struct bk_call *call, void *arg, const struct bk_peer *peer)
{
	struct taking *k = arg;
	struct bk_peer known = *peer;

	(void)call;
	known.name = k->from; /* by which we know its key */
	bk_cli_report_peer(&k->report, &known);
}

static void on_path(struct bk_call *call, void *arg, const struct bk_path *path)
{
	struct taking *k = arg;

	(void)call;
	k->report.is_lost = false;
	if (k->report.is_json || k->report.verbosity)
		bk_cli_report_path(&k->report, path);
}

static void on_lost(struct bk_call *call, void *arg, const char *text)
{
	struct taking *k = arg;

	(void)call;
	bk_cli_report_lost(&k->report, text);
}

static void on_note(struct bk_call *call, void *arg, int verbosity, const char *text)
{
	struct taking *k = arg;
	char line[BK_CLI_TEXT_MAX + BK_GROUP_NAME_MAX + 16];

	(void)call;
	snprintf(line, sizeof(line), "from %s: %s", k->from, text);
	bk_cli_report_note(&k->report, verbosity, line);
}

static void on_offer(struct bk_call *call, void *arg, const struct bk_transfer_offer *offer)
{
	struct taking *k = arg;

	(void)call;
	k->has_modes = bk_cli_consent_has_modes(offer);
	bk_cli_report_offer(&k->report, offer);
}

static void on_conflict(struct bk_call *call, void *arg, const struct bk_transfer_entry *entry,
	enum bk_transfer_conflict how, const char *as)
{
	struct taking *k = arg;

	(void)call;
	bk_cli_report_conflict(&k->report, entry, how, as);
}

/* One bar for all of them; a question is not overwritten. */
static void show_progress(struct bk_cli_takings *t)
{
	uint64_t bytes = 0, total = 0;
	double rate = 0;
	bool is_lost = true;

	if (t->report->is_question_open)
		return;
	bk_list_each(it, tmp, &t->all)
	{
		const struct taking *k = taking_of(it);

		bytes += k->bytes;
		total += k->total;
		rate += k->report.is_lost ? 0 : k->rate;
		is_lost = is_lost && k->report.is_lost;
	}
	t->report->is_lost = is_lost;
	bk_cli_report_progress(t->report, bytes, total, rate);
}

static void on_progress(struct bk_call *call, void *arg, uint64_t bytes, uint64_t total, double rate)
{
	struct taking *k = arg;

	(void)call;
	k->bytes = bytes;
	k->total = total;
	k->rate = rate;
	if (k->report.is_json)
		bk_cli_report_progress(&k->report, bytes, total, rate);
	else
		show_progress(k->of);
}

/* --- questions, one at a time --- */

static void ask_next(void *arg)
{
	struct bk_cli_takings *t = arg;

	if (t->question.recv) {
		if (!t->report->is_question_open)
			bk_cli_question_repeat(&t->question);
		return;
	}
	bk_list_each(it, tmp, &t->all)
	{
		struct taking *k = taking_of(it);

		if (!k->has_question)
			continue;
		k->has_question = false;
		snprintf(t->report->peer, sizeof(t->report->peer), "%s", k->report.peer);
		bk_cli_question_ask(&t->question, k->recv, k->question, bk_recv_offer(k->recv));
		return;
	}
}

static void on_answered(void *arg)
{
	struct bk_cli_takings *t = arg;

	bk_timer_start(t->next, 0);
}

/* Something was said below a question: it is to be seen again. */
static void on_wipe(void *arg)
{
	struct bk_cli_takings *t = arg;

	if (t->question.recv && t->report->is_question_open)
		bk_timer_start(t->next, 0);
}

static void wipe_for_one(void *arg)
{
	bk_cli_report_wipe(arg);
}

static void on_ask(struct bk_call *call, void *arg, enum bk_transfer_question question,
	const struct bk_transfer_offer *offer)
{
	struct taking *k = arg;

	(void)call;
	(void)offer;
	if (!k->of->has_person || k->is_refused) {
		bk_recv_answer(k->recv, false);
		return;
	}
	k->has_question = true;
	k->question = question;
	bk_timer_start(k->of->next, 0);
}

/* --- the beginning --- */

static bool is_trusted(const struct bk_cli_options *o, const char *from)
{
	for (size_t i = 0; i < o->from.len; i++)
		if (!strcmp(o->from.items[i], from))
			return true;
	return o->yes;
}

static int begin(struct taking *k, char text[BK_TRANSFER_TEXT_MAX])
{
	static const struct bk_call_news news = {.size = sizeof(news),
		.on_peer = on_peer,
		.on_path = on_path,
		.on_note = on_note,
		.on_lost = on_lost};
	static const struct bk_transfer_events events = {.size = sizeof(events),
		.news = &news,
		.on_offer = on_offer,
		.on_ask = on_ask,
		.on_conflict = on_conflict,
		.on_progress = on_progress,
		.on_done = on_done,
		.on_error = on_error};
	struct bk_cli_takings *t = k->of;
	const struct bk_cli_options *o = t->options;
	struct bk_session_opts session = t->session;
	const struct bk_recv_opts opts = {.size = sizeof(opts),
		.session = &session,
		.folder = o->output ? o->output : ".",
		.asks_accept = !k->is_trusted,
		.takes_hidden = o->hidden,
		.takes_executable = o->executable,
		.bytes_max = o->max_size,
		.limit = o->limit,
		.conflict = bk_cli_consent_conflict(
			o, t->has_person ? BK_TRANSFER_CONFLICT_ASK : BK_TRANSFER_CONFLICT_RENAME)};

	session.code = k->code;
	session.peer_key = k->key;
	return bk_recv_new(t->loop, &opts, &events, k, &k->recv, text);
}

static unsigned count(struct bk_cli_takings *t, const uint8_t *key, bool are_under_way)
{
	unsigned n = 0;

	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed was taken out of the list */
	bk_list_each(it, tmp, &t->all)
	{
		const struct taking *k = taking_of(it);

		n += !k->recv == !are_under_way && (!key || !memcmp(k->key, key, sizeof(k->key)));
	}
	return n;
}

/* Keys cost nothing: all who are not trusted have half of the places, however many they are. */
static bool is_crowded(struct bk_cli_takings *t, bool are_under_way, unsigned max)
{
	unsigned n = 0;

	bk_list_each(it, tmp, &t->all)
	{
		const struct taking *k = taking_of(it);

		n += !k->recv == !are_under_way && !k->is_trusted;
	}
	return n >= max / 2;
}

/* The first whose turn it is: nobody has more than his share, so nobody keeps the others out. */
static struct taking *find_next(struct bk_cli_takings *t)
{
	if (count(t, NULL, true) >= BK_CLI_TAKINGS_MAX)
		return NULL;
	bk_list_each(it, tmp, &t->all)
	{
		struct taking *k = taking_of(it);

		if (!k->recv && count(t, k->key, true) < BK_CLI_TAKINGS_SHARE &&
			(k->is_trusted || !is_crowded(t, true, BK_CLI_TAKINGS_MAX)))
			return k;
	}
	return NULL;
}

static void begin_next(struct bk_cli_takings *t)
{
	struct taking *k;
	char text[BK_TRANSFER_TEXT_MAX], line[BK_CLI_TEXT_MAX + BK_GROUP_NAME_MAX + 16];
	int err;

	while ((k = find_next(t))) {
		err = begin(k, text);
		if (err >= 0)
			continue;
		snprintf(line, sizeof(line), "from %s: %s", k->from, text);
		bk_cli_report_error(&k->report, err, line);
		forget(k);
	}
}

static bool is_known(struct bk_cli_takings *t, const uint8_t *key, const char *code)
{
	bk_list_each(it, tmp, &t->all)
	{
		const struct taking *k = taking_of(it);

		if (!memcmp(k->key, key, sizeof(k->key)) && !strcmp(k->code, code))
			return true;
	}
	return false;
}

static struct taking *new_taking(
	struct bk_cli_takings *t, const char *from, const uint8_t key[BK_GROUP_KEY_LEN], const char *code)
{
	struct taking *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	bk_list_init(&k->link);
	k->of = t;
	snprintf(k->from, sizeof(k->from), "%s", from);
	snprintf(k->verb, sizeof(k->verb), "Received from %s:", from);
	snprintf(k->code, sizeof(k->code), "%s", code);
	memcpy(k->key, key, sizeof(k->key));
	k->report = *t->report;
	k->report.from = k->from;
	k->report.has_bar = false;
	k->report.is_lasting = true;
	k->report.on_wipe = wipe_for_one;
	k->report.wipe_arg = t->report;
	k->report.is_bar_drawn = k->report.is_question_open = k->report.has_path = false;
	return k;
}

void bk_cli_takings_call(struct bk_cli_takings *t, const char *from, const uint8_t key[BK_GROUP_KEY_LEN],
	const char *code, bool is_refused)
{
	bool is_ok = !is_refused && is_trusted(t->options, from);
	struct taking *k;
	char text[BK_CLI_TEXT_MAX];

	if (t->is_stopping || is_known(t, key, code))
		return;
	k = count(t, NULL, false) < BK_CLI_TAKINGS_WAITING &&
			    count(t, key, false) < BK_CLI_TAKINGS_WAITING_SHARE &&
			    (is_ok || !is_crowded(t, false, BK_CLI_TAKINGS_WAITING))
		    ? new_taking(t, from, key, code)
		    : NULL;
	if (!k) {
		snprintf(text, sizeof(text), "%s wants to send, and too many wait already", from);
		bk_cli_report_warning(t->report, text);
		return;
	}
	k->is_refused = is_refused;
	k->is_trusted = is_ok;
	bk_list_append(&t->all, &k->link);
	begin_next(t);
}

/* --- life --- */

int bk_cli_takings_init(struct bk_cli_takings *t, struct bk_loop *loop, const struct bk_cli_options *o,
	struct bk_cli_report *r, const struct bk_session_opts *session)
{
	int err;

	*t = (struct bk_cli_takings){.loop = loop,
		.options = o,
		.report = r,
		.session = *session,
		.has_person = bk_cli_frame_has_person()};
	bk_list_init(&t->all);
	err = bk_timer_new(loop, ask_next, t, &t->next);
	if (err >= 0 && t->has_person)
		err = bk_cli_question_init(&t->question, loop, r);
	t->question.on_answered = on_answered;
	t->question.arg = t;
	r->on_wipe = on_wipe;
	r->wipe_arg = t;
	return err;
}

void bk_cli_takings_stop(struct bk_cli_takings *t, void (*on_stopped)(void *arg), void *arg)
{
	t->is_stopping = true;
	t->on_stopped = on_stopped;
	t->arg = arg;
	bk_list_each(it, tmp, &t->all)
	{
		struct taking *k = taking_of(it);

		if (k->recv)
			bk_recv_cancel(k->recv);
		else
			forget(k);
	}
	if (bk_list_empty(&t->all))
		on_stopped(arg);
}

void bk_cli_takings_done(struct bk_cli_takings *t)
{
	if (!t->loop)
		return;
	bk_list_each(it, tmp, &t->all) forget(taking_of(it));
	bk_cli_question_done(&t->question);
	bk_timer_free(t->next);
	t->report->on_wipe = NULL;
}
