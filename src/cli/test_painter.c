/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/painter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <bodkin/loop.h>
#include <cmocka.h>

#include "base/time.h"

/* What the painter asks of the terminal. */
struct bk_cli_window bk_cli_report_window(void)
{
	return (struct bk_cli_window){.columns = 80, .rows = 24};
}

size_t bk_cli_output_waiting(enum bk_cli_stream stream)
{
	(void)stream;
	return 0;
}

void bk_cli_output_draw(const char *text)
{
	(void)text;
}

struct stage {
	struct bk_loop *loop;
	struct bk_timer *changes;
	struct bk_cli_painter painter;
	unsigned changed, painted;
};

static void fill(void *arg, struct bk_cli_sheet *sheet, struct bk_cli_window window)
{
	struct stage *st = arg;

	(void)window;
	bk_cli_sheet_add(sheet, "a row");
	if (++st->painted == 4)
		bk_loop_stop(st->loop);
}

/* Gives up after far more than four pauses. */
static void change(void *arg)
{
	struct stage *st = arg;

	bk_cli_painter_touch(&st->painter);
	if (++st->changed == 500)
		bk_loop_stop(st->loop);
	bk_timer_start(st->changes, 2 * BK_MS);
}

static void what_changes_all_the_time_is_painted_all_the_same(void **state)
{
	struct bk_cli_report report = {0};
	struct stage st = {0};

	(void)state;
	st.painter =
		(struct bk_cli_painter){.report = &report, .fill = fill, .arg = &st, .pause = 20 * BK_MS};
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &st.loop), 0);
	assert_int_equal(bk_cli_painter_init(&st.painter, st.loop), 0);
	assert_int_equal(bk_timer_new(st.loop, change, &st, &st.changes), 0);
	bk_cli_painter_show(&st.painter);
	bk_timer_start(st.changes, 0);
	assert_int_equal(bk_loop_run(st.loop), 0);
	assert_int_equal(st.painted, 4);
	assert_true(bk_cli_painter_hide(&st.painter));
	assert_false(bk_cli_painter_hide(&st.painter));
	bk_cli_painter_done(&st.painter);
	bk_timer_free(st.changes);
	bk_loop_free(st.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changes_all_the_time_is_painted_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
