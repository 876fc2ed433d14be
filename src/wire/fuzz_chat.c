/* SPDX-License-Identifier: Apache-2.0 */
/* The stream of chat messages, in pieces whose size the input chooses, read as a chat does. What decodes must encode
 * to the same bytes, and fit. */
#include <stdlib.h>
#include <string.h>

#include "wire/chat.h"
#include "wire/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct bk_buf *content)
{
	struct bk_chat_msg m;
	struct bk_buf out;

	if (bk_chat_decode(bk_buf_head(content), content->len, &m) < 0)
		return;
	if (m.number > INT64_MAX || m.len > BK_CHAT_TEXT_MAX ||
		(m.type == BK_CHAT_TEXT && memchr(m.text, 0, m.len)))
		abort();
	if (m.type > BK_CHAT_END || !m.type)
		return; /* whatever a later version puts there */
	bk_buf_init(&out, 4 + BK_CHAT_WIRE_MAX);
	if (bk_chat_encode(&out, &m) < 0 || out.len != 4 + content->len ||
		memcmp(bk_buf_head(&out) + 4, bk_buf_head(content), content->len) != 0)
		abort();
	bk_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bk_frame_limits limits = {.content_max = BK_CHAT_WIRE_MAX};
	size_t step = size ? (size_t)data[0] + 1 : 1;
	struct bk_frame_decoder d;
	struct bk_buf content;
	int event = 0;

	data += size ? 1 : 0;
	size -= size ? 1 : 0;
	bk_frame_decoder_init(&d, BK_FRAMING_LENGTH, &limits);
	bk_buf_init(&content, BK_CHAT_WIRE_MAX + 1);
	while (size && event >= 0) {
		size_t n = size < step ? size : step, left = n;
		const uint8_t *at = data;

		while ((event = bk_frame_collect(&d, &content, &at, &left)) == BK_FRAME_END)
			check(&content);
		data += n;
		size -= n;
	}
	bk_frame_decoder_done(&d);
	bk_buf_done(&content);
	return 0;
}
