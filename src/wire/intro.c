/* SPDX-License-Identifier: Apache-2.0 */
/* The introduction as JSON. It arrives sealed, so its writer is the peer, who may still be hostile: every
 * field is bounded, addresses are literals, and text for people loses what could drive a terminal. It does
 * not judge whether an address is one we want to send to; that is the planner's. */
#include "wire/intro.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "wire/field.h"
#include "wire/json.h"

enum { DEPTH_MAX = 8, MEMBERS_MAX = 256, DELTA_MAX = 65535, RATE_MAX = 1000000, SEEN_MAX = 1000 };

#define SERVER_RTT_MAX (3600 * BK_SEC)

/* What travels as rows; the rest is built by hand below. */
struct flat {
	struct bk_intro in;
	uint64_t server_rtt_us, start_ns;
};

#define ROW(member, k, f)                                                                                    \
	{                                                                                                    \
		.name = #member, .kind = BK_FIELD_##k, .flags = (f),                                         \
		.offset = offsetof(struct flat, in.member), .size = sizeof(((struct flat *)0)->in.member)    \
	}

static const struct bk_field rows[] = {
	ROW(id, STR, BK_FIELD_REQUIRED),
	ROW(name, TEXT, BK_FIELD_REQUIRED),
	ROW(pin, HEX, BK_FIELD_REQUIRED),
	{.name = "server_rtt_us",
		.kind = BK_FIELD_UINT,
		.offset = offsetof(struct flat, server_rtt_us),
		.size = 8},
	{.name = "start_ns", .kind = BK_FIELD_UINT, .offset = offsetof(struct flat, start_ns), .size = 8},
	ROW(tie_breaker, HEX64, BK_FIELD_REQUIRED),
	ROW(capabilities, UINT, 0),
	ROW(probe_key, HEX, 0),
};

enum { ROWS_LEN = sizeof(rows) / sizeof(rows[0]) };

static const char *const kinds[] = {
	[BK_CANDIDATE_HOST] = "host",
	[BK_CANDIDATE_MAPPED] = "mapped",
	[BK_CANDIDATE_FIREWALLED] = "firewalled",
	[BK_CANDIDATE_OPENED] = "opened",
};

enum { KINDS_LEN = sizeof(kinds) / sizeof(kinds[0]) };

static const char *const transports[] = {
	[BK_TRANSPORT_TCP] = "tcp",
	[BK_TRANSPORT_UDP] = "udp",
};

enum { TRANSPORTS_LEN = sizeof(transports) / sizeof(transports[0]) };

const char *bk_transport_name(enum bk_transport t)
{
	return (unsigned)t < TRANSPORTS_LEN ? transports[t] : "unknown";
}

static const char *kind_name(enum bk_candidate_kind k)
{
	return (unsigned)k < KINDS_LEN ? kinds[k] : "unknown";
}

static bool is_usable(const struct bk_addr *a)
{
	return a->family && a->port && !bk_addr_is_any(a);
}

static bool are_sound_ports(const struct bk_nat_ports *p)
{
	return p->seen_at >= 0 && p->rate <= RATE_MAX && p->seen <= SEEN_MAX && p->min <= p->max;
}

static bool is_sound_profile(const struct bk_nat_profile *p)
{
	if (!are_sound_ports(&p->ports))
		return false;
	if (p->delta < -DELTA_MAX || p->delta > DELTA_MAX)
		return false;
	return !p->public_addr.family || is_usable(&p->public_addr);
}

static bool is_sound_candidate(const struct bk_candidate *c)
{
	return (unsigned)c->kind < KINDS_LEN && (unsigned)c->transport < TRANSPORTS_LEN &&
	       is_usable(&c->addr);
}

static int check(const struct bk_intro *in)
{
	if (in->version != BK_INTRO_VERSION || in->candidates_len > BK_INTRO_CANDIDATES_MAX)
		return BK_E_INVALID;
	if (!memchr(in->id, 0, sizeof(in->id)) || !memchr(in->name, 0, sizeof(in->name)))
		return BK_E_INVALID;
	if (!bk_text_is_plain(in->id) || in->start < 0)
		return BK_E_INVALID;
	if (in->server_rtt < 0 || in->server_rtt > SERVER_RTT_MAX)
		return BK_E_INVALID;
	for (size_t i = 0; i < in->candidates_len; i++)
		if (!is_sound_candidate(&in->candidates[i]))
			return BK_E_INVALID;
	return is_sound_profile(&in->tcp) && is_sound_profile(&in->udp) ? 0 : BK_E_INVALID;
}

