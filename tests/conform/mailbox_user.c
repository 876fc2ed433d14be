/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conform/mailbox_user.h"

#include <string.h>
#include <unistd.h>

#include "tests/conform/test_support.h"

void user_close(struct mailbox_user *u)
{
	if (u->box)
		u->ops->close(u->box);
	u->box = NULL;
}

static void heard(struct mailbox_user *u, enum moment what)
{
	assert_false(u->in_call);
	assert_non_null(u->box);
	u->heard[what]++;
	if (u->close_in == what)
		user_close(u);
	if (u->until && *u->until >= u->until_at)
		bk_loop_stop(u->st->loop);
}

static void on_ready(void *arg)
{
	heard(arg, IN_READY);
}

static void on_view(void *arg)
{
	struct mailbox_user *u = arg;

	assert_true(!u->in_call && u->box);
}

static void on_nameplate(void *arg, uint32_t nameplate)
{
	struct mailbox_user *u = arg;

	u->nameplate = nameplate;
	heard(u, IN_NAMEPLATE);
}

static void on_claimed(void *arg, uint32_t nameplate, const uint8_t token[BK_MAILBOX_TOKEN_LEN],
	const uint8_t *left, size_t n)
{
	struct mailbox_user *u = arg;

	u->nameplate = nameplate;
	u->has_token = token != NULL;
	if (token)
		memcpy(u->token, token, sizeof(u->token));
	assert_true(n <= sizeof(u->left));
	if (n)
		memcpy(u->left, left, n);
	u->left_len = n;
	heard(u, IN_CLAIMED);
}

static uint8_t mailbox_pattern(int mail, size_t i)
{
	return (uint8_t)((size_t)mail * 37 + i * 11 + (i >> 8));
}

static void on_mail(void *arg, const uint8_t *body, size_t n)
{
	struct mailbox_user *u = arg;

	assert_true(n <= sizeof(u->mail));
	memcpy(u->mail, body, n);
	u->mail_len = n;
	u->mail_bytes += n;
	for (size_t i = 0; i < n; i++)
		u->garbled |= body[i] != mailbox_pattern(u->heard[IN_MAIL], i);
	heard(u, IN_MAIL);
}

static void on_round(void *arg, const uint8_t token[BK_MAILBOX_TOKEN_LEN])
{
	struct mailbox_user *u = arg;

	memcpy(u->token, token, sizeof(u->token));
	heard(u, IN_ROUND);
}

static void on_released(void *arg, int code)
{
	struct mailbox_user *u = arg;

	u->code = code;
	heard(u, IN_RELEASED);
}

static void on_error(void *arg, int code, const char *text)
{
	struct mailbox_user *u = arg;

	assert_non_null(text);
	u->code = code;
	heard(u, IN_ERROR);
}

static void on_end(void *arg, int error, const char *text)
{
	struct mailbox_user *u = arg;

	(void)error;
	assert_non_null(text);
	u->ends++;
	bk_loop_stop(u->st->loop);
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
};

void user_open(struct mailbox_user *u, struct mailbox_stage *st, int side)
{
	*u = (struct mailbox_user){.st = st, .ops = st->mailboxes[side].ops, .in_call = true};
	assert_int_equal(u->ops->open(st->mailboxes[side].arg, st->loop, &events, u, &u->box), 0);
	u->in_call = false;
}

void user_run_until(struct mailbox_user *u, enum moment what, int at)
{
	u->until = &u->heard[what];
	u->until_at = at;
	while (u->heard[what] < at && !u->ends)
		stage_run(u->st);
	assert_int_equal(u->ends, 0);
	u->until = NULL;
}

void user_start(struct mailbox_user *u, struct mailbox_stage *st, int side)
{
	user_open(u, st, side);
	user_run_until(u, IN_READY, 1);
}

void user_leave(struct mailbox_user *u, uint32_t wish, const char *left)
{
	u->in_call = true;
	assert_int_equal(u->ops->leave(u->box, wish, left, strlen(left)), 0);
	u->in_call = false;
}

void user_claim(struct mailbox_user *u, uint32_t nameplate)
{
	u->in_call = true;
	assert_int_equal(u->ops->claim(u->box, nameplate), 0);
	u->in_call = false;
}

void user_mail(struct mailbox_user *u, int place, size_t n)
{
	static uint8_t body[BK_MAILBOX_MAIL_MAX];

	for (size_t i = 0; i < n; i++)
		body[i] = mailbox_pattern(place, i);
	u->in_call = true;
	assert_int_equal(u->ops->mail(u->box, body, n), 0);
	u->in_call = false;
}

void user_rejoin(struct mailbox_user *u, unsigned side, uint64_t number, bool asks, const uint8_t *token)
{
	struct bk_mailbox_rejoin j = {.secret = {5, 6, 7}, .side = side, .number = number, .asks = asks};

	if (token)
		memcpy(j.token, token, sizeof(j.token));
	u->in_call = true;
	assert_int_equal(u->ops->rejoin(u->box, &j), 0);
	u->in_call = false;
}

void start_two(struct mailbox_stage *st, const struct mailbox_kind *kind, struct mailbox_user *a,
	struct mailbox_user *b)
{
	stage_init(st, kind);
	user_start(a, st, 0);
	user_start(b, st, 1);
}

void meet_two(struct mailbox_stage *st, const struct mailbox_kind *kind, struct mailbox_user *a,
	struct mailbox_user *b)
{
	start_two(st, kind, a, b);
	user_leave(a, 0, "left");
	user_run_until(a, IN_NAMEPLATE, 1);
	user_claim(b, a->nameplate);
	user_run_until(b, IN_CLAIMED, 1);
}

void end_two(struct mailbox_stage *st, struct mailbox_user *a, struct mailbox_user *b)
{
	user_close(a);
	user_close(b);
	stage_done(st);
}
