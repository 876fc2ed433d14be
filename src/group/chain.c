/* SPDX-License-Identifier: Apache-2.0 */
/* What the server tells passes four questions: is it in its place (ledger), is it of a member (post), does its sender
 * count on from where he was (voices), had he seen what we were told (ledger)? Then it is a line. */
#include "group/chain.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "group/archive.h"
#include "group/hearing.h"
#include "group/names.h"
#include "group/rekey.h"
#include "group/roster.h"
#include "group/saying.h"
#include "group/voices.h"
#include "group/whisper.h"
#include "wire/chat.h"

#define GOODBYES_AFTER (1500 * BK_MS)

_Static_assert(BK_CHAIN_WHISPER_MAX + BK_WHISPER_OVERHEAD <= BK_REMARK_CONTENT_MAX, "a whisper fits");

struct bk_chain {
	struct bk_group_keys keys;
	struct bk_signer signer;
	char name[BK_CARD_NAME_MAX + 1];
	uint64_t sitting, first_sitting;
	const struct bk_chain_events *events;
	void *arg;
	bool is_in, wants_all;
	bool is_first;       /* the board begins with us */
	bool owes_retelling; /* this life has not had all that the one before had */
	uint32_t last_ticket;
	uint64_t spoken; /* posts of this sitting that were told */
	struct bk_ledger ledger;
	struct bk_voices voices;
	struct bk_names names;
	struct bk_roster roster;
	bool is_listed;       /* who is there was told */
	bk_time goodbyes_due; /* who is behind then has left; 0: no moment has begun */
	struct bk_saying saying;
	struct bk_archive archive;
	uint8_t plain[BK_GROUP_POST_MAX];
	struct bk_hearing hearing;
};

int bk_chain_new(const struct bk_chain_opts *opts, struct bk_chain **ret_chain)
{
	struct bk_chain *c = bk_card_is_name(opts->name) ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return bk_card_is_name(opts->name) ? BK_E_NOMEM : BK_E_INVALID;
	c->keys = *opts->keys;
	c->signer = *opts->signer;
	strcpy(c->name, opts->name);
	c->sitting = c->first_sitting = opts->sitting;
	c->wants_all = opts->wants_all;
	c->events = opts->events;
	c->arg = opts->arg;
	c->hearing = (struct bk_hearing){
		.signer = &c->signer, .ledger = &c->ledger, .events = c->events, .arg = c->arg};
	bk_saying_init(&c->saying);
	bk_archive_init(&c->archive);
	if (bk_voices_init(&c->voices, opts->seed) < 0 || bk_names_init(&c->names, opts->seed) < 0 ||
		bk_roster_init(&c->roster, opts->seed) < 0) {
		bk_chain_free(c);
		return BK_E_NOMEM;
	}
	*ret_chain = c;
	return 0;
}

void bk_chain_free(struct bk_chain *c)
{
	if (!c)
		return;
	bk_saying_done(&c->saying);
	bk_archive_done(&c->archive);
	bk_roster_done(&c->roster);
	bk_names_done(&c->names);
	bk_voices_done(&c->voices);
	sodium_memzero(c, sizeof(*c));
	free(c);
}

static void say_doubt(
	const struct bk_chain *c, enum bk_doubt what, uint64_t number, uint64_t count, const char *from)
{
	const struct bk_chain_doubt d = {.what = what, .number = number, .count = count, .from = from};

	c->events->on_doubt(c->arg, &d);
}

/* --- coming in --- */

int bk_chain_make_card(const struct bk_chain *c, const void *about, size_t len, struct bk_buf *out)
{
	struct bk_card card = {.sitting = c->sitting, .about_len = len};

	if (len > BK_CARD_ABOUT_MAX)
		return BK_E_TOO_BIG;
	strcpy(card.name, c->name);
	if (len)
		memcpy(card.about, about, len);
	return bk_card_seal(&c->keys, &c->signer, &card, out);
}

