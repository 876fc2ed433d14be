/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>

#include "base/error.h"
#include "secure/pake.h"

/* The numbers are the test vectors of draft-irtf-cfrg-cpace, appendix B, for ristretto255 and SHA-512. */
static const char ci_hex[] = "0b415f696e69746961746f720b425f726573706f6e646572";
static const char sid_hex[] = "7e4b4791d6a8ef019b936c79fb7f2c57";
static const char g_hex[] = "222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56";
static const char ya_hex[] = "da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08";
static const char yb_hex[] = "d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d";
static const char share_a_hex[] = "d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157";
static const char share_b_hex[] = "3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258";
static const char isk_hex[] = "b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd"
			      "2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447";
static const char bad_hex[] = "2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c";

static size_t unhex(const char *hex, uint8_t *out, size_t cap)
{
	size_t n;

	assert_int_equal(sodium_hex2bin(out, cap, hex, strlen(hex), NULL, &n, NULL), 0);
	return n;
}

static void start(struct bk_pake *p, const char *password, const uint8_t scalar[32])
{
	uint8_t ci[64], sid[64];
	size_t ci_len = unhex(ci_hex, ci, sizeof(ci)), sid_len = unhex(sid_hex, sid, sizeof(sid));
	int err = scalar ? bk_pake_start_with_scalar(
				   p, password, strlen(password), ci, ci_len, sid, sid_len, scalar)
			 : bk_pake_start(p, password, strlen(password), ci, ci_len, sid, sid_len);

	assert_int_equal(err, 0);
}

static void start_hex(struct bk_pake *p, const char *scalar_hex)
{
	uint8_t scalar[32];

	unhex(scalar_hex, scalar, sizeof(scalar));
	start(p, "Password", scalar);
}

static void assert_hex(const uint8_t *got, const char *hex)
{
	uint8_t want[64];
	size_t n = unhex(hex, want, sizeof(want));

	assert_memory_equal(got, want, n);
}

static void generator_is_the_draft_s(void **state)
{
	static const uint8_t one[32] = {1};
	struct bk_pake p;

	(void)state;
	start(&p, "Password", one); /* one times the generator */
	assert_hex(p.share, g_hex);
}

static void shares_and_key_are_the_draft_s(void **state)
{
	struct bk_pake a, b;
	uint8_t key[BK_PAKE_KEY_LEN];

	(void)state;
	start_hex(&a, ya_hex);
	start_hex(&b, yb_hex);
	assert_hex(a.share, share_a_hex);
	assert_hex(b.share, share_b_hex);
	assert_int_equal(bk_pake_finish(&a, 1, b.share, "ADa", 3, "ADb", 3, key), 0);
	assert_hex(key, isk_hex);
	assert_int_equal(bk_pake_finish(&b, 0, a.share, "ADa", 3, "ADb", 3, key), 0);
	assert_hex(key, isk_hex);
}

static void shares_that_are_no_good_are_refused(void **state)
{
	uint8_t bad[4][32] = {{0}, {0}, {0}, {0}}, key[BK_PAKE_KEY_LEN] = {0};
	struct bk_pake p;

	(void)state;
	unhex(bad_hex, bad[1], 32);
	memset(bad[2], 0xff, 32);
	for (size_t i = 0; i < 4; i++) {
		start_hex(&p, ya_hex);
		if (i == 3)
			memcpy(bad[3], p.share, 32);
		assert_int_equal(bk_pake_finish(&p, 1, bad[i], "ADa", 3, "ADb", 3, key), BK_E_CRYPTO);
		assert_true(sodium_is_zero(key, sizeof(key)));
		assert_true(sodium_is_zero(p.scalar, sizeof(p.scalar)));
		assert_int_equal(bk_pake_finish(&p, 1, bad[i], "ADa", 3, "ADb", 3, key), BK_E_INVALID);
	}
}

/* What the two sides may disagree about; each alone must give different keys. */
static void any_difference_gives_different_keys(void **state)
{
	static const struct {
		const char *prs_a, *prs_b, *ada, *adb;
		int initiator_b, same;
	} rows[] = {
		{"tulip-anchor", "tulip-anchor", "x", "y", 0, 1},
		{"tulip-anchor", "tulip-anchos", "x", "y", 0, 0},
		{"tulip-anchor", "tulip-ancho", "x", "y", 0, 0},
		{"tulip-anchor", "tulip-anchor", "xy", "", 0, 0},
		{"tulip-anchor", "tulip-anchor", "x", "y", 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_pake a, b;
		uint8_t ka[BK_PAKE_KEY_LEN], kb[BK_PAKE_KEY_LEN];

		start(&a, rows[i].prs_a, NULL);
		start(&b, rows[i].prs_b, NULL);
		assert_int_equal(bk_pake_finish(&a, 1, b.share, "x", 1, "y", 1, ka), 0);
		assert_int_equal(bk_pake_finish(&b, rows[i].initiator_b, a.share, rows[i].ada,
					 strlen(rows[i].ada), rows[i].adb, strlen(rows[i].adb), kb),
			0);
		assert_int_equal(!memcmp(ka, kb, sizeof(ka)), rows[i].same);
		bk_pake_done(&a);
		assert_true(sodium_is_zero((uint8_t *)&a, sizeof(a)));
	}
}

static void every_start_has_another_share(void **state)
{
	struct bk_pake a, b;

	(void)state;
	start(&a, "tulip-anchor", NULL);
	start(&b, "tulip-anchor", NULL);
	assert_memory_not_equal(a.share, b.share, sizeof(a.share));
	assert_int_equal(bk_pake_start(&a, "x", 1, NULL, 0, NULL, 0), 0);
}

static void long_fields_work_up_to_the_ceiling(void **state)
{
	static const uint8_t big[BK_PAKE_FIELD_MAX + 1];
	struct bk_pake p;

	(void)state;
	for (size_t n = 0; n <= BK_PAKE_FIELD_MAX; n += 8)
		assert_int_equal(bk_pake_start(&p, big, n, big, n, big, n), 0);
	assert_int_equal(bk_pake_start(&p, big, sizeof(big), "", 0, "", 0), BK_E_INVALID);
	assert_int_equal(bk_pake_start(&p, "", 0, big, sizeof(big), "", 0), BK_E_INVALID);
	assert_int_equal(bk_pake_start(&p, "", 0, "", 0, big, sizeof(big)), BK_E_INVALID);
	assert_int_equal(bk_pake_finish(&p, 1, big, "", 0, "", 0, p.sid), BK_E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generator_is_the_draft_s),
		cmocka_unit_test(shares_and_key_are_the_draft_s),
		cmocka_unit_test(shares_that_are_no_good_are_refused),
		cmocka_unit_test(any_difference_gives_different_keys),
		cmocka_unit_test(every_start_has_another_share),
		cmocka_unit_test(long_fields_work_up_to_the_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
