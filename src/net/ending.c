/* SPDX-License-Identifier: Apache-2.0 */
#include "net/ending.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void bk_ending_init(struct bk_ending *e, struct bk_loop *loop, void (*tell)(void *arg), void *arg)
{
	*e = (struct bk_ending){0};
	bk_turn_init(&e->turn, loop, tell, arg);
}

void bk_ending_set(struct bk_ending *e, int error, const char *fmt, ...)
{
	char text[BK_ENDING_TEXT_MAX];
	va_list args;

	if (e->is_set)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	memcpy(e->text, text, sizeof(text));
	e->is_set = true;
	e->error = error;
	if (e->at_once)
		e->at_once(e->turn.arg);
	bk_turn_ask(&e->turn);
}

void bk_ending_done(struct bk_ending *e)
{
	bk_turn_done(&e->turn);
}