void bk_chain_known(const struct bk_chain *c, uint8_t ret_life[BK_GROUP_LIFE_LEN], uint64_t *ret_number)
{
	memcpy(ret_life, c->ledger.life, BK_GROUP_LIFE_LEN);
	*ret_number = c->ledger.last;
}

/* A post of ours may be among those that we do not get any more. To say it again might double it, and to go on counting
 * might leave a gap: so a sitting begins with the next one. */
static void miss(struct bk_chain *c, uint64_t count)
{
	uint32_t ticket;

	bk_voices_forgive(&c->voices);
	c->events->on_missed(c->arg, count);
	if (!bk_saying_give_up(&c->saying, &ticket))
		return;
	c->sitting++;
	c->spoken = 0;
	c->events->on_unsent(c->arg, ticket, BK_E_SERVER_GONE);
}

/* All who are not in the list, and did not come since. */
static void say_goodbyes(struct bk_chain *c)
{
	struct bk_member_card m;

	while (bk_roster_take_behind(&c->roster, &m))
		c->events->on_gone(c->arg, m.id, &m.card);
}

static void begin_list(struct bk_chain *c)
{
	if (c->roster.behind_count > BK_ROSTER_MEMBERS)
		say_goodbyes(c);
	bk_roster_begin(&c->roster);
	c->is_listed = false;
	c->goodbyes_due = 0;
}

int bk_chain_begin(
	struct bk_chain *c, const uint8_t life[BK_GROUP_LIFE_LEN], uint64_t oldest, uint64_t newest)
{
	uint64_t missed;
	int err = bk_ledger_begin(&c->ledger, life, oldest, newest, &missed);

	if (err < 0) {
		say_doubt(c, BK_DOUBT_FORKED, newest, 0, NULL);
		return err;
	}
	c->is_in = true;
	bk_saying_lost(&c->saying);
	begin_list(c);
	if (err > 0) {
		bk_saying_drop_again(&c->saying);
		bk_archive_begin(&c->archive);
		c->owes_retelling = true;
		c->events->on_restarted(c->arg);
	}
	if (missed)
		miss(c, missed);
	return 0;
}

void bk_chain_lost(struct bk_chain *c)
{
	c->is_in = false;
	bk_saying_lost(&c->saying);
}

/* --- who is there --- */

/* Whether the name is another one's. */
static bool learn_name(
	struct bk_chain *c, const char *name, const uint8_t key[BK_SIGN_KEY_LEN], uint64_t number)
{
	bool is_news, is_its_own = bk_names_learn(&c->names, name, key, &is_news);

	if (is_news)
		say_doubt(c, BK_DOUBT_KEY_CHANGED, number, 0, name);
	return !is_its_own;
}

int bk_chain_card(struct bk_chain *c, uint64_t member, const uint8_t *card, size_t len)
{
	const struct bk_member_card *m;
	struct bk_card read;
	bool has_others_name;
	int err = bk_card_open(&c->keys, card, len, &read);

	if (err < 0) {
		if (err == BK_E_CRYPTO)
			say_doubt(c, BK_DOUBT_FORGED, 0, 0, NULL);
		return 0;
	}
	if (bk_roster_has_another(&c->roster, member, &read))
		bk_chain_gone(c, member);
	err = bk_roster_put(&c->roster, member, &read, &m);
	if (err < 0)
		return err;
	has_others_name = learn_name(c, read.name, read.key, 0);
	if (err > 0)
		c->events->on_came(c->arg, m->id, &m->card, err == BK_ROSTER_NEW, has_others_name);
	return 0;
}

void bk_chain_gone(struct bk_chain *c, uint64_t member)
{
	struct bk_member_card m;

	if (bk_roster_take(&c->roster, member, &m))
		c->events->on_gone(c->arg, m.id, &m.card);
}

void bk_chain_roster_end(struct bk_chain *c)
{
	c->is_listed = true;
}

void bk_chain_forget(struct bk_chain *c, const char *name)
{
	bk_names_forget(&c->names, name);
}

/* --- what is told --- */

/* A post on its way through the questions. */
struct told {
	uint64_t number;
	uint8_t hash[BK_REMARK_HASH_LEN];
	struct bk_remark post;
};

