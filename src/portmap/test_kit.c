/* SPDX-License-Identifier: Apache-2.0 */
#include "portmap/test_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/cursor.h"

enum { MESSAGE = 100, TCP = 6, UDP = 17 };

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void router_init(struct router *r)
{
	*r = (struct router){
		.now = T0,
		.has_pcp = true,
		.has_natpmp = true,
		.outside = bk_addr_v4(45, 10, 20, 7, 0),
		.from = bk_addr_v4(10, 0, 0, 1, BK_PCP_PORT),
		.born = T0 - 500 * BK_SEC,
	};
}

void router_meet(struct router *r)
{
	struct bk_portmap_opts opts = {
		.gateway = bk_addr_v4(10, 0, 0, 1, 0),
		.own = bk_addr_v4(10, 0, 0, 2, 5000),
		.socket = SOCKET,
		.announcements = ANNOUNCEMENTS,
		.key = {1},
		.seed = 4,
	};

	if (r->is_v6) {
		assert_int_equal(bk_addr_from_ip("fe80::1", 0, &opts.gateway), 0);
		assert_int_equal(bk_addr_from_ip("2a00:1::2", 5000, &opts.own), 0);
		r->outside = opts.own;
	}
	assert_int_equal(bk_portmap_new(&opts, r->now, &r->p), 0);
}

bool router_tell(struct router *r, uint32_t socket, const void *data, size_t len)
{
	return bk_portmap_ops.on_datagram(r->p, socket, &r->from, data, len, r->now);
}

static uint32_t epoch(const struct router *r)
{
	return r->is_young_always ? 1 : (uint32_t)((r->now - r->born) / BK_SEC);
}

/* --- PCP --- */

static uint32_t granted(struct router *r, uint32_t asked)
{
	if (asked) {
		r->maps++;
		r->asked_lifetime = asked;
	} else {
		r->deletions++;
	}
	if (asked && r->pcp_result)
		return r->error_lifetime;
	return !asked || r->gives_nothing ? 0 : r->lifetime ? r->lifetime : asked;
}

static void see_map(struct router *r, const uint8_t *block)
{
	struct bk_reader in;

	bk_reader_init(&in, block, 36);
	bk_read_bytes(&in, r->last.nonce, sizeof(r->last.nonce));
	r->last.transport = bk_read_u8(&in) == TCP ? BK_TRANSPORT_TCP : BK_TRANSPORT_UDP;
	bk_read_view(&in, 3);
	r->last.own_port = bk_read_u16(&in);
	r->last.external.port = bk_read_u16(&in);
	if (!r->has_first)
		r->first = r->last;
	r->has_first = true;
}

static void write_outside(struct bk_writer *w, const struct router *r)
{
	if (r->outside.family == 4)
		bk_write_bytes(w, v4_mapped, sizeof(v4_mapped));
	bk_write_bytes(w, r->outside.ip, r->outside.family == 4 ? 4 : 16);
}

static void answer_pcp(struct router *r, const uint8_t *data, size_t len)
{
	bool is_map = data[1] == BK_PCP_MAP;
	uint8_t out[MESSAGE];
	struct bk_writer w;
	uint32_t lifetime;

	if (is_map)
		see_map(r, data + 24);
	else
		r->pings++;
	lifetime = is_map ? granted(r, (uint32_t)data[4] << 24 | data[5] << 16 | data[6] << 8 | data[7]) : 0;
	bk_writer_init(&w, out, sizeof(out));
	bk_write_bytes(&w, (uint8_t[]){2, 0x80 | data[1], 0, is_map ? r->pcp_result : 0}, 4);
	bk_write_u32(&w, lifetime);
	bk_write_u32(&w, epoch(r));
	bk_write_bytes(&w, (uint8_t[12]){0}, 12);
	if (is_map) {
		bk_write_bytes(&w, data + 24, 18);
		bk_write_u16(&w, r->port ? r->port : r->last.external.port);
		write_outside(&w, r);
		out[24] ^= r->spoils_nonce;
	}
	(void)len;
	router_tell(r, SOCKET, out, bk_writer_len(&w));
}

/* --- NAT-PMP --- */

