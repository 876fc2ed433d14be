/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses are 16 bytes, IPv4 in its mapped form (RFC 6887 section 5). Options are neither sent nor read: an
 * answer carries those alone that were asked for. */
#include "portmap/pcp.h"

#include <netinet/in.h>
#include <string.h>

#include "base/error.h"
#include "wire/cursor.h"

enum { HEADER_LEN = 24, IS_ANSWER = 0x80, IP_LEN = 16, IP4_LEN = 4, V4_AT = 12 };

static const uint8_t v4_mapped[V4_AT] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void write_ip(struct bk_writer *w, const struct bk_addr *a)
{
	if (a->family == 4)
		bk_write_bytes(w, v4_mapped, V4_AT);
	bk_write_bytes(w, a->ip, a->family == 4 ? IP4_LEN : IP_LEN);
}

static struct bk_addr read_ip(struct bk_reader *r, uint16_t port)
{
	struct bk_addr a = {.family = 6, .port = port};
	uint8_t ip[IP_LEN];

	bk_read_bytes(r, ip, IP_LEN);
	memcpy(a.ip, ip, IP_LEN);
	if (memcmp(ip, v4_mapped, V4_AT) != 0)
		return a;
	a = (struct bk_addr){.family = 4, .port = port};
	memcpy(a.ip, ip + V4_AT, IP4_LEN);
	return a;
}

static void write_map(struct bk_writer *w, const struct bk_pcp_map *m)
{
	bk_write_bytes(w, m->nonce, BK_PCP_NONCE_LEN);
	bk_write_u8(w, m->transport == BK_TRANSPORT_TCP ? IPPROTO_TCP : IPPROTO_UDP);
	bk_write_bytes(w, (const uint8_t[3]){0}, 3);
	bk_write_u16(w, m->own_port);
	bk_write_u16(w, m->external.port);
	write_ip(w, &m->external);
}

int bk_pcp_encode(const struct bk_pcp_request *q, uint8_t *out, size_t max)
{
	struct bk_writer w;

	bk_writer_init(&w, out, max);
	bk_write_u8(&w, BK_PCP_VERSION);
	bk_write_u8(&w, (uint8_t)q->opcode);
	bk_write_u16(&w, 0);
	bk_write_u32(&w, q->lifetime);
	write_ip(&w, &q->own);
	if (q->opcode == BK_PCP_MAP)
		write_map(&w, &q->map);
	return w.error ? w.error : (int)bk_writer_len(&w);
}

static int read_map(struct bk_reader *r, struct bk_pcp_answer *a)
{
	uint16_t external_port;
	uint8_t protocol;

	bk_read_bytes(r, a->map.nonce, BK_PCP_NONCE_LEN);
	protocol = bk_read_u8(r);
	bk_read_view(r, 3);
	a->map.own_port = bk_read_u16(r);
	external_port = bk_read_u16(r);
	a->map.external = read_ip(r, external_port);
	a->map.transport = protocol == IPPROTO_TCP ? BK_TRANSPORT_TCP : BK_TRANSPORT_UDP;
	a->has_map = true;
	if (r->error)
		return r->error;
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ? 0 : BK_E_MALFORMED;
}

/* An error may have lost what it is about: RFC 6887 section 8.3 copies it where that was possible. */
static int read_answer(struct bk_reader *r, struct bk_pcp_answer *a)
{
	bk_read_u8(r);
	a->result = bk_read_u8(r);
	a->lifetime = bk_read_u32(r);
	a->epoch = bk_read_u32(r);
	bk_read_view(r, 12);
	if (r->error || a->version != BK_PCP_VERSION || a->opcode != BK_PCP_MAP)
		return r->error;
	return a->result != BK_PCP_SUCCESS && !bk_reader_left(r) ? 0 : read_map(r, a);
}

int bk_pcp_decode(const uint8_t *data, size_t len, struct bk_pcp_answer *ret_answer)
{
	struct bk_pcp_answer a = {0};
	struct bk_reader r;
	uint8_t kind;
	int err;

	if (len < HEADER_LEN || len > BK_PCP_MESSAGE_MAX || len % 4)
		return BK_E_MALFORMED;
	bk_reader_init(&r, data, len);
	a.version = bk_read_u8(&r);
	kind = bk_read_u8(&r);
	a.opcode = kind & (IS_ANSWER - 1);
	if (!(kind & IS_ANSWER) || a.version == 0)
		return BK_E_MALFORMED;
	err = read_answer(&r, &a);
	if (!err && a.version != BK_PCP_VERSION && a.result != BK_PCP_UNSUPP_VERSION)
		err = BK_E_MALFORMED;
	if (err < 0)
		return err;
	*ret_answer = a;
	return 0;
}
