/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "portmap/epoch.h"

static const struct {
	uint32_t first, second;
	int seconds; /* between them, by our clock */
	bool pcp_goes_on, natpmp_goes_on;
} cases[] = {
	{1000, 1060, 60, true, true},
	{1000, 1000, 1, true, true},         /* seconds are whole */
	{1000, 999, 1, true, true},          /* and answers overtake each other */
	{1000, 990, 0, false, false},        /* it goes back */
	{1000, 1000 + 57, 60, true, true},   /* a clock that is slow */
	{1000, 1000 + 52, 60, false, true},  /* too slow for PCP */
	{1000, 1000 + 40, 60, false, false}, /* for both */
	{1000, 1000 + 600, 60, false, true}, /* it cannot have lived so long meanwhile */
	{UINT32_MAX, 5, 5, false, false},
	{0, UINT32_MAX, 1, false, true},
};

static void a_router_that_forgot_is_seen_by_its_epoch(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bk_time later = (100 + cases[i].seconds) * BK_SEC;
		struct bk_portmap_epoch pcp = {0}, natpmp = {0};

		assert_true(bk_portmap_epoch_goes_on(&pcp, cases[i].first, true, 100 * BK_SEC));
		assert_true(bk_portmap_epoch_goes_on(&natpmp, cases[i].first, false, 100 * BK_SEC));
		assert_int_equal(
			bk_portmap_epoch_goes_on(&pcp, cases[i].second, true, later), cases[i].pcp_goes_on);
		assert_int_equal(bk_portmap_epoch_goes_on(&natpmp, cases[i].second, false, later),
			cases[i].natpmp_goes_on);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_router_that_forgot_is_seen_by_its_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