static void answer_address(struct router *r)
{
	uint8_t out[MESSAGE];
	struct bk_writer w;

	bk_writer_init(&w, out, sizeof(out));
	bk_write_u16(&w, 0x0080);
	bk_write_u16(&w, r->address_result);
	bk_write_u32(&w, epoch(r));
	bk_write_bytes(&w, r->outside.ip, 4);
	router_tell(r, SOCKET, out, bk_writer_len(&w));
}

static void answer_natpmp(struct router *r, const uint8_t *data, size_t len)
{
	struct bk_natpmp_request *q = &r->last_natpmp;
	struct bk_reader in;
	uint8_t out[MESSAGE];
	struct bk_writer w;

	bk_reader_init(&in, data, len);
	bk_read_u8(&in);
	q->opcode = bk_read_u8(&in);
	bk_read_u16(&in);
	q->own_port = bk_read_u16(&in);
	q->external_port = bk_read_u16(&in);
	q->lifetime = bk_read_u32(&in);
	bk_writer_init(&w, out, sizeof(out));
	bk_write_u16(&w, (uint16_t)(0x0080 | q->opcode));
	bk_write_u16(&w, r->natpmp_result);
	bk_write_u32(&w, epoch(r));
	bk_write_u16(&w, q->own_port);
	bk_write_u16(&w, r->port ? r->port : q->external_port);
	bk_write_u32(&w, granted(r, q->lifetime));
	router_tell(r, SOCKET, out, bk_writer_len(&w));
}

static void refuse_version(struct router *r, uint8_t version, uint8_t op)
{
	uint8_t out[24] = {version, 0x80 | op, 0, 1};

	router_tell(r, SOCKET, out, version ? 24 : 8);
}

/* --- both --- */

static void hear(struct router *r, const struct bk_action *a)
{
	bool is_pcp = a->data[0] == BK_PCP_VERSION;

	assert_int_equal(a->id, SOCKET);
	assert_int_equal(a->remote.port, BK_PCP_PORT);
	if (!is_pcp && a->data[1] == BK_NATPMP_ADDRESS)
		r->pings++;
	if (r->is_deaf)
		return;
	if (is_pcp && r->has_pcp)
		answer_pcp(r, a->data, a->len);
	else if (is_pcp && r->has_natpmp)
		refuse_version(r, 0, a->data[1]);
	else if (!is_pcp && r->has_natpmp && a->data[1] == BK_NATPMP_ADDRESS)
		answer_address(r);
	else if (!is_pcp && r->has_natpmp)
		answer_natpmp(r, a->data, a->len);
	else if (!is_pcp && r->is_pcp_server)
		refuse_version(r, BK_PCP_VERSION, a->data[1]);
}

static void drain(struct router *r)
{
	struct bk_action a;

	while (bk_portmap_ops.next_action(r->p, &a)) {
		if (a.type == BK_ACT_DATAGRAM)
			hear(r, &a);
		else if (a.type == BK_ACT_UDP_OPEN)
			assert_int_equal(a.id, SOCKET);
		else if (a.report == BK_REPORT_DONE)
			r->is_done = true;
		else
			r->reports++;
	}
}

void router_run(struct router *r, bk_time t)
{
	drain(r);
	for (bk_time wake; (wake = bk_portmap_ops.next_wake(r->p)) <= t;) {
		assert_true(wake >= r->now); /* else time would stand still */
		r->now = wake;
		bk_portmap_ops.on_time(r->p, r->now);
		drain(r);
	}
	r->now = t;
}

void router_free(struct router *r)
{
	bk_portmap_free(r->p);
}

void want(struct router *r, enum bk_transport t, uint16_t port)
{
	assert_int_equal(bk_portmap_want(r->p, t, port, r->now), 0);
}

const struct bk_portmap_lease *lease(const struct router *r)
{
	const struct bk_portmap_lease *l = bk_portmap_find(r->p, BK_TRANSPORT_UDP, OWN_PORT);

	assert_non_null(l);
	return l;
}

void assert_held(const struct router *r, uint16_t port)
{
	struct bk_addr external = bk_addr_with_port(r->outside, port);

	assert_true(bk_addr_equal(&lease(r)->external, &external));
	assert_int_equal(lease(r)->trouble, BK_PORTMAP_FINE);
}

void assert_refused(const struct router *r, enum bk_portmap_trouble why)
{
	assert_int_equal(lease(r)->external.family, 0);
	assert_int_equal(lease(r)->trouble, why);
}
