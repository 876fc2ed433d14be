/* SPDX-License-Identifier: Apache-2.0 */
#include "nat/outlook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define EI  BK_NAT_ENDPOINT_INDEPENDENT
#define AD  BK_NAT_ADDRESS_DEPENDENT
#define APD BK_NAT_ADDRESS_AND_PORT_DEPENDENT

static void what_is_promised_for_each_type(void **state)
{
	static const struct {
		struct bk_nat_profile own;
		const char *direct; /* for each kind of peer */
	} rows[] = {
		{{.mapping = EI, .filtering = EI, .public_addr.family = 4}, "yyyyy"},
		{{.mapping = EI, .filtering = EI, .is_translated = true, .public_addr.family = 4}, "yyyyy"},
		{{.mapping = EI, .filtering = AD, .is_translated = true, .public_addr.family = 4}, "yyyyy"},
		{{.mapping = EI, .filtering = APD, .is_translated = true, .public_addr.family = 4}, "yyyyy"},
		{{.mapping = EI, .filtering = APD, .public_addr.family = 4}, "yyyyy"},
		{{.mapping = APD, .filtering = APD, .is_translated = true, .public_addr.family = 4}, "yyynn"},
		{{.mapping = APD,
			 .filtering = APD,
			 .allocation = BK_NAT_SEQUENTIAL,
			 .is_translated = true,
			 .public_addr.family = 4},
			"yyyyn"},
		{{.filtering = APD}, "nnnnn"}, /* blocked */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_nat_prospect p[BK_NAT_PROSPECTS];

		bk_nat_outlook(&rows[i].own, p);
		for (int j = 0; j < BK_NAT_PROSPECTS; j++) {
			assert_int_equal(p[j].is_direct, rows[i].direct[j] == 'y');
			assert_true(strlen(p[j].peer) > 0 && strlen(p[j].expectation) > 0);
			assert_int_equal(p[j].is_direct, !strcmp(p[j].expectation, "direct"));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_promised_for_each_type),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
