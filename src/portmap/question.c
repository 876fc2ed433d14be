/* SPDX-License-Identifier: Apache-2.0 */
/* The port that is wished for is our own, since some routers take no 0 for "any"; then the one that we have. Two
 * hours are what RFC 6886 recommends; a hole for IPv6 is asked for ten minutes, since some routers cannot
 * close it again: miniupnpd 2.3.1 refuses that for one that was asked for twice. */
#include "portmap/question.h"

#include <string.h>

#include "portmap/natpmp.h"
#include "portmap/pcp.h"

#define LIFETIME4_S 7200u
#define LIFETIME6_S 600u

static bool finish(struct bk_action *a, int n)
{
	a->type = BK_ACT_DATAGRAM;
	a->len = (uint16_t)n;
	return n > 0;
}

static bool put_pcp(const struct bk_pcp_request *q, struct bk_action *a)
{
	*a = (struct bk_action){0};
	return finish(a, bk_pcp_encode(q, a->data, sizeof(a->data)));
}

static bool put_natpmp(const struct bk_natpmp_request *q, struct bk_action *a)
{
	*a = (struct bk_action){0};
	return finish(a, bk_natpmp_encode(q, a->data, sizeof(a->data)));
}

bool bk_portmap_put_ping(enum bk_portmap_dialect d, const struct bk_addr *own, struct bk_action *ret_action)
{
	if (d == BK_PORTMAP_PCP)
		return put_pcp(&(struct bk_pcp_request){.opcode = BK_PCP_ANNOUNCE, .own = *own}, ret_action);
	return put_natpmp(&(struct bk_natpmp_request){.opcode = BK_NATPMP_ADDRESS}, ret_action);
}

static uint16_t wished_port(const struct bk_portmap_question *q)
{
	if (q->is_deletion)
		return 0;
	return q->lease->external.port ? q->lease->external.port : q->lease->own_port;
}

static bool put_pcp_map(const struct bk_portmap_question *q, struct bk_action *a)
{
	struct bk_pcp_request r = {
		.opcode = BK_PCP_MAP,
		.own = *q->own,
		.map = {.transport = q->lease->transport, .own_port = q->lease->own_port},
	};

	if (!q->is_deletion)
		r.lifetime = q->own->family == 4 ? LIFETIME4_S : LIFETIME6_S;
	r.map.external = q->lease->external;
	r.map.external.family = q->own->family; /* none is all zeroes, in that family */
	r.map.external.port = wished_port(q);
	memcpy(r.map.nonce, q->nonce, sizeof(r.map.nonce));
	return put_pcp(&r, a);
}

static bool put_natpmp_map(const struct bk_portmap_question *q, struct bk_action *a)
{
	return put_natpmp(
		&(struct bk_natpmp_request){
			.opcode = bk_natpmp_opcode_for(q->lease->transport),
			.own_port = q->lease->own_port,
			.external_port = wished_port(q),
			.lifetime = q->is_deletion ? 0 : LIFETIME4_S,
		},
		a);
}

bool bk_portmap_put_question(
	enum bk_portmap_dialect d, const struct bk_portmap_question *q, struct bk_action *ret_action)
{
	return d == BK_PORTMAP_PCP ? put_pcp_map(q, ret_action) : put_natpmp_map(q, ret_action);
}
