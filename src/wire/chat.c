/* SPDX-License-Identifier: Apache-2.0 */
/* What two people's programs say to each other. It judges form only. */
#include "wire/chat.h"

#include "base/error.h"
#include "base/text.h"
#include "wire/cursor.h"
#include "wire/framing.h"

int bk_chat_check(const char *text, size_t len)
{
	if (len > BK_CHAT_TEXT_MAX)
		return BK_E_TOO_BIG;
	return bk_text_is_utf8(text, len) ? 0 : BK_E_INVALID;
}

int bk_chat_encode(struct bk_buf *out, const struct bk_chat_msg *m)
{
	size_t n = BK_CHAT_HEADER_LEN + m->len;
	int err = bk_chat_check(m->text, m->len);
	struct bk_writer w;
	uint8_t *at;

	if (err < 0)
		return err;
	at = bk_buf_reserve(out, 4 + n);
	if (!at)
		return bk_buf_room(out) < 4 + n ? BK_E_FULL : BK_E_NOMEM;
	bk_writer_init(&w, at, 4 + n);
	bk_write_u32(&w, (uint32_t)n);
	bk_write_u8(&w, m->type);
	bk_write_u64(&w, m->number);
	bk_write_bytes(&w, m->text, m->len);
	bk_buf_commit(out, 4 + n);
	return 0;
}

static int check_decoded(const struct bk_chat_msg *m)
{
	if (m->number > INT64_MAX)
		return BK_E_MALFORMED;
	if (m->type != BK_CHAT_TEXT)
		return m->len && m->type <= BK_CHAT_END ? BK_E_MALFORMED : 0;
	return bk_chat_check(m->text, m->len) < 0 ? BK_E_MALFORMED : 0;
}

int bk_chat_decode(const void *content, size_t len, struct bk_chat_msg *ret_msg)
{
	struct bk_chat_msg m = {0};
	struct bk_reader r;
	int err;

	if (len > BK_CHAT_WIRE_MAX)
		return BK_E_TOO_BIG;
	bk_reader_init(&r, content, len);
	m.type = bk_read_u8(&r);
	m.number = bk_read_u64(&r);
	m.len = bk_reader_left(&r);
	m.text = (const char *)r.at;
	err = r.error < 0 ? r.error : check_decoded(&m);
	if (!err)
		*ret_msg = m;
	return err;
}