static bool is_in_place(struct bk_chain *c, const struct told *t)
{
	uint64_t count;
	enum bk_doubt doubt = bk_ledger_place(&c->ledger, t->number, t->hash, &count);

	if (doubt == BK_DOUBT_DROPPED)
		bk_voices_forgive(&c->voices);
	if (doubt != BK_DOUBT_NONE)
		say_doubt(c, doubt, t->number, count, NULL);
	return doubt == BK_DOUBT_NONE || doubt == BK_DOUBT_DROPPED;
}

/* What was said in a life before may be said again: its sender cannot know that we heard it. */
static void judge_replay(const struct bk_chain *c, const struct told *t)
{
	bool is_of_now, has_twin = bk_ledger_has_twin(&c->ledger, t->number, t->hash, &is_of_now);

	if (!has_twin || is_of_now)
		say_doubt(c, has_twin ? BK_DOUBT_DOUBLED : BK_DOUBT_REPLAYED, t->number, 0, t->post.name);
}

/* Positive: it is a line. */
static int counts_on(struct bk_chain *c, const struct told *t)
{
	enum bk_doubt doubt;
	uint64_t count = 0;
	int err = bk_voices_hear(&c->voices, &t->post, &doubt, &count);

	if (err < 0)
		return err;
	if (doubt == BK_DOUBT_DROPPED)
		say_doubt(c, doubt, t->number, count, t->post.name);
	else if (doubt == BK_DOUBT_REPLAYED)
		judge_replay(c, t);
	return doubt != BK_DOUBT_REPLAYED;
}

static bool is_our_sitting(const struct bk_chain *c, const struct bk_remark *p)
{
	return p->sitting == c->sitting && !memcmp(p->key, c->signer.key, sizeof(p->key));
}

static int keep_post(struct bk_chain *c, const struct told *t, const uint8_t *post, size_t len)
{
	bool is_ours = t->post.sitting >= c->first_sitting && t->post.sitting <= c->sitting &&
		       !memcmp(t->post.key, c->signer.key, sizeof(t->post.key));

	bk_archive_told(&c->archive);
	return is_ours || c->wants_all ? bk_archive_put(&c->archive, t->hash, is_ours, post, len) : 0;
}

static void hand_on(struct bk_chain *c, const struct told *t)
{
	const struct bk_remark *p = &t->post;
	struct bk_chain_line line = {.number = t->number,
		.from = p->name,
		.key = p->key,
		.sent_ms = p->sent_ms,
		.is_ours = is_our_sitting(c, p),
		.is_history = t->number <= c->ledger.past,
		.has_others_name = learn_name(c, p->name, p->key, t->number)};

	bk_hearing_hand_on(&c->hearing, &line, p);
}

/* What a later version says in another form is nobody's fault, and no line. */
static int read_told(struct bk_chain *c, struct told *t, const uint8_t *post, size_t len)
{
	int err = bk_remark_open(&c->keys, post, len, c->plain, &t->post);

	if (err < 0 && err != BK_E_VERSION)
		say_doubt(c, BK_DOUBT_FORGED, t->number, 0, NULL);
	return err;
}

int bk_chain_take(struct bk_chain *c, uint64_t number, const uint8_t *post, size_t len)
{
	struct told t = {.number = number};
	uint32_t ticket;
	int got;

	bk_remark_hash(post, len, t.hash);
	if (!c->is_in || !is_in_place(c, &t) || read_told(c, &t, post, len) < 0)
		return 0;
	got = counts_on(c, &t);
	if (got < 0)
		return got;
	if (bk_saying_heard(&c->saying, t.hash, &ticket) && ticket) {
		c->spoken = t.post.counter;
		c->events->on_sent(c->arg, ticket, number);
	}
	if (!got) {
		bk_archive_heard(&c->archive, t.hash);
		return 0;
	}
	got = keep_post(c, &t, post, len);
	if (got < 0)
		return got;
	if (!bk_ledger_fits(&c->ledger, number, &t.post.seen))
		say_doubt(c, BK_DOUBT_FORKED, number, 0, t.post.name);
	hand_on(c, &t);
	return 0;
}

