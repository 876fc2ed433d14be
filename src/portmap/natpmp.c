/* SPDX-License-Identifier: Apache-2.0 */
#include "portmap/natpmp.h"

#include "base/error.h"
#include "wire/cursor.h"

enum { VERSION = 0, IS_ANSWER = 0x80, ANSWER_MAX = 16, IP4_LEN = 4 };

enum bk_natpmp_opcode bk_natpmp_opcode_for(enum bk_transport t)
{
	return t == BK_TRANSPORT_TCP ? BK_NATPMP_MAP_TCP : BK_NATPMP_MAP_UDP;
}

int bk_natpmp_encode(const struct bk_natpmp_request *q, uint8_t *out, size_t max)
{
	struct bk_writer w;

	bk_writer_init(&w, out, max);
	bk_write_u8(&w, VERSION);
	bk_write_u8(&w, (uint8_t)q->opcode);
	if (q->opcode != BK_NATPMP_ADDRESS) {
		bk_write_u16(&w, 0);
		bk_write_u16(&w, q->own_port);
		bk_write_u16(&w, q->external_port);
		bk_write_u32(&w, q->lifetime);
	}
	return w.error ? w.error : (int)bk_writer_len(&w);
}

static void read_success(struct bk_reader *r, struct bk_natpmp_answer *a)
{
	if (a->opcode == BK_NATPMP_ADDRESS) {
		a->external.family = 4;
		bk_read_bytes(r, a->external.ip, IP4_LEN);
		return;
	}
	a->own_port = bk_read_u16(r);
	a->external_port = bk_read_u16(r);
	a->lifetime = bk_read_u32(r);
}

int bk_natpmp_decode(const uint8_t *data, size_t len, struct bk_natpmp_answer *ret_answer)
{
	struct bk_natpmp_answer a = {0};
	struct bk_reader r;
	uint8_t version, kind;

	bk_reader_init(&r, data, len);
	version = bk_read_u8(&r);
	kind = bk_read_u8(&r);
	a.result = bk_read_u16(&r);
	a.epoch = bk_read_u32(&r);
	if (len > ANSWER_MAX || version != VERSION || kind < IS_ANSWER ||
		kind > IS_ANSWER + BK_NATPMP_MAP_TCP)
		return BK_E_MALFORMED;
	a.opcode = (enum bk_natpmp_opcode)(kind - IS_ANSWER);
	if (!r.error && a.result == BK_NATPMP_SUCCESS)
		read_success(&r, &a);
	else if (a.opcode != BK_NATPMP_ADDRESS && bk_reader_left(&r) >= 2)
		a.own_port = bk_read_u16(&r);
	if (r.error)
		return r.error;
	*ret_answer = a;
	return 0;
}
