/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/have.h"

#include "base/error.h"
#include "wire/cursor.h"

int bk_have_next(const uint8_t **at, size_t *left, struct bk_have *ret_have)
{
	struct bk_reader r;

	if (!*left)
		return 0;
	bk_reader_init(&r, *at, *left);
	ret_have->entry = bk_read_u32(&r);
	ret_have->first = bk_read_u32(&r);
	ret_have->count = bk_read_u32(&r);
	ret_have->digests = bk_read_view(&r, (size_t)ret_have->count * BK_HAVE_DIGEST_LEN);
	if (r.error < 0 || !ret_have->count || ret_have->first > UINT32_MAX - ret_have->count)
		return BK_E_MALFORMED;
	*at = r.at;
	*left = bk_reader_left(&r);
	return 1;
}

int bk_have_append(struct bk_buf *out, const struct bk_have *have)
{
	uint8_t head[BK_HAVE_HEAD_LEN];
	struct bk_writer w;
	int err;

	bk_writer_init(&w, head, sizeof(head));
	bk_write_u32(&w, have->entry);
	bk_write_u32(&w, have->first);
	bk_write_u32(&w, have->count);
	err = bk_buf_append(out, head, sizeof(head));
	return err < 0 ? err : bk_buf_append(out, have->digests, (size_t)have->count * BK_HAVE_DIGEST_LEN);
}
