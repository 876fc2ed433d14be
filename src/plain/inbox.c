/* SPDX-License-Identifier: Apache-2.0 */
/* A server may be anybody's: what it sends is bounded and judged like a stranger's. Messages of the plain
 * dialect are small, so the ceiling is the one that others have before their hello. */
#include "plain/inbox.h"

#include "base/error.h"

void bk_plain_inbox_init(struct bk_plain_inbox *in)
{
	const struct bk_frame_limits limits = {.content_max = BK_RDV_HELLO_MAX};

	bk_frame_decoder_init(&in->decoder, BK_FRAMING_LENGTH, &limits);
	bk_buf_init(&in->content, BK_RDV_HELLO_MAX);
}

void bk_plain_inbox_done(struct bk_plain_inbox *in)
{
	bk_frame_decoder_done(&in->decoder);
	bk_buf_done(&in->content);
}

int bk_plain_inbox_next(
	struct bk_plain_inbox *in, const uint8_t **data, size_t *len, struct bk_rdv_msg *ret_msg)
{
	int event = bk_frame_collect(&in->decoder, &in->content, data, len), err;

	if (event != BK_FRAME_END)
		return event < 0 ? event : 0;
	err = bk_rdv_decode(bk_buf_head(&in->content), in->content.len, ret_msg);
	return err < 0 ? err : 1;
}
