/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed header of a session frame. The payload and what a type may carry are the session's business. */
#include "wire/frame.h"

#include "base/error.h"
#include "wire/cursor.h"

void bk_sframe_encode(const struct bk_sframe *f, uint8_t out[BK_SFRAME_HEADER_LEN])
{
	struct bk_writer w;

	bk_writer_init(&w, out, BK_SFRAME_HEADER_LEN);
	bk_write_u8(&w, f->type);
	bk_write_u8(&w, f->flags);
	bk_write_u16(&w, 0);
	bk_write_u32(&w, f->channel);
	bk_write_u32(&w, f->length);
}

int bk_sframe_decode(const uint8_t *data, size_t n, struct bk_sframe *ret_frame)
{
	struct bk_reader r;
	struct bk_sframe f;

	bk_reader_init(&r, data, n);
	f.type = bk_read_u8(&r);
	f.flags = bk_read_u8(&r);
	bk_read_u16(&r);
	f.channel = bk_read_u32(&r);
	f.length = bk_read_u32(&r);
	if (r.error)
		return r.error;
	if (f.length > BK_SFRAME_PAYLOAD_MAX)
		return BK_E_TOO_BIG;
	*ret_frame = f;
	return 0;
}
