/* SPDX-License-Identifier: Apache-2.0 */
/* An introduction belongs to the token's round and is newer than any before it, or it does not open. Whoever
 * has sent its own and opened the other one is done. */
#include "meet/exchange.h"

#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"

void bk_exchange_init(struct bk_exchange *r, struct bk_self *self, struct bk_pairing *pairing)
{
	*r = (struct bk_exchange){.self = self, .pairing = pairing};
}

void bk_exchange_open(struct bk_exchange *r, const uint8_t token[BK_MAILBOX_TOKEN_LEN])
{
	bk_assert(r->pairing->is_keyed);
	bk_exchange_init(r, r->self, r->pairing);
	r->is_open = true;
	memcpy(r->token, token, sizeof(r->token));
}

bool bk_exchange_is(const struct bk_exchange *r, const uint8_t token[BK_MAILBOX_TOKEN_LEN])
{
	return memcmp(r->token, token, sizeof(r->token)) == 0;
}

int bk_exchange_introduce(struct bk_exchange *r, struct bk_box *box, bk_time now, bk_dur peer_rtt)
{
	struct bk_mailbox_view view = bk_box_view(box);
	struct bk_buf mail;
	int err;

	bk_assert(r->is_open && !r->is_introduced);
	bk_self_reopen(r->self);
	bk_self_describe(r->self, &view, &r->own);
	r->own.start = bk_meeting_choose_start(&view, now, peer_rtt);
	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	err = bk_pairing_again(r->pairing, r->token, &r->own, &mail);
	if (!err)
		err = bk_box_mail(box, bk_buf_head(&mail), mail.len);
	bk_buf_done(&mail);
	r->is_introduced = !err;
	if (err < 0)
		bk_log_debug("meet", "cannot introduce ourselves: %s", bk_error_text(err));
	return err;
}

void bk_exchange_take(struct bk_exchange *r, const uint8_t *mail, size_t n)
{
	struct bk_intro peer;

	if (!r->is_open || bk_pairing_take_again(r->pairing, r->token, mail, n, &peer) < 0)
		return;
	r->peer = peer;
	r->has_peer = true;
}

bool bk_exchange_is_complete(const struct bk_exchange *r)
{
	return r->is_open && r->is_introduced && r->has_peer;
}

void bk_exchange_close(struct bk_exchange *r, struct bk_meeting *ret_meeting)
{
	bk_assert(bk_exchange_is_complete(r));
	r->is_open = false;
	ret_meeting->own = r->own;
	ret_meeting->peer = r->peer;
	memcpy(ret_meeting->token, r->token, sizeof(ret_meeting->token));
}
