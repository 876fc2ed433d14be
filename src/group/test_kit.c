/* SPDX-License-Identifier: Apache-2.0 */
#include "group/test_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

/* --- what they are told --- */

static void on_line(void *arg, const struct bk_chain_line *line)
{
	struct person *p = arg;
	size_t n = strlen(p->lines);

	assert_true(line->is_ours == (line->key && !memcmp(line->key, p->signer.key, BK_SIGN_KEY_LEN)));
	if (n + line->len + 80 < sizeof(p->lines))
		snprintf(p->lines + n, sizeof(p->lines) - n, "%s%s%s%s:%s ", line->is_history ? "*" : "",
			line->has_others_name ? "!" : "", line->is_private ? "~" : "", line->from,
			line->text);
}

static void on_doubt(void *arg, const struct bk_chain_doubt *d)
{
	struct person *p = arg;

	assert_in_range(d->what, BK_DOUBT_DROPPED, BK_DOUBT_WITHHELD);
	p->doubts[d->what]++;
	if (d->what == BK_DOUBT_DROPPED)
		p->dropped += d->count;
}

static void on_invite(void *arg, const struct bk_chain_line *from, const char *invite)
{
	assert_true(from->is_private);
	snprintf(((struct person *)arg)->invite, BK_INVITE_STR_MAX, "%s", invite);
}

static void on_sent(void *arg, uint32_t ticket, uint64_t number)
{
	struct person *p = arg;

	assert_true(ticket > 0);
	p->sent++;
	p->last_sent = number;
}

static void on_unsent(void *arg, uint32_t ticket, int error)
{
	struct person *p = arg;

	(void)ticket;
	p->unsent++;
	p->unsent_error = error;
}

static void on_came(void *arg, uint64_t member, const struct bk_card *card, bool is_new, bool has_others_name)
{
	struct person *p = arg;

	(void)member;
	(void)card;
	p->came += is_new;
	p->impostors += has_others_name;
}

static void on_gone(void *arg, uint64_t member, const struct bk_card *card)
{
	(void)member;
	(void)card;
	((struct person *)arg)->gone++;
}

static void on_missed(void *arg, uint64_t count)
{
	((struct person *)arg)->missed += count;
}

static void on_restarted(void *arg)
{
	((struct person *)arg)->restarts++;
}

static void on_call(void *arg, const struct bk_chain_line *from, const struct bk_summons *summons)
{
	(void)arg;
	fail_msg("%s calls for %s, and nobody calls here", from->from, summons->purpose);
}

static const struct bk_chain_events events = {
	on_line, on_doubt, on_invite, on_sent, on_unsent, on_came, on_gone, on_missed, on_restarted, on_call};

/* --- the board --- */

void tell(struct person *p, uint64_t number, const uint8_t *post, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1); /* a sanitizer sees what is read beyond it */

	memcpy(exact, post, len);
	assert_int_equal(bk_chain_take(p->chain, number, exact, len), 0);
	free(exact);
}

uint64_t keep(struct world *w, const uint8_t *post, size_t len)
{
	struct post *at = &w->log[++w->newest];

	assert_true(w->newest < LOG_MAX);
	free(at->bytes);
	at->bytes = malloc(len);
	at->len = len;
	memcpy(at->bytes, post, len);
	return w->newest;
}

void tell_all_but(struct world *w, const struct person *but, const uint8_t *post, size_t len)
{
	uint64_t number = keep(w, post, len);

	for (int i = 0; i < PEOPLE; i++)
		if (&w->people[i] != but && !w->people[i].is_away)
			tell(&w->people[i], number, post, len);
}

/* Everything that can go, goes. */
void run(struct world *w)
{
	const uint8_t *post;
	uint32_t ticket;
	size_t len;
	bool did;

	do {
		did = false;
		for (int i = 0; i < PEOPLE; i++) {
			if (w->people[i].is_away ||
				bk_chain_next_post(w->people[i].chain, w->now, &ticket, &post, &len) <= 0)
				continue;
			did = true;
			uint8_t *copy = malloc(len); /* it is gone when its sender hears it */

			memcpy(copy, post, len);
			if (w->lie)
				w->lie(w, &w->people[i], ticket, copy, len);
			else
				tell_all_but(w, nobody, copy, len);
			free(copy);
		}
	} while (did);
}

void say(struct person *p, const char *text)
{
	assert_int_equal(bk_chain_say(p->chain, text, strlen(text), 0, NULL), 0);
	run(p->w);
}

/* What an honest board answers to a member that comes, or comes back. */
void come(struct person *p)
{
	struct world *w = p->w;
	uint8_t life[BK_GROUP_LIFE_LEN];
	uint64_t known, oldest = w->newest > w->kept ? w->newest - w->kept + 1 : 1;

	bk_chain_known(p->chain, life, &known);
	if (!memcmp(life, w->life, sizeof(life)) && known + 1 > oldest)
		oldest = known + 1;
	p->is_away = false;
	assert_int_equal(bk_chain_begin(p->chain, w->life, oldest > w->newest ? 0 : oldest, w->newest), 0);
	for (uint64_t n = oldest; n <= w->newest; n++)
		tell(p, n, w->log[n].bytes, w->log[n].len);
	run(w);
}

void leave(struct person *p)
{
	p->is_away = true;
	bk_chain_lost(p->chain);
}

static void forget_posts(struct world *w)
{
	for (int i = 0; i < LOG_MAX; i++) {
		free(w->log[i].bytes);
		w->log[i] = (struct post){0};
	}
	w->newest = 0;
}

void start(struct world *w, struct person *p, const char *name, uint8_t seed)
{
	const uint8_t bytes[crypto_sign_SEEDBYTES] = {seed};
	struct bk_chain_opts opts = {.keys = &w->keys,
		.signer = &p->signer,
		.name = name,
		.sitting = seed,
		.wants_all = seed == 2,
		.events = &events,
		.arg = p};

	p->w = w;
	crypto_sign_seed_keypair(p->signer.key, p->signer.secret, bytes);
	assert_int_equal(bk_chain_new(&opts, &p->chain), 0);
}

int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (sodium_init() < 0)
		return -1;
	*w = (struct world){.keys = {.id = {1}, .seal = {{3}, {4}}}, .life = {1}, .kept = 100, .now = BK_SEC};
	start(w, ANNA, "anna", 1);
	start(w, BERT, "bert", 2);
	start(w, CARL, "carl", 3);
	for (int i = 0; i < PEOPLE; i++)
		come(&w->people[i]);
	*state = w;
	return 0;
}

int tear_down(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < PEOPLE; i++)
		bk_chain_free(w->people[i].chain);
	forget_posts(w);
	free(w->held.bytes);
	free(w);
	return 0;
}

unsigned doubts_of(const struct person *p)
{
	unsigned n = 0;

	for (int i = 0; i < DOUBTS; i++)
		n += p->doubts[i];
	return n;
}

void assert_nobody_doubts(struct world *w)
{
	for (int i = 0; i < PEOPLE; i++)
		assert_int_equal(doubts_of(&w->people[i]), 0);
}

void restart(struct world *w)
{
	for (int i = 0; i < PEOPLE; i++)
		leave(&w->people[i]);
	forget_posts(w);
	w->life[0]++;
}
