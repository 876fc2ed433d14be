/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>

#include "base/error.h"
#include "secure/seal.h"

static uint8_t key[64];

static void sealed_opens_on_the_other_side_only(void **state)
{
	struct bk_seal a, b;
	uint8_t sealed[5 + BK_SEAL_OVERHEAD], again[sizeof(sealed)], plain[5];

	(void)state;
	bk_seal_init(&a, key, "transcript", 10);
	bk_seal_init(&b, key, "transcript", 10);
	bk_seal_close(&a, 1, "introduction", "hello", 5, sealed);
	bk_seal_close(&a, 1, "introduction", "hello", 5, again);
	assert_memory_not_equal(sealed, again, sizeof(sealed));
	assert_int_equal(bk_seal_open(&b, 1, "introduction", sealed, sizeof(sealed), plain), 0);
	assert_memory_equal(plain, "hello", 5);
	assert_int_equal(bk_seal_open(&a, 0, "introduction", sealed, sizeof(sealed), plain), BK_E_CRYPTO);
	assert_int_equal(bk_seal_open(&b, 1, "introductiom", sealed, sizeof(sealed), plain), BK_E_CRYPTO);
	assert_int_equal(bk_seal_open(&b, 1, "", sealed, sizeof(sealed), plain), BK_E_CRYPTO);
	bk_seal_done(&a);
	assert_true(sodium_is_zero((uint8_t *)&a, sizeof(a)));
	assert_memory_not_equal(b.initiator_key, b.responder_key, sizeof(b.initiator_key));
}

static void other_key_or_transcript_does_not_open(void **state)
{
	static const struct {
		const char *transcript;
		size_t n;
		uint8_t key0;
	} rows[] = {{"transcripT", 10, 0}, {"transcript", 9, 0}, {"", 0, 0}, {"transcript", 10, 1}};
	struct bk_seal a, b;
	uint8_t sealed[5 + BK_SEAL_OVERHEAD], plain[5], other[64];

	(void)state;
	bk_seal_init(&a, key, "transcript", 10);
	bk_seal_close(&a, 1, "p", "hello", 5, sealed);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(other, key, sizeof(other));
		other[0] ^= rows[i].key0;
		bk_seal_init(&b, other, rows[i].transcript, rows[i].n);
		assert_int_equal(bk_seal_open(&b, 1, "p", sealed, sizeof(sealed), plain), BK_E_CRYPTO);
	}
}

static void every_changed_or_missing_byte_is_noticed(void **state)
{
	struct bk_seal s;
	uint8_t sealed[5 + BK_SEAL_OVERHEAD], plain[sizeof(sealed)];

	(void)state;
	bk_seal_init(&s, key, NULL, 0);
	bk_seal_close(&s, 0, "p", "hello", 5, sealed);
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 0x20;
		assert_int_equal(bk_seal_open(&s, 0, "p", sealed, sizeof(sealed), plain), BK_E_CRYPTO);
		sealed[i] ^= 0x20;
		assert_int_equal(bk_seal_open(&s, 0, "p", sealed, i, plain),
			i < BK_SEAL_OVERHEAD ? BK_E_TRUNCATED : BK_E_CRYPTO);
	}
	assert_int_equal(bk_seal_open(&s, 0, "p", sealed, sizeof(sealed), plain), 0);
}

static void empty_message_is_a_message(void **state)
{
	struct bk_seal s;
	uint8_t sealed[BK_SEAL_OVERHEAD], plain[1];

	(void)state;
	bk_seal_init(&s, key, "t", 1);
	bk_seal_close(&s, 0, "p", "", 0, sealed);
	assert_int_equal(bk_seal_open(&s, 0, "p", sealed, sizeof(sealed), plain), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sealed_opens_on_the_other_side_only),
		cmocka_unit_test(other_key_or_transcript_does_not_open),
		cmocka_unit_test(every_changed_or_missing_byte_is_noticed),
		cmocka_unit_test(empty_message_is_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
