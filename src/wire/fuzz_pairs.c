/* SPDX-License-Identifier: Apache-2.0 */
/* Key-value fields that somebody wants to send: either refused, or a header that the decoder takes, with the
 * length that was meant, and that can be passed on without a change. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/framing.h"
#include "wire/pairs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_back(const struct bk_buf *framed, const char *fields, uint64_t content_len)
{
	const struct bk_frame_limits limits = {.content_max = UINT64_MAX};
	const uint8_t *at = bk_buf_head(framed);
	size_t n = framed->len;
	struct bk_frame_decoder d;
	struct bk_buf again;

	bk_frame_decoder_init(&d, BK_FRAMING_KEY_VALUE, &limits);
	assert(bk_frame_decode(&d, &at, &n) == BK_FRAME_HEADER);
	assert(!n && d.content_len == content_len);
	assert(strlen(d.header) == d.header_len && d.header_len <= strlen(fields) + 25);
	bk_buf_init(&again, 1 << 20);
	assert(bk_frame_append_key_value(&again, d.header, content_len) == 0);
	assert(again.len == framed->len && !memcmp(bk_buf_head(&again), bk_buf_head(framed), again.len));
	bk_buf_done(&again);
	bk_frame_decoder_done(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *fields = malloc(size + 1);
	struct bk_buf framed;
	uint64_t content_len = size ? (uint64_t)data[0] * data[size - 1] : 0, seen;
	int err;

	assert(fields);
	if (size)
		memcpy(fields, data, size);
	fields[size] = 0;
	bk_buf_init(&framed, 1 << 20);
	err = bk_frame_append_key_value(&framed, fields, content_len);
	assert(!err || err == BK_E_INVALID || err == BK_E_TOO_BIG || err == BK_E_FULL);
	assert(!err || !framed.len);
	if (!err)
		read_back(&framed, fields, content_len);
	if (bk_pairs_find_content_len((const char *)data, size, &seen) == 0)
		assert(seen <= INT64_MAX && memchr(data, ':', size));
	bk_buf_done(&framed);
	free(fields);
	return 0;
}
