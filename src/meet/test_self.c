/* SPDX-License-Identifier: Apache-2.0 */
/* What this side says of itself is what there is. */
#include "meet/self.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/resource.h>
#include <unistd.h>

static void take_listeners(struct bk_self *s)
{
	for (int i = 0; i < BK_SELF_LISTENERS; i++) {
		if (s->listeners[i] >= 0)
			close(s->listeners[i]);
		s->listeners[i] = -1;
	}
}

static void a_listener_that_cannot_be_opened_again_is_not_told_of(void **state)
{
	const struct bk_session_opts opts = {.transport = BK_TRANSPORT_CHOICE_TCP};
	struct rlimit was, none;
	struct bk_self s;

	(void)state;
	assert_int_equal(bk_self_init(&s, NULL, &opts, NULL, NULL), 0);
	assert_int_not_equal(s.ports[0], 0);
	take_listeners(&s);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){0, was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	bk_self_reopen(&s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_true(s.listeners[0] < 0 && s.listeners[1] < 0);
	assert_int_equal(s.ports[0], 0);
	assert_int_equal(s.ports[1], 0);
	bk_self_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listener_that_cannot_be_opened_again_is_not_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