/* --- what we say --- */

/* What is said, and how long it is of use. */
struct draft {
	enum bk_remark_kind kind;
	uint64_t now_ms;
	bk_time until;
};

static int put(
	struct bk_chain *c, const struct draft *d, const void *content, size_t len, uint32_t *ret_ticket)
{
	int err = c->last_ticket == UINT32_MAX ? BK_E_FULL
					       : bk_saying_put(&c->saying, c->last_ticket + 1, d->kind,
							 d->now_ms, d->until, content, len);

	if (err < 0)
		return err;
	c->last_ticket++;
	if (ret_ticket)
		*ret_ticket = c->last_ticket;
	return 0;
}

int bk_chain_say(struct bk_chain *c, const char *text, size_t len, uint64_t now_ms, uint32_t *ret_ticket)
{
	const struct draft d = {BK_REMARK_TEXT, now_ms, BK_NEVER};
	int err = len > BK_CHAIN_TEXT_MAX ? BK_E_TOO_BIG : bk_chat_check(text, len);

	return err < 0 ? err : put(c, &d, text, len, ret_ticket);
}

static int put_box(struct bk_chain *c, const struct draft *d, const uint8_t to[BK_SIGN_KEY_LEN],
	const void *plain, size_t len, uint32_t *ret_ticket)
{
	struct bk_buf box;
	int err;

	bk_buf_init(&box, BK_REMARK_CONTENT_MAX);
	err = bk_whisper_close(&c->signer, to, plain, len, &box);
	if (!err)
		err = put(c, d, bk_buf_head(&box), box.len, ret_ticket);
	bk_buf_done(&box);
	return err;
}

int bk_chain_whisper(struct bk_chain *c, const uint8_t to[BK_SIGN_KEY_LEN], const char *text, size_t len,
	uint64_t now_ms, uint32_t *ret_ticket)
{
	const struct draft d = {BK_REMARK_WHISPER, now_ms, BK_NEVER};
	int err = len > BK_CHAIN_WHISPER_MAX ? BK_E_TOO_BIG : bk_chat_check(text, len);

	return err < 0 ? err : put_box(c, &d, to, text, len, ret_ticket);
}

int bk_chain_call(struct bk_chain *c, const uint8_t to[BK_SIGN_KEY_LEN], const struct bk_summons *summons,
	bk_time now, uint64_t now_ms, uint32_t *ret_ticket)
{
	const struct draft d = {BK_REMARK_CALL, now_ms, bk_time_add(now, BK_CHAIN_CALL_PATIENCE)};
	uint8_t plain[BK_SUMMONS_LEN_MAX];
	struct bk_writer w;
	int err;

	bk_writer_init(&w, plain, sizeof(plain));
	bk_summons_write(&w, summons);
	err = put_box(c, &d, to, plain, bk_writer_len(&w), ret_ticket);
	sodium_memzero(plain, sizeof(plain));
	return err;
}

struct rekeying {
	struct bk_chain *c;
	uint64_t now_ms;
};

static int put_boxes(void *arg, const void *boxes, size_t len)
{
	const struct rekeying *r = arg;
	const struct draft d = {BK_REMARK_REKEY, r->now_ms, BK_NEVER};

	return put(r->c, &d, boxes, len, NULL);
}

int bk_chain_rekey(struct bk_chain *c, const char *invite, const uint8_t (*without)[BK_SIGN_KEY_LEN],
	size_t without_len, uint64_t now_ms)
{
	struct rekeying r = {c, now_ms};
	const struct bk_rekey rekey = {.by = &c->signer,
		.invite = invite,
		.without = without,
		.without_len = without_len,
		.put = put_boxes,
		.arg = &r};

	return bk_rekey_write(&rekey, &c->roster);
}

