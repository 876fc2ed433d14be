/* SPDX-License-Identifier: Apache-2.0 */
#include "room/teller.h"

#include <stdio.h>

#include "room/doubt.h"

_Static_assert((int)BK_GROUP_KEY_LEN == (int)BK_SIGN_KEY_LEN, "as the public header says");
_Static_assert((int)BK_GROUP_CALL_PURPOSE_MAX == (int)BK_SUMMONS_PURPOSE_MAX, "as the public header says");
_Static_assert((int)BK_GROUP_CALL_CODE_MAX == (int)BK_SUMMONS_CODE_MAX, "as the public header says");

/* --- of the member --- */

void bk_teller_note(const struct bk_teller *t, int verbosity, const char *text)
{
	if (t->events.on_note)
		t->events.on_note(t->group, t->arg, verbosity, text);
}

void bk_teller_open(const struct bk_teller *t)
{
	if (t->events.on_open)
		t->events.on_open(t->group, t->arg);
}

void bk_teller_end(const struct bk_teller *t, int error, const char *text)
{
	t->events.on_end(t->group, t->arg, error, text);
}

/* --- of the chain --- */

static void fill_line(struct bk_group_line *to, const struct bk_chain_line *l)
{
	*to = (struct bk_group_line){.number = l->number,
		.from = l->from,
		.key = l->key,
		.sent_ms = l->sent_ms,
		.is_ours = l->is_ours,
		.is_history = l->is_history,
		.is_private = l->is_private,
		.has_others_name = l->has_others_name,
		.text = l->text,
		.len = l->len};
}

static void on_line(void *arg, const struct bk_chain_line *l)
{
	const struct bk_teller *t = arg;
	struct bk_group_line line;

	fill_line(&line, l);
	t->events.on_line(t->group, t->arg, &line);
}

static void on_doubt(void *arg, const struct bk_chain_doubt *d)
{
	const struct bk_teller *t = arg;
	char text[BK_GROUP_SENTENCE_MAX];

	if (t->events.on_doubt)
		t->events.on_doubt(t->group, t->arg, bk_doubt_to_str(d, text));
}

static void on_invite(void *arg, const struct bk_chain_line *from, const char *invite)
{
	const struct bk_teller *t = arg;
	struct bk_group_line line;

	fill_line(&line, from);
	if (t->events.on_invite)
		t->events.on_invite(t->group, t->arg, &line, invite);
}

static void on_sent(void *arg, uint32_t ticket, uint64_t number)
{
	const struct bk_teller *t = arg;

	if (t->events.on_sent)
		t->events.on_sent(t->group, t->arg, ticket, number);
}

static void on_unsent(void *arg, uint32_t ticket, int error)
{
	const struct bk_teller *t = arg;

	if (t->events.on_unsent)
		t->events.on_unsent(t->group, t->arg, ticket, error);
}

static void tell_member(
	const struct bk_teller *t, uint64_t handle, const struct bk_card *card, bool is_here, bool has_others)
{
	const struct bk_group_member m = {.handle = handle,
		.name = card->name,
		.key = card->key,
		.is_us = bk_chain_is_us(t->chain, card),
		.has_others_name = has_others,
		.about = card->about,
		.about_len = card->about_len};

	if (t->events.on_member)
		t->events.on_member(t->group, t->arg, &m, is_here);
}

static void on_came(void *arg, uint64_t member, const struct bk_card *card, bool is_new, bool has_others_name)
{
	(void)is_new;
	tell_member(arg, member, card, true, has_others_name);
}

static void on_gone(void *arg, uint64_t member, const struct bk_card *card)
{
	tell_member(arg, member, card, false, false);
}

static void on_missed(void *arg, uint64_t count)
{
	char text[128];

	snprintf(text, sizeof(text),
		"%llu messages came while we were away, and the server keeps them no more",
		(unsigned long long)count);
	bk_teller_note(arg, -1, text);
}

static void on_restarted(void *arg)
{
	const struct bk_teller *t = arg;

	if (bk_venue_is_ours(t->venue))
		bk_teller_note(t, 1, "this machine keeps the group now");
	else if (bk_venue_is_on_lan(t->venue))
		bk_teller_note(t, 1, "another machine of this network keeps the group now");
	else
		bk_teller_note(
			t, -1, "the server has forgotten the group, and goes on with what its members know");
}

static void on_call(void *arg, const struct bk_chain_line *from, const struct bk_summons *summons)
{
	const struct bk_teller *t = arg;
	struct bk_group_line line;

	fill_line(&line, from);
	if (t->events.on_call)
		t->events.on_call(t->group, t->arg, &line, summons->purpose, summons->code);
}

const struct bk_chain_events bk_teller_chain_events = {
	.on_line = on_line,
	.on_doubt = on_doubt,
	.on_invite = on_invite,
	.on_sent = on_sent,
	.on_unsent = on_unsent,
	.on_came = on_came,
	.on_gone = on_gone,
	.on_missed = on_missed,
	.on_restarted = on_restarted,
	.on_call = on_call,
};
