/* SPDX-License-Identifier: Apache-2.0 */
#include "group/remark.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/error.h"
#include "group/whisper.h"

static struct bk_group_keys keys = {.id = {1}, .seal = {{1}, {2}}};
static struct bk_group_keys other_group = {.id = {2}, .seal = {{1}, {2}}};
static struct bk_signer anna, bert, carl;

static int set_up(void **state)
{
	static const uint8_t seeds[3][crypto_sign_SEEDBYTES] = {{1}, {2}, {3}};

	(void)state;
	if (sodium_init() < 0)
		return -1;
	crypto_sign_seed_keypair(anna.key, anna.secret, seeds[0]);
	crypto_sign_seed_keypair(bert.key, bert.secret, seeds[1]);
	crypto_sign_seed_keypair(carl.key, carl.secret, seeds[2]);
	return 0;
}

static struct bk_remark make(const char *text)
{
	return (struct bk_remark){.sitting = 5,
		.counter = 7,
		.seen = {.life = {9}, .number = 3, .hash = {4}},
		.sent_ms = 1234,
		.kind = BK_REMARK_TEXT,
		.name = "anna",
		.content = (const uint8_t *)text,
		.len = strlen(text)};
}

static void a_post_reads_back_and_is_its_signers(void **state)
{
	static uint8_t plain[BK_GROUP_POST_MAX];
	struct bk_remark back, post = make("hello");
	struct bk_buf out;

	(void)state;
	bk_buf_init(&out, BK_GROUP_POST_MAX);
	assert_int_equal(bk_remark_seal(&keys, &anna, &post, &out), 0);
	assert_int_equal(bk_remark_open(&keys, bk_buf_head(&out), out.len, plain, &back), 0);
	assert_memory_equal(back.key, anna.key, sizeof(back.key));
	assert_true(back.sitting == 5 && back.counter == 7 && back.sent_ms == 1234 &&
		    back.kind == BK_REMARK_TEXT);
	assert_memory_equal(&back.seen, &post.seen, sizeof(back.seen));
	assert_string_equal(back.name, "anna");
	assert_int_equal(back.len, 5);
	assert_memory_equal(back.content, "hello", 5);
	bk_buf_done(&out);
}

static void sizes_come_in_classes(void **state)
{
	static char text[BK_REMARK_CONTENT_MAX + 2];
	struct bk_remark post;
	size_t last = 0, classes = 0;
	struct bk_buf out;

	(void)state;
	bk_buf_init(&out, BK_GROUP_POST_MAX);
	for (size_t n = 1; n <= BK_REMARK_CONTENT_MAX; n += n < 1000 ? 1 : 997) {
		memset(text, 'x', n);
		text[n] = '\0';
		post = make(text);
		assert_int_equal(bk_remark_seal(&keys, &anna, &post, &out), 0);
		assert_true(out.len >= last);
		classes += out.len != last;
		last = out.len;
		bk_buf_consume(&out, out.len);
	}
	assert_in_range(classes, 8, 9);
	memset(text, 'x', BK_REMARK_CONTENT_MAX + 1);
	post = make(text);
	assert_int_equal(bk_remark_seal(&keys, &anna, &post, &out), BK_E_TOO_BIG);
	bk_buf_done(&out);
}

static void a_bit_that_changed_another_group_and_another_purpose_do_not_open(void **state)
{
	static uint8_t plain[BK_GROUP_POST_MAX];
	struct bk_remark back, post = make("hello");
	struct bk_card card;
	struct bk_buf out;

	(void)state;
	bk_buf_init(&out, BK_GROUP_POST_MAX);
	assert_int_equal(bk_remark_seal(&keys, &anna, &post, &out), 0);
	for (size_t i = 0; i < out.len; i++) {
		bk_buf_head(&out)[i] ^= 1;
		assert_int_equal(
			bk_remark_open(&keys, bk_buf_head(&out), out.len, plain, &back), BK_E_CRYPTO);
		bk_buf_head(&out)[i] ^= 1;
	}
	for (size_t n = 0; n < out.len; n++)
		assert_int_equal(bk_remark_open(&keys, bk_buf_head(&out), n, plain, &back), BK_E_CRYPTO);
	assert_int_equal(bk_remark_open(&keys, bk_buf_head(&out), out.len, plain, &back), 0);
	/* a member of both groups cannot tell it in the other one, though it can seal anything there */
	assert_int_equal(bk_remark_open(&other_group, bk_buf_head(&out), out.len, plain, &back), BK_E_CRYPTO);
	assert_int_equal(bk_card_open(&keys, bk_buf_head(&out), out.len, &card), BK_E_MALFORMED);
	bk_buf_done(&out);
}

