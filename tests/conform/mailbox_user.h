/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TESTS_CONFORM_MAILBOX_USER_H
#define BK_TESTS_CONFORM_MAILBOX_USER_H

#include "tests/conform/mailbox_kinds.h"

/* One who uses a mailbox, what he has heard, and what holds whatever he does: nothing comes from inside a call, nor
 * after he has closed. */
enum moment { NEVER, IN_READY, IN_NAMEPLATE, IN_CLAIMED, IN_MAIL, IN_ROUND, IN_RELEASED, IN_ERROR, MOMENTS };

struct mailbox_user {
	struct mailbox_stage *st;
	const struct bk_mailbox_ops *ops;
	void *box; /* NULL: closed */
	enum moment close_in;
	bool in_call;
	int heard[MOMENTS];
	int ends, flushes;
	int code;
	uint32_t nameplate;
	bool has_token;
	uint8_t token[BK_MAILBOX_TOKEN_LEN];
	uint8_t left[BK_MAILBOX_MAIL_MAX], mail[BK_MAILBOX_MAIL_MAX];
	size_t left_len, mail_len, mail_bytes;
	int *until; /* stop the loop when that has become until_at */
	int until_at;
	bool garbled; /* a mail was not the pattern of its place */
};

void user_open(struct mailbox_user *u, struct mailbox_stage *st, int side);
void user_start(struct mailbox_user *u, struct mailbox_stage *st, int side); /* and is ready */
void user_close(struct mailbox_user *u);                                     /* twice is once */
/* Until he has heard that so often; it may not end before. */
void user_run_until(struct mailbox_user *u, enum moment what, int at);

void user_leave(struct mailbox_user *u, uint32_t wish, const char *left);
void user_claim(struct mailbox_user *u, uint32_t nameplate);
/* n bytes of the pattern of the mail's place, as they are looked at when they come. */
void user_mail(struct mailbox_user *u, int place, size_t n);
void user_rejoin(struct mailbox_user *u, unsigned side, uint64_t number, bool asks, const uint8_t *token);

/* Two of them; meet: b has claimed what a left. */
void start_two(struct mailbox_stage *st, const struct mailbox_kind *kind, struct mailbox_user *a,
	struct mailbox_user *b);
void meet_two(struct mailbox_stage *st, const struct mailbox_kind *kind, struct mailbox_user *a,
	struct mailbox_user *b);
void end_two(struct mailbox_stage *st, struct mailbox_user *a, struct mailbox_user *b);

#endif
