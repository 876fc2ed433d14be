/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "portmap/upnp.h"

static void a_router_that_keeps_ports_for_good_or_not_is_asked_as_it_wants(void **state)
{
	struct bk_rng rng = {.state = 1};
	struct bk_upnp_ask a;

	(void)state;
	bk_upnp_ask_init(&a, 40000);
	assert_true(a.lifetime > 0 && a.external_port == 40000);
	assert_true(bk_upnp_ask_again(&a, 725, &rng)); /* OnlyPermanentLeasesSupported */
	assert_int_equal(a.lifetime, 0);
	assert_false(bk_upnp_ask_again(&a, 725, &rng));
	bk_upnp_ask_init(&a, 40000);
	assert_true(bk_upnp_ask_again(&a, 402, &rng)); /* refuses the time */
	assert_int_equal(a.lifetime, 3600);
	assert_true(bk_upnp_ask_again(&a, 402, &rng));
	assert_int_equal(a.lifetime, 0);
	assert_false(bk_upnp_ask_again(&a, 402, &rng));
}

static void a_port_that_another_machine_has_is_left_to_it(void **state)
{
	struct bk_rng rng = {.state = 1};
	struct bk_upnp_ask a;
	int tries = 0;

	(void)state;
	bk_upnp_ask_init(&a, 40000);
	while (bk_upnp_ask_again(&a, 718, &rng)) {
		assert_true(a.external_port >= 1024 && a.external_port != 40000);
		tries++;
	}
	assert_int_equal(tries, 5);
	assert_int_equal(bk_upnp_trouble(718), BK_PORTMAP_FULL);
}

static void a_refusal_is_final(void **state)
{
	struct bk_rng rng = {.state = 1};
	struct bk_upnp_ask a;

	(void)state;
	bk_upnp_ask_init(&a, 40000);
	assert_false(bk_upnp_ask_again(&a, 606, &rng));
	assert_false(bk_upnp_ask_again(&a, -1, &rng));
	assert_int_equal(bk_upnp_trouble(606), BK_PORTMAP_DENIED);
	assert_int_equal(bk_upnp_trouble(-1), BK_PORTMAP_SILENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_router_that_keeps_ports_for_good_or_not_is_asked_as_it_wants),
		cmocka_unit_test(a_port_that_another_machine_has_is_left_to_it),
		cmocka_unit_test(a_refusal_is_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
