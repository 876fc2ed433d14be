/* SPDX-License-Identifier: Apache-2.0 */
/* A header may come in twelve reads, a payload in as many as it likes; nothing is collected but the
 * header. */
#include "stream/intake.h"

#include <string.h>

static int read_head(struct bk_intake *in, const uint8_t **data, size_t *n, struct bk_intake_piece *ret_piece)
{
	size_t take = BK_SFRAME_HEADER_LEN - in->head_len;
	int err;

	take = take < *n ? take : *n;
	memcpy(in->head + in->head_len, *data, take);
	in->head_len += take;
	*data += take;
	*n -= take;
	if (in->head_len < BK_SFRAME_HEADER_LEN)
		return 0;
	in->head_len = 0;
	err = bk_sframe_decode(in->head, BK_SFRAME_HEADER_LEN, &in->frame);
	if (err < 0)
		return err;
	in->left = in->frame.length;
	*ret_piece = (struct bk_intake_piece){.is_head = true};
	return 1;
}

int bk_intake_next(struct bk_intake *in, const uint8_t **data, size_t *n, struct bk_intake_piece *ret_piece)
{
	size_t take = in->left < *n ? in->left : *n;

	if (!*n)
		return 0;
	if (!in->left)
		return read_head(in, data, n, ret_piece);
	*ret_piece = (struct bk_intake_piece){.data = *data, .len = take};
	in->left -= (uint32_t)take;
	*data += take;
	*n -= take;
	return 1;
}
