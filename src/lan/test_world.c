/* SPDX-License-Identifier: Apache-2.0 */
#include "lan/test_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "net/test_clock.h"

/* --- the two --- */

__attribute__((format(printf, 2, 3))) static void note_down(struct world *w, const char *format, ...)
{
	size_t n = strlen(w->line);
	va_list args;

	va_start(args, format);
	vsnprintf(w->line + n, sizeof(w->line) - n, format, args);
	va_end(args);
	assert_true(strlen(w->line) + 1 < sizeof(w->line));
}

static void what(void *box, const char *call, uint32_t number)
{
	const struct fake *f = box;

	assert_non_null(f->events);
	note_down(f->w, number ? "%c%s%u " : "%c%s ", f->letter, call, number);
}

static int fake_open(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events,
	void *events_arg, void **ret_box)
{
	struct fake *f = arg;

	(void)loop;
	assert_null(f->events);
	f->events = events;
	f->arg = events_arg;
	what(f, "+", 0);
	*ret_box = f;
	return 0;
}

static void fake_close(void *box)
{
	what(box, "-", 0);
	((struct fake *)box)->events = NULL;
}

static int fake_leave(void *box, uint32_t wish, const void *body, size_t n)
{
	assert_int_equal(n, 4);
	assert_memory_equal(body, "left", 4);
	what(box, "l", wish);
	return 0;
}

static int fake_claim(void *box, uint32_t nameplate)
{
	what(box, "c", nameplate);
	return 0;
}

static int fake_mail(void *box, const void *body, size_t n)
{
	(void)body, (void)n;
	what(box, "m", 0);
	return 0;
}

static void fake_release(void *box)
{
	what(box, "r", 0);
}

static int fake_rejoin(void *box, const struct bk_mailbox_rejoin *j)
{
	what(box, "j", (uint32_t)j->number);
	return 0;
}

static const char *fake_name(void *arg)
{
	(void)arg;
	return "far";
}

static const struct bk_mailbox_ops fake_ops = {
	.size = sizeof(fake_ops),
	.open = fake_open,
	.close = fake_close,
	.leave = fake_leave,
	.claim = fake_claim,
	.mail = fake_mail,
	.release = fake_release,
	.rejoin = fake_rejoin,
	.name = fake_name,
};

static bool is_trying(const void *near_box)
{
	const struct fake *f = near_box;

	return f && f->w->is_near_trying;
}

/* --- the owner --- */

void world_shut(struct world *w)
{
	if (w->box)
		bk_beside_ops.close(w->box);
	w->box = NULL;
}

static void hear(struct world *w, const char *word)
{
	assert_non_null(w->box);
	note_down(w, "%s ", word);
	if (w->closes_at && !strcmp(word, w->closes_at))
		world_shut(w);
}

static void on_ready(void *arg)
{
	struct world *w = arg;

	hear(w, "ready");
	if (w->claims && !w->is_early)
		assert_int_equal(bk_beside_ops.claim(w->box, w->beside.number), 0);
}

static void on_early(void *arg)
{
	struct world *w = arg;

	hear(w, "early");
	if (!w->box)
		return;
	w->is_early = true;
	if (w->claims)
		assert_int_equal(bk_beside_ops.claim(w->box, w->beside.number), 0);
	else
		world_leave(w);
}

static void on_view(void *arg)
{
	hear(arg, "view");
}

static void on_nameplate(void *arg, uint32_t nameplate)
{
	(void)nameplate;
	hear(arg, nameplate == 7 ? "seven" : "eight");
}

static void on_claimed(void *arg, uint32_t nameplate, const uint8_t token[BK_MAILBOX_TOKEN_LEN],
	const uint8_t *left, size_t n)
{
	(void)nameplate, (void)token, (void)left, (void)n;
	hear(arg, "claimed");
}

static void on_mail(void *arg, const uint8_t *body, size_t n)
{
	(void)body, (void)n;
	hear(arg, "mail");
}

static void on_round(void *arg, const uint8_t token[BK_MAILBOX_TOKEN_LEN])
{
	(void)token;
	hear(arg, "round");
}

static void on_released(void *arg, int code)
{
	(void)code;
	hear(arg, "released");
}

static void on_error(void *arg, int code, const char *text)
{
	(void)text;
	hear(arg, code == BK_E_NO_SUCH_PEER ? "nobody" : "taken");
}

static void on_end(void *arg, int error, const char *text)
{
	(void)text;
	hear(arg, error == BK_E_REFUSED ? "refused" : "lost");
}

static void on_note(void *arg, int verbosity, const char *text)
{
	(void)verbosity, (void)text;
	hear(arg, "note");
}

static const struct bk_mailbox_events events = {
	.on_ready = on_ready,
	.on_view = on_view,
	.on_nameplate = on_nameplate,
	.on_claimed = on_claimed,
	.on_mail = on_mail,
	.on_round = on_round,
	.on_released = on_released,
	.on_error = on_error,
	.on_end = on_end,
	.on_note = on_note,
	.on_early = on_early,
};

/* --- what happens --- */

void world_open(struct world *w)
{
	assert_int_equal(bk_beside_ops.open(&w->beside, w->loop, &events, w, &w->box), 0);
}

void world_begin(struct world *w, uint32_t number)
{
	struct test_clock stopped;

	*w = (struct world){
		.claims = number, .far = {.w = w, .letter = 'F'}, .near = {.w = w, .letter = 'N'}};
	w->beside = (struct bk_beside){.far = {&fake_ops, &w->far},
		.near = {&fake_ops, &w->near},
		.is_trying = is_trying,
		.number = number};
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &w->loop), 0);
	stopped.loop = w->loop;
	test_clock_stop(&stopped);
	world_open(w);
}

void world_end(struct world *w)
{
	world_shut(w);
	assert_null(w->far.events);
	assert_null(w->near.events);
	bk_loop_free(w->loop);
	clock_stopped_at = 0;
}

void world_pass(struct world *w, bk_dur d)
{
	for (; d > 0; d -= BK_MS) {
		test_clock_push(BK_MS);
		bk_loop_turn(w->loop, 0);
	}
}

void world_assert_happened(struct world *w, const char *line)
{
	size_t n = strlen(w->line);

	w->line[n ? n - 1 : 0] = 0;
	assert_string_equal(w->line, line);
	w->line[0] = 0;
}

void world_leave(struct world *w)
{
	assert_int_equal(bk_beside_ops.leave(w->box, 0, "left", 4), 0);
}
