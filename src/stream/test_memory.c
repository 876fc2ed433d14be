/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out while a link is handed over: who hands it over hears it, and has it still. */
#include <stdlib.h>

#include "base/error.h"
#include "stream/stream.h"
#include "stream/test_pair.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *old, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *old, size_t n);

static int left = -1; /* objects until one cannot be had; negative: all can */

void *__wrap_malloc(size_t n)
{
	return __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n)
{
	return left >= 0 && left-- == 0 ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *old, size_t n)
{
	return __real_realloc(old, n);
}

static int attach_short_of(int n, struct bk_stream *s, struct test_link *t)
{
	int err;

	left = n;
	err = bk_stream_attach(s, &t->link, false);
	left = -1;
	return err;
}

static void a_link_for_which_there_is_no_memory_stays_its_owners(void **state)
{
	static const struct bk_stream_events events = {0};
	const struct bk_stream_opts opts = {.id = {1}, .is_leading = true};
	struct bk_loop *loop = kit_loop_new();
	struct bk_stream *s;
	struct test_link t;
	int freed = 0, n = 0;

	(void)state;
	assert_int_equal(bk_stream_new(loop, &opts, &events, NULL, &s), 0);
	test_link_init(&t, HIGH, LINK_MAX);
	t.freed = &freed;
	while (attach_short_of(n, s, &t) < 0) {
		assert_in_range(++n, 1, 10);
		assert_int_equal(freed, 0);
		assert_int_equal(t.out.len, 0);
	}
	assert_true(n > 0);
	assert_true(t.out.len > 0); /* RESUME */
	bk_stream_free(s);
	assert_int_equal(freed, 1);
	bk_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_for_which_there_is_no_memory_stays_its_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
