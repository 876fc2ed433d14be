/* SPDX-License-Identifier: Apache-2.0 */
#include "punch/udp_mouth.h"

#include <sodium.h>
#include <string.h>

enum { REPORTS_MAX = 8 }; /* have their places, whatever else is queued */

void bk_udp_mouth_init(struct bk_udp_mouth *m, uint64_t seed)
{
	m->seed = seed;
	bk_actions_init(&m->actions, m->slots, BK_UDP_MOUTH_ACTIONS_MAX);
}

void bk_udp_mouth_push(struct bk_udp_mouth *m, const struct bk_action *a)
{
	bool must_fit = a->type == BK_ACT_REPORT && a->report != BK_REPORT_LIKELY;

	if (must_fit || bk_actions_room(&m->actions) > REPORTS_MAX)
		bk_actions_push(&m->actions, a);
}

void bk_udp_mouth_make_tid(struct bk_udp_mouth *m, uint8_t ret_tid[BK_PROBE_TID_LEN])
{
	uint64_t in[2] = {m->seed, m->tids++};
	uint8_t key[2 * BK_PROBE_KEY_LEN], out[crypto_generichash_BYTES_MIN];

	memcpy(key, m->auth.own_key, BK_PROBE_KEY_LEN);
	memcpy(key + BK_PROBE_KEY_LEN, m->auth.peer_key, BK_PROBE_KEY_LEN);
	crypto_generichash(out, sizeof(out), (const uint8_t *)in, sizeof(in), key, sizeof(key));
	memcpy(ret_tid, out, BK_PROBE_TID_LEN);
}

void bk_udp_mouth_say(struct bk_udp_mouth *m, uint32_t socket, const struct bk_addr *to, uint8_t ttl,
	const struct bk_probe *p)
{
	struct bk_action a = {.type = BK_ACT_DATAGRAM, .id = socket, .remote = *to, .ttl = ttl};
	int n = bk_probe_encode(&m->auth, p, a.data, sizeof(a.data));

	if (n < 0)
		return;
	a.len = (uint16_t)n;
	bk_udp_mouth_push(m, &a);
}

void bk_udp_mouth_answer(
	struct bk_udp_mouth *m, uint32_t socket, const struct bk_probe *request, const struct bk_addr *from)
{
	struct bk_probe p = {.is_answer = true, .seen = *from};

	memcpy(p.tid, request->tid, sizeof(p.tid));
	bk_udp_mouth_say(m, socket, from, 0, &p);
}