/* TCP goes without saying. */
static json_t *candidate_to_json(const struct bk_candidate *c)
{
	char ip[BK_ADDR_STR_MAX];

	return json_pack("{s:s,s:s,s:i,s:s*}", "kind", kind_name(c->kind), "ip",
		bk_addr_ip_to_str(&c->addr, ip), "port", (int)c->addr.port, "transport",
		c->transport == BK_TRANSPORT_TCP ? NULL : bk_transport_name(c->transport));
}

static json_t *candidates_to_json(const struct bk_intro *in)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < in->candidates_len; i++) {
		if (json_array_append_new(list, candidate_to_json(&in->candidates[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* NULL: nothing is known of them. */
static json_t *ports_to_json(const struct bk_nat_ports *p)
{
	if (!p->last)
		return NULL;
	return json_pack("{s:i,s:I,s:i,s:i,s:i,s:i}", "last", (int)p->last, "seen_ns", (json_int_t)p->seen_at,
		"rate", (int)p->rate, "min", (int)p->min, "max", (int)p->max, "seen", (int)p->seen);
}

static json_t *profile_to_json(const struct bk_nat_profile *p)
{
	const struct bk_addr *seen = &p->public_addr;
	char ip[BK_ADDR_STR_MAX];

	return json_pack("{s:s,s:s,s:s,s:i,s:b,s:s*,s:o*,s:o*}", "mapping", bk_nat_behavior_name(p->mapping),
		"filtering", bk_nat_behavior_name(p->filtering), "allocation",
		bk_nat_allocation_name(p->allocation), "delta", p->delta, "translated", (int)p->is_translated,
		"public_ip", seen->family ? bk_addr_ip_to_str(seen, ip) : NULL, "public_port",
		seen->family ? json_integer(seen->port) : NULL, "ports", ports_to_json(&p->ports));
}

static int to_json(const struct bk_intro *in, json_t **ret_object)
{
	struct flat flat = {.in = *in,
		.server_rtt_us = (uint64_t)(in->server_rtt / BK_US),
		.start_ns = (uint64_t)in->start};
	json_t *o = json_pack("{s:i}", "version", in->version);
	int err = o ? bk_fields_encode(o, rows, ROWS_LEN, &flat) : BK_E_NOMEM;

	if (!err && json_object_set_new(o, "candidates", candidates_to_json(in)) < 0)
		err = BK_E_NOMEM;
	if (!err && json_object_set_new(o, "nat",
			    json_pack("{s:o,s:o}", "tcp", profile_to_json(&in->tcp), "udp",
				    profile_to_json(&in->udp))) < 0)
		err = BK_E_NOMEM;
	if (err < 0) {
		json_decref(o);
		return err;
	}
	*ret_object = o;
	return 0;
}

int bk_intro_encode(const struct bk_intro *in, char **ret_json, size_t *ret_len)
{
	int err = check(in);
	json_t *o = NULL;
	char *text;

	if (!err)
		err = to_json(in, &o);
	if (err < 0)
		return err;
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (!text)
		return BK_E_NOMEM;
	*ret_json = text;
	*ret_len = strlen(text);
	return 0;
}

static int addr_from_json(const json_t *ip, const json_t *port, struct bk_addr *ret_addr)
{
	json_int_t n = json_integer_value(port);
	struct bk_addr a;

	if (!json_is_string(ip) || !json_is_integer(port) || n < 1 || n > 65535)
		return BK_E_MALFORMED;
	if (bk_addr_from_ip(json_string_value(ip), (uint16_t)n, &a) < 0 || !is_usable(&a))
		return BK_E_MALFORMED;
	*ret_addr = a;
	return 0;
}

/* BK_E_UNSUPPORTED: of a later version's kind or transport. */
static int candidate_from_json(const json_t *o, struct bk_candidate *ret_candidate)
{
	const char *kind = json_string_value(json_object_get(o, "kind"));
	const json_t *transport = json_object_get(o, "transport");
	struct bk_candidate c;
	size_t k, t = BK_TRANSPORT_TCP;

	if (!kind || (transport && !json_is_string(transport)))
		return BK_E_MALFORMED;
	k = bk_text_index(kinds, KINDS_LEN, kind);
	if (transport)
		t = bk_text_index(transports, TRANSPORTS_LEN, json_string_value(transport));
	if (k == KINDS_LEN || t == TRANSPORTS_LEN)
		return BK_E_UNSUPPORTED;
	c.kind = (enum bk_candidate_kind)k;
	c.transport = (enum bk_transport)t;
	if (addr_from_json(json_object_get(o, "ip"), json_object_get(o, "port"), &c.addr) < 0)
		return BK_E_MALFORMED;
	*ret_candidate = c;
	return 0;
}

static int candidates_from_json(const json_t *list, struct bk_intro *in)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list) || n > BK_INTRO_CANDIDATES_MAX)
		return BK_E_MALFORMED;
	for (size_t i = 0; i < n; i++) {
		int err = candidate_from_json(json_array_get(list, i), &in->candidates[in->candidates_len]);

		if (err == BK_E_MALFORMED)
			return err;
		if (!err)
			in->candidates_len++;
	}
	return 0;
}

/* The string member `key`, "unknown" when it is absent, NULL when it is something else. */
static const char *word_of(const json_t *o, const char *key)
{
	const json_t *value = json_object_get(o, key);
	return value ? json_string_value(value) : "unknown";
}

static int ports_from_json(const json_t *o, struct bk_nat_ports *p)
{
	int64_t last = 0, seen_at = 0, rate = 0, min = 0, max = 0, seen = 0;

	if (!json_is_object(o) || bk_json_get_int(o, "last", 0, UINT16_MAX, &last) < 0 ||
		bk_json_get_int(o, "seen_ns", 0, INT64_MAX, &seen_at) < 0 ||
		bk_json_get_int(o, "rate", 0, RATE_MAX, &rate) < 0 ||
		bk_json_get_int(o, "min", 0, UINT16_MAX, &min) < 0 ||
		bk_json_get_int(o, "max", 0, UINT16_MAX, &max) < 0 ||
		bk_json_get_int(o, "seen", 0, SEEN_MAX, &seen) < 0 || max < min)
		return BK_E_MALFORMED;
	*p = (struct bk_nat_ports){
		.last = (uint16_t)last,
		.seen_at = seen_at,
		.rate = (uint32_t)rate,
		.min = (uint16_t)min,
		.max = (uint16_t)max,
		.seen = (uint32_t)seen,
	};
	return 0;
}

static int profile_from_json(const json_t *o, struct bk_nat_profile *p)
{
	const char *mapping = word_of(o, "mapping"), *filtering = word_of(o, "filtering");
	const char *allocation = word_of(o, "allocation");
	const json_t *translated = json_object_get(o, "translated");
	const json_t *ip = json_object_get(o, "public_ip"), *ports = json_object_get(o, "ports");
	int64_t delta = 0;

	if (!json_is_object(o) || !mapping || !filtering || !allocation)
		return BK_E_MALFORMED;
	if (bk_json_get_int(o, "delta", -DELTA_MAX, DELTA_MAX, &delta) < 0)
		return BK_E_MALFORMED;
	if (translated && !json_is_boolean(translated))
		return BK_E_MALFORMED;
	if (ports && ports_from_json(ports, &p->ports) < 0)
		return BK_E_MALFORMED;
	p->mapping = bk_nat_behavior_from_name(mapping);
	p->filtering = bk_nat_behavior_from_name(filtering);
	p->allocation = bk_nat_allocation_from_name(allocation);
	p->delta = (int)delta;
	p->is_translated = json_is_true(translated);
	return ip ? addr_from_json(ip, json_object_get(o, "public_port"), &p->public_addr) : 0;
}

static int version_from_json(const json_t *o)
{
	const json_t *version = json_object_get(o, "version");

	if (!json_is_integer(version))
		return BK_E_MALFORMED;
	return json_integer_value(version) == BK_INTRO_VERSION ? 0 : BK_E_VERSION;
}

/* TCP's is there where any is. */
static int profiles_from_json(const json_t *nat, struct bk_intro *in)
{
	const json_t *udp = json_object_get(nat, "udp");
	int err = profile_from_json(json_object_get(nat, "tcp"), &in->tcp);

	return !err && udp ? profile_from_json(udp, &in->udp) : err;
}

static int from_json(const json_t *o, struct bk_intro *ret_intro)
{
	struct flat flat = {0};
	const json_t *nat = json_object_get(o, "nat");
	int err = version_from_json(o);

	if (!err)
		err = bk_fields_decode(o, rows, ROWS_LEN, &flat);
	if (!err && flat.server_rtt_us > (uint64_t)(SERVER_RTT_MAX / BK_US))
		err = BK_E_MALFORMED;
	if (!err)
		err = candidates_from_json(json_object_get(o, "candidates"), &flat.in);
	if (!err && nat)
		err = profiles_from_json(nat, &flat.in);
	if (err < 0)
		return err;
	flat.in.version = BK_INTRO_VERSION;
	flat.in.server_rtt = (bk_dur)flat.server_rtt_us * BK_US;
	flat.in.start = (int64_t)flat.start_ns;
	*ret_intro = flat.in;
	return 0;
}

int bk_intro_decode(const void *json, size_t len, struct bk_intro *ret_intro)
{
	json_t *o;
	int err;

	if (len > BK_INTRO_BYTES_MAX)
		return BK_E_TOO_BIG;
	err = bk_json_load(json, len, DEPTH_MAX, MEMBERS_MAX, &o);
	if (err < 0)
		return err;
	err = from_json(o, ret_intro);
	json_decref(o);
	return err;
}