/* Sealed when it is sent for the first time: it shows what we had seen by then. */
static int seal(struct bk_chain *c, struct bk_outgoing *o)
{
	struct bk_remark p = {.sitting = c->sitting,
		.counter = c->spoken + 1,
		.sent_ms = o->sent_ms,
		.kind = o->kind,
		.content = o->content,
		.len = o->len};
	int err;

	strcpy(p.name, c->name);
	bk_ledger_seen(&c->ledger, &p.seen);
	err = bk_remark_seal(&c->keys, &c->signer, &p, &o->sealed);
	if (!err)
		bk_remark_hash(bk_buf_head(&o->sealed), o->sealed.len, o->hash);
	return err;
}

/* What this life of the group lacks, in its order, before anything new. */
static int retell(struct bk_chain *c)
{
	int err = 0;

	c->owes_retelling = false;
	for (const struct bk_archived *p = bk_archive_before(&c->archive, NULL); p && !err;
		p = bk_archive_before(&c->archive, p))
		if (!p->is_told && (p->is_ours || c->is_first))
			err = bk_saying_put_again(&c->saying, p->hash, p->sealed, p->len);
	return err;
}

int bk_chain_next_post(
	struct bk_chain *c, bk_time now, uint32_t *ret_ticket, const uint8_t **ret_post, size_t *ret_len)
{
	bool may = c->is_in && bk_ledger_is_caught_up(&c->ledger);
	int err = may && c->owes_retelling ? retell(c) : 0;
	struct bk_outgoing *o = may && !err ? bk_saying_next(&c->saying, now) : NULL;

	if (o && !o->sealed.len)
		err = seal(c, o);
	if (!o || err < 0)
		return err;
	bk_saying_sent(&c->saying, now);
	*ret_ticket = o->ticket;
	*ret_post = bk_buf_head(&o->sealed);
	*ret_len = o->sealed.len;
	return 1;
}

void bk_chain_begins_board(struct bk_chain *c, bool is_so)
{
	c->is_first = is_so;
}

unsigned bk_chain_retelling(const struct bk_chain *c)
{
	return c->saying.again;
}

unsigned bk_chain_waiting(const struct bk_chain *c)
{
	return c->saying.count + c->saying.again;
}

void bk_chain_denied(struct bk_chain *c, uint32_t ticket, int error, bk_dur wait, bk_time now)
{
	if (bk_saying_denied(&c->saying, ticket, wait, now) && ticket)
		c->events->on_unsent(c->arg, ticket, error);
}

void bk_chain_on_time(struct bk_chain *c, bk_time now)
{
	uint32_t ticket;

	while (bk_saying_expire(&c->saying, now, &ticket))
		c->events->on_unsent(c->arg, ticket, BK_E_TIMEOUT);
	if (c->is_in && bk_saying_is_withheld(&c->saying, now))
		say_doubt(c, BK_DOUBT_WITHHELD, 0, 1, c->name);
	if (!c->is_in || !c->is_listed || !c->roster.behind_count)
		return;
	if (!c->goodbyes_due)
		c->goodbyes_due = bk_time_add(now, GOODBYES_AFTER);
	else if (now >= c->goodbyes_due)
		say_goodbyes(c);
}

bool bk_chain_is_overdue(struct bk_chain *c, bk_time now)
{
	return c->is_in && bk_saying_is_overdue(&c->saying, now);
}

void bk_chain_had(struct bk_chain *c, bk_time now)
{
	bk_saying_had(&c->saying, now);
}

bk_time bk_chain_next_wake(const struct bk_chain *c)
{
	bk_time goodbyes = c->roster.behind_count && c->goodbyes_due ? c->goodbyes_due : BK_NEVER;

	if (!c->is_in)
		return BK_NEVER;
	return bk_ledger_is_caught_up(&c->ledger) ? bk_time_min(goodbyes, bk_saying_next_wake(&c->saying))
						  : goodbyes;
}

bool bk_chain_is_us(const struct bk_chain *c, const struct bk_card *card)
{
	return card->sitting >= c->first_sitting && card->sitting <= c->sitting &&
	       !memcmp(card->key, c->signer.key, sizeof(card->key));
}