/* What mallory, a member, can make: anna's key in front, his own signature behind. */
static void a_member_cannot_speak_as_another(void **state)
{
	static uint8_t plain[BK_GROUP_POST_MAX];
	struct bk_signer mallory = bert;
	struct bk_remark back, post = make("hello");
	struct bk_card card, mine = {.sitting = 1, .name = "anna"};
	struct bk_buf out;

	(void)state;
	memcpy(mallory.key, anna.key, sizeof(mallory.key));
	bk_buf_init(&out, BK_GROUP_POST_MAX);
	assert_int_equal(bk_remark_seal(&keys, &mallory, &post, &out), 0);
	assert_int_equal(bk_remark_open(&keys, bk_buf_head(&out), out.len, plain, &back), BK_E_CRYPTO);
	bk_buf_consume(&out, out.len);
	assert_int_equal(bk_card_seal(&keys, &mallory, &mine, &out), 0);
	assert_int_equal(bk_card_open(&keys, bk_buf_head(&out), out.len, &card), BK_E_CRYPTO);
	bk_buf_done(&out);
}

static void a_card_reads_back_has_one_size_and_a_harmless_name(void **state)
{
	static const char *const bad[] = {"", "a\nb", "\x1b[2J", "\xff",
		"\xe2\x80\xae"
		"nib",
		"12345678901234567890123456789012345678901234567890123456789012345"};
	struct bk_card back, card = {.sitting = 77, .name = "ann\xc3\xa1", .about = "NAT", .about_len = 3};
	struct bk_buf out;

	(void)state;
	bk_buf_init(&out, BK_CARD_LEN);
	assert_int_equal(bk_card_seal(&keys, &anna, &card, &out), 0);
	assert_int_equal(out.len, BK_CARD_LEN);
	assert_int_equal(bk_card_open(&keys, bk_buf_head(&out), out.len, &back), 0);
	assert_memory_equal(back.key, anna.key, sizeof(back.key));
	assert_string_equal(back.name, card.name);
	assert_true(back.sitting == 77 && back.about_len == 3 && !memcmp(back.about, "NAT", 3));
	assert_int_equal(bk_card_open(&other_group, bk_buf_head(&out), out.len, &back), BK_E_CRYPTO);
	bk_buf_consume(&out, out.len);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bk_card c = {.sitting = 1};

		snprintf(c.name, sizeof(c.name), "%s", bad[i]);
		if (strlen(bad[i]) <= BK_CARD_NAME_MAX)
			assert_int_equal(bk_card_seal(&keys, &anna, &c, &out), BK_E_INVALID);
		assert_false(bk_card_is_name(bad[i]));
	}
	card.about_len = BK_CARD_ABOUT_MAX + 1;
	assert_int_equal(bk_card_seal(&keys, &anna, &card, &out), BK_E_TOO_BIG);
	card = (struct bk_card){.sitting = UINT64_MAX, .about_len = BK_CARD_ABOUT_MAX};
	memset(card.name, 'x', BK_CARD_NAME_MAX);
	assert_int_equal(bk_card_seal(&keys, &anna, &card, &out), 0);
	assert_int_equal(out.len, BK_CARD_LEN);
	bk_buf_done(&out);
}

static void a_whisper_is_for_the_two_and_cannot_be_told_on_as_ones_own(void **state)
{
	uint8_t plain[16], no_key[BK_SIGN_KEY_LEN];
	struct bk_buf out;
	const uint8_t *box;

	(void)state;
	bk_buf_init(&out, 1000);
	assert_int_equal(bk_whisper_close(&anna, bert.key, "psst", 4, &out), 0);
	assert_int_equal(out.len, 4 + BK_WHISPER_OVERHEAD);
	box = bk_buf_head(&out);
	assert_true(bk_whisper_is_ours(&bert, anna.key, box, out.len));
	assert_int_equal(bk_whisper_open(&bert, anna.key, box, out.len, plain), 0);
	assert_memory_equal(plain, "psst", 4);
	assert_true(bk_whisper_is_ours(&anna, anna.key, box, out.len));
	assert_int_equal(bk_whisper_open(&anna, anna.key, box, out.len, plain), 0);
	assert_false(bk_whisper_is_ours(&carl, anna.key, box, out.len));
	assert_int_equal(bk_whisper_open(&carl, anna.key, box, out.len, plain), BK_E_CRYPTO);
	assert_int_equal(bk_whisper_open(&bert, carl.key, box, out.len, plain), BK_E_CRYPTO);
	assert_false(bk_whisper_is_ours(&bert, anna.key, box, BK_WHISPER_OVERHEAD - 1));
	memset(no_key, 0xff, sizeof(no_key));
	assert_int_equal(bk_whisper_close(&anna, no_key, "psst", 4, &out), BK_E_INVALID);
	bk_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_post_reads_back_and_is_its_signers),
		cmocka_unit_test(sizes_come_in_classes),
		cmocka_unit_test(a_bit_that_changed_another_group_and_another_purpose_do_not_open),
		cmocka_unit_test(a_member_cannot_speak_as_another),
		cmocka_unit_test(a_card_reads_back_has_one_size_and_a_harmless_name),
		cmocka_unit_test(a_whisper_is_for_the_two_and_cannot_be_told_on_as_ones_own),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
