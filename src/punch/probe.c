/* SPDX-License-Identifier: Apache-2.0 */

/* Probes as bytes: connectivity checks in the spirit of RFC 8445 section 7, reduced to what two bodkins need.
 * USERNAME is "addressee:sender" as there; USE-CANDIDATE nominates, and PRIORITY then carries the
 * nomination's number instead of a candidate's priority, so that a captured nomination cannot undo a later
 * one. An answer is keyed like its request was (RFC 8489 section 9.1). It refuses everything without
 * FINGERPRINT and integrity, and attributes that it would have to understand. */

#include "punch/probe.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "stun/msg.h"

static void name_pair(const char *addressee, const char *sender, char out[2 * BK_PROBE_NAME_MAX + 2])
{
	snprintf(out, 2 * BK_PROBE_NAME_MAX + 2, "%.*s:%.*s", BK_PROBE_NAME_MAX, addressee, BK_PROBE_NAME_MAX,
		sender);
}

int bk_probe_auth_init(struct bk_probe_auth *auth, const struct bk_intro *own, const struct bk_intro *peer,
	const uint8_t own_key[BK_PROBE_KEY_LEN], const uint8_t peer_key[BK_PROBE_KEY_LEN])
{
	if (sodium_is_zero(own_key, BK_PROBE_KEY_LEN) || sodium_is_zero(peer_key, BK_PROBE_KEY_LEN) ||
		!sodium_memcmp(own_key, peer_key, BK_PROBE_KEY_LEN))
		return BK_E_INVALID;
	memcpy(auth->own_key, own_key, BK_PROBE_KEY_LEN);
	memcpy(auth->peer_key, peer_key, BK_PROBE_KEY_LEN);
	name_pair(peer->id, own->id, auth->to_peer);
	name_pair(own->id, peer->id, auth->to_us);
	return 0;
}

int bk_probe_encode(const struct bk_probe_auth *auth, const struct bk_probe *p, uint8_t *out, size_t cap)
{
	struct bk_stun_key key = {p->is_answer ? auth->own_key : auth->peer_key, BK_PROBE_KEY_LEN};
	struct bk_stun_msg m = {.class = p->is_answer ? BK_STUN_SUCCESS : BK_STUN_REQUEST};

	memcpy(m.id.bytes + sizeof(m.id.bytes) - BK_PROBE_TID_LEN, p->tid, BK_PROBE_TID_LEN);
	if (p->is_answer) {
		m.xor_mapped = p->seen;
	} else {
		snprintf(m.username, sizeof(m.username), "%s", auth->to_peer);
		m.has_controlling = p->is_controlling;
		m.has_controlled = !p->is_controlling;
		m.tie_breaker = p->tie_breaker;
		m.has_use_candidate = m.has_priority = p->nomination != 0;
		m.priority = p->nomination;
	}
	return bk_stun_encode(&m, &key, true, out, cap);
}

/* A nomination without a number is the first. */
static uint32_t nomination_of(const struct bk_stun_msg *m)
{
	if (!m->has_use_candidate)
		return 0;
	return m->has_priority && m->priority ? m->priority : 1;
}

int bk_probe_decode(
	const struct bk_probe_auth *auth, const uint8_t *data, size_t n, struct bk_probe *ret_probe)
{
	struct bk_stun_key key = {NULL, BK_PROBE_KEY_LEN};
	struct bk_stun_msg m;
	struct bk_probe p = {0};

	if (!bk_stun_looks_like(data, n) || bk_stun_decode(data, n, &m) < 0)
		return BK_E_MALFORMED;
	if ((m.class != BK_STUN_REQUEST && m.class != BK_STUN_SUCCESS) || m.unknown_len ||
		!bk_stun_check_fingerprint(data, n, &m))
		return BK_E_MALFORMED;
	p.is_answer = m.class == BK_STUN_SUCCESS;
	key.bytes = p.is_answer ? auth->peer_key : auth->own_key;
	if (!p.is_answer && strcmp(m.username, auth->to_us) != 0)
		return BK_E_UNAUTHORIZED;
	if (!bk_stun_check_integrity(data, n, &m, &key))
		return BK_E_UNAUTHORIZED;
	memcpy(p.tid, m.id.bytes + sizeof(m.id.bytes) - BK_PROBE_TID_LEN, BK_PROBE_TID_LEN);
	p.is_controlling = m.has_controlling;
	p.tie_breaker = m.tie_breaker;
	p.nomination = nomination_of(&m);
	p.seen = m.xor_mapped;
	*ret_probe = p;
	return 0;
}

bool bk_probe_is_replay(struct bk_probe_memory *m, const struct bk_probe *p, const struct bk_addr *from)
{
	for (size_t i = 0; i < BK_PROBE_MEMORY; i++) {
		if (m->list[i].from.family != 0 && !memcmp(m->list[i].tid, p->tid, sizeof(p->tid)))
			return !bk_addr_equal(&m->list[i].from, from);
	}
	m->list[m->at].from = *from;
	memcpy(m->list[m->at].tid, p->tid, sizeof(p->tid));
	m->at = (m->at + 1) % BK_PROBE_MEMORY;
	return false;
}
