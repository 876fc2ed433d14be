/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/painter.h"

#include <signal.h>

/* What is due already is not put off: something may change before every pause is over. */
static void paint_soon(struct bk_cli_painter *p)
{
	if (!p->is_due)
		bk_timer_start(p->timer, p->pause);
	p->is_due = true;
}

static void paint_at_once(struct bk_cli_painter *p)
{
	bk_timer_start(p->timer, 0);
	p->is_due = true;
}

static void paint(void *arg)
{
	struct bk_cli_painter *p = arg;

	p->is_due = false;
	if (bk_cli_drawing_is_crowded()) {
		paint_soon(p);
		return;
	}
	p->fill(p->arg, bk_cli_drawing_begin(&p->drawing), bk_cli_report_window());
	bk_cli_drawing_put(&p->drawing);
}

/* Something is about to be said. */
static void on_wipe(void *arg)
{
	struct bk_cli_painter *p = arg;

	bk_cli_drawing_erase(&p->drawing);
	paint_at_once(p);
}

static void on_resized(void *arg, int signo)
{
	struct bk_cli_painter *p = arg;

	(void)signo;
	paint_at_once(p);
}

int bk_cli_painter_init(struct bk_cli_painter *p, struct bk_loop *loop)
{
	int err = bk_timer_new(loop, paint, p, &p->timer);

	return err ? err : bk_signal_new(loop, SIGWINCH, on_resized, p, &p->resized);
}

void bk_cli_painter_show(struct bk_cli_painter *p)
{
	p->report->on_wipe = on_wipe;
	p->report->wipe_arg = p;
	paint_at_once(p);
}

bool bk_cli_painter_is_shown(const struct bk_cli_painter *p)
{
	return p->timer && p->report->on_wipe;
}

void bk_cli_painter_touch(struct bk_cli_painter *p)
{
	paint_soon(p);
}

bool bk_cli_painter_hide(struct bk_cli_painter *p)
{
	if (!bk_cli_painter_is_shown(p))
		return false;
	bk_cli_drawing_erase(&p->drawing);
	p->report->on_wipe = NULL;
	return true;
}

void bk_cli_painter_done(struct bk_cli_painter *p)
{
	bk_cli_drawing_done(&p->drawing);
	bk_timer_free(p->timer);
	bk_signal_free(p->resized);
	*p = (struct bk_cli_painter){0};
}
