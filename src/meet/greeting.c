/* SPDX-License-Identifier: Apache-2.0 */
#include "meet/greeting.h"

#include <stdlib.h>
#include <string.h>

int bk_greeting_leave(struct bk_greeting *g, struct bk_box *box, const struct bk_code *code, uint32_t number)
{
	struct bk_buf mail;
	int err = bk_pairing_init(g->pairing, true, code->password);

	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	if (!err)
		err = bk_pairing_leave(g->pairing, &mail);
	if (!err)
		err = box->ops->leave(box->box, number, bk_buf_head(&mail), mail.len);
	bk_buf_done(&mail);
	return err;
}

int bk_greeting_keep(struct bk_greeting *g, const uint8_t *left, size_t n)
{
	g->left = malloc(n ? n : 1);
	if (!g->left)
		return BK_E_NOMEM;
	if (n)
		memcpy(g->left, left, n);
	g->left_len = n;
	return 0;
}

void bk_greeting_drop(struct bk_greeting *g)
{
	free(g->left);
	g->left = NULL;
	g->has_answer = false;
}

bool bk_greeting_is_due(const struct bk_greeting *g)
{
	return g->left || g->has_answer;
}

bk_dur bk_greeting_wait(const struct bk_greeting *g, struct bk_box *box)
{
	struct bk_mailbox_view view = bk_box_view(box);

	return g->has_answer ? bk_self_wait_for(g->self, &view, &g->meeting->peer)
			     : bk_self_wait(g->self, &view);
}

int bk_greeting_answer(struct bk_greeting *g, struct bk_box *box, uint32_t number)
{
	struct bk_mailbox_view view = bk_box_view(box);
	struct bk_buf mail;
	int err;

	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	bk_self_describe(g->self, &view, &g->meeting->own);
	err = bk_pairing_answer(g->pairing, number, g->left, g->left_len, &g->meeting->own, &mail);
	if (!err)
		err = bk_box_mail(box, bk_buf_head(&mail), mail.len);
	bk_buf_done(&mail);
	bk_greeting_drop(g);
	return err;
}

int bk_greeting_take_answer(struct bk_greeting *g, uint32_t number, const uint8_t *mail, size_t n)
{
	int err = bk_pairing_take_answer(g->pairing, number, mail, n, &g->meeting->peer);

	g->has_answer = !err;
	return err;
}

int bk_greeting_reply(struct bk_greeting *g, struct bk_box *box)
{
	struct bk_mailbox_view view = bk_box_view(box);
	struct bk_meeting *m = g->meeting;
	struct bk_buf mail;
	int err;

	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	g->has_answer = false;
	bk_self_describe(g->self, &view, &m->own);
	m->own.start = bk_meeting_choose_start(&view, bk_loop_now(g->loop), m->peer.server_rtt);
	err = bk_pairing_reply(g->pairing, &m->own, &mail);
	if (!err)
		err = bk_box_mail(box, bk_buf_head(&mail), mail.len);
	bk_buf_done(&mail);
	return err;
}

int bk_greeting_take_reply(struct bk_greeting *g, const uint8_t *mail, size_t n)
{
	return bk_pairing_take_reply(g->pairing, mail, n, &g->meeting->peer);
}

void bk_greeting_say_wrong(struct bk_box *box, bool stays)
{
	struct bk_buf mail;

	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	if (bk_pairing_say_wrong(&mail, stays) == 0)
		bk_box_mail(box, bk_buf_head(&mail), mail.len);
	bk_buf_done(&mail);
}
