/* SPDX-License-Identifier: Apache-2.0 */
/* Members without number and without shame: whatever they say and however they call themselves, one who listens needs
 * no more memory for it than the ceilings say. */
#include "group/chain.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/error.h"
#include "group/archive.h"

enum {
	NAMES = 4300, /* more than are remembered */
	BIG = 200,    /* posts as large as they can be */
	CARDS = 1100, /* more than are listed */
	MOST = 6
	       << 20, /* bytes for all of it: what 4096 names, 1024 cards and 2048 counts take, and the archive */
	GROWTH = 64 << 10, /* bytes, once every table is full: what the archive differs by */
};

struct listener {
	struct bk_group_keys keys;
	struct bk_signer signer;
	struct bk_chain *chain;
	uint64_t number, members;
	unsigned lines, doubts, came;
};

static void on_line(void *arg, const struct bk_chain_line *line)
{
	for (const char *c = line->text; *c; c++)
		assert_true((unsigned char)*c >= ' ' || *c == '\n' || *c == '\t');
	((struct listener *)arg)->lines++;
}

static void on_doubt(void *arg, const struct bk_chain_doubt *d)
{
	(void)d;
	((struct listener *)arg)->doubts++;
}

static void on_invite(void *arg, const struct bk_chain_line *from, const char *invite)
{
	(void)arg;
	fail_msg("%s has another invite, %s", from->from, invite);
}

static void on_sent(void *arg, uint32_t ticket, uint64_t number)
{
	(void)arg;
	fail_msg("%u was sent as %llu", (unsigned)ticket, (unsigned long long)number);
}

static void on_unsent(void *arg, uint32_t ticket, int error)
{
	(void)arg;
	fail_msg("%u was not sent: %d", (unsigned)ticket, error);
}

static void on_came(void *arg, uint64_t member, const struct bk_card *card, bool is_new, bool has_others_name)
{
	(void)member;
	(void)card;
	(void)is_new;
	(void)has_others_name;
	((struct listener *)arg)->came++;
}

static void on_gone(void *arg, uint64_t member, const struct bk_card *card)
{
	(void)arg;
	(void)member;
	(void)card;
}

static void on_missed(void *arg, uint64_t count)
{
	(void)arg;
	(void)count;
}

static void on_restarted(void *arg)
{
	(void)arg;
}

static void on_call(void *arg, const struct bk_chain_line *from, const struct bk_summons *summons)
{
	(void)arg;
	(void)from;
	(void)summons;
}

static int set_up(void **state)
{
	static const struct bk_chain_events events = {on_line, on_doubt, on_invite, on_sent, on_unsent,
		on_came, on_gone, on_missed, on_restarted, on_call};
	static const uint8_t life[BK_GROUP_LIFE_LEN] = {1}, seed[crypto_sign_SEEDBYTES] = {1};
	struct listener *l = calloc(1, sizeof(*l));
	struct bk_chain_opts opts = {.name = "anna", .sitting = 1, .events = &events, .wants_all = true};

	if (!l || sodium_init() < 0)
		return -1;
	l->keys = (struct bk_group_keys){.id = {1}, .seal = {{3}, {4}}};
	crypto_sign_seed_keypair(l->signer.key, l->signer.secret, seed);
	opts.keys = &l->keys;
	opts.signer = &l->signer;
	opts.arg = l;
	assert_int_equal(bk_chain_new(&opts, &l->chain), 0);
	assert_int_equal(bk_chain_begin(l->chain, life, 0, 0), 0);
	*state = l;
	return 0;
}

static int tear_down(void **state)
{
	struct listener *l = *state;

	bk_chain_free(l->chain);
	free(l);
	return 0;
}

/* Another member each time, with a name that nobody had. */
static void be_new(struct listener *l, struct bk_signer *ret_signer, char *ret_name, size_t size)
{
	uint8_t seed[crypto_sign_SEEDBYTES] = {2};

	l->members++;
	memcpy(seed + 1, &l->members, sizeof(l->members));
	crypto_sign_seed_keypair(ret_signer->key, ret_signer->secret, seed);
	snprintf(ret_name, size, "%060llu", (unsigned long long)l->members);
}

static void speak(struct listener *l, const void *text, size_t len)
{
	struct bk_remark p = {
		.sitting = 1, .counter = 1, .kind = BK_REMARK_TEXT, .content = text, .len = len};
	struct bk_signer signer;
	struct bk_buf post;

	be_new(l, &signer, p.name, sizeof(p.name));
	bk_buf_init(&post, BK_GROUP_POST_MAX);
	assert_int_equal(bk_remark_seal(&l->keys, &signer, &p, &post), 0);
	assert_int_equal(bk_chain_take(l->chain, ++l->number, bk_buf_head(&post), post.len), 0);
	bk_buf_done(&post);
}

static int show_card(struct listener *l)
{
	struct bk_card card = {.sitting = 1, .about_len = BK_CARD_ABOUT_MAX};
	struct bk_signer signer;
	struct bk_buf sealed;
	int err;

	be_new(l, &signer, card.name, sizeof(card.name));
	bk_buf_init(&sealed, BK_CARD_LEN);
	assert_int_equal(bk_card_seal(&l->keys, &signer, &card, &sealed), 0);
	err = bk_chain_card(l->chain, l->members, bk_buf_head(&sealed), sealed.len);
	bk_buf_done(&sealed);
	return err;
}

static size_t memory(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void flood(struct listener *l, unsigned names)
{
	static char big[BK_CHAIN_TEXT_MAX];

	memset(big, '\x1b', sizeof(big));
	for (unsigned i = 0; i < names; i++)
		speak(l, "\x1b]0;x\a\x1b[2J", 10);
	for (int i = 0; i < BIG; i++)
		speak(l, big, sizeof(big));
}

static void a_flood_of_members_names_and_large_posts_takes_what_the_ceilings_say_and_no_more(void **state)
{
	struct listener *l = *state;
	size_t empty = memory(), full;
	int err = 0;

	for (int i = 0; i < CARDS && !err; i++)
		err = show_card(l);
	assert_int_equal(err, BK_E_FULL);
	assert_int_equal(l->came, 1024);
	flood(l, NAMES);
	full = memory();
	print_message("# %zu KiB for %llu members\n", (full - empty) / 1024, (unsigned long long)l->members);
	flood(l, NAMES / 4);
	assert_int_equal(l->lines, l->number);
	assert_int_equal(l->doubts, 0);
#ifndef __SANITIZE_ADDRESS__ /* which does not count so */
	assert_in_range(full, empty, empty + MOST);
	assert_in_range(memory(), 0, full + GROWTH);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_flood_of_members_names_and_large_posts_takes_what_the_ceilings_say_and_no_more,
			set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
