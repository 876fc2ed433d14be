/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as values. Text forms are RFC 5952 as inet_ntop writes them, ports in RFC 3986 style. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct bk_addr bk_addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	return (struct bk_addr){.family = 4, .ip = {a, b, c, d}, .port = port};
}

const char *bk_addr_ip_to_str(const struct bk_addr *a, char out[BK_ADDR_STR_MAX])
{
	if (!a->family || !inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->ip, out, BK_ADDR_STR_MAX))
		snprintf(out, BK_ADDR_STR_MAX, "none");
	return out;
}

const char *bk_addr_to_str(const struct bk_addr *a, char out[BK_ADDR_STR_MAX])
{
	char ip[BK_ADDR_STR_MAX];

	if (!a->family)
		return bk_addr_ip_to_str(a, out);
	bk_addr_ip_to_str(a, ip);
	if (a->family == 4)
		snprintf(out, BK_ADDR_STR_MAX, "%.46s:%u", ip, a->port);
	else
		snprintf(out, BK_ADDR_STR_MAX, "[%.46s]:%u", ip, a->port);
	return out;
}

static bool is_v4_mapped(const uint8_t ip[16])
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
	return !memcmp(ip, prefix, sizeof(prefix));
}

int bk_addr_from_ip(const char *ip, uint16_t port, struct bk_addr *ret_addr)
{
	struct bk_addr a = {.port = port};

	if (inet_pton(AF_INET, ip, a.ip) == 1) {
		a.family = 4;
	} else if (inet_pton(AF_INET6, ip, a.ip) == 1) {
		a.family = 6;
		if (is_v4_mapped(a.ip)) {
			a = bk_addr_v4(a.ip[12], a.ip[13], a.ip[14], a.ip[15], port);
		}
	} else {
		return BK_E_MALFORMED;
	}
	*ret_addr = a;
	return 0;
}

static int port_from_str(const char *s, uint16_t *ret_port)
{
	char *end;
	unsigned long port;

	if (*s < '0' || *s > '9')
		return BK_E_MALFORMED;
	port = strtoul(s, &end, 10);
	if (*end || port > 65535)
		return BK_E_MALFORMED;
	*ret_port = (uint16_t)port;
	return 0;
}

int bk_addr_from_str(const char *s, struct bk_addr *ret_addr)
{
	char ip[BK_ADDR_STR_MAX];
	const char *from = s, *colon = strrchr(s, ':');
	size_t n;
	uint16_t port;

	if (!colon || port_from_str(colon + 1, &port) < 0)
		return BK_E_MALFORMED;
	n = (size_t)(colon - s);
	if (*s == '[') {
		if (n < 2 || s[n - 1] != ']')
			return BK_E_MALFORMED;
		from++;
		n -= 2;
	} else if (memchr(s, ':', n)) {
		return BK_E_MALFORMED;
	}
	if (n >= sizeof(ip))
		return BK_E_MALFORMED;
	memcpy(ip, from, n);
	ip[n] = 0;
	return bk_addr_from_ip(ip, port, ret_addr);
}

int bk_addr_from_listen(const char *s, struct bk_addr *ret_addr)
{
	struct bk_addr every = {0};

	if (port_from_str(*s == ':' ? s + 1 : s, &every.port) < 0)
		return bk_addr_from_str(s, ret_addr);
	*ret_addr = every;
	return 0;
}

bool bk_addr_equal_ip(const struct bk_addr *a, const struct bk_addr *b)
{
	return a->family == b->family && a->scope == b->scope && !memcmp(a->ip, b->ip, sizeof(a->ip));
}

bool bk_addr_equal(const struct bk_addr *a, const struct bk_addr *b)
{
	return a->port == b->port && bk_addr_equal_ip(a, b);
}

bool bk_addr_is_any(const struct bk_addr *a)
{
	static const uint8_t zero[16];
	return !memcmp(a->ip, zero, sizeof(zero));
}

bool bk_addr_is_loopback(const struct bk_addr *a)
{
	static const uint8_t one[16] = {[15] = 1};
	return a->family == 4 ? a->ip[0] == 127 : a->family == 6 && !memcmp(a->ip, one, sizeof(one));
}

bool bk_addr_is_link_local(const struct bk_addr *a)
{
	if (a->family == 4)
		return a->ip[0] == 169 && a->ip[1] == 254;
	return a->family == 6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

bool bk_addr_is_private(const struct bk_addr *a)
{
	if (a->family == 4)
		return a->ip[0] == 10 || (a->ip[0] == 172 && (a->ip[1] & 0xf0) == 16) ||
		       (a->ip[0] == 192 && a->ip[1] == 168);
	return a->family == 6 && (a->ip[0] & 0xfe) == 0xfc;
}

bool bk_addr_is_cgn(const struct bk_addr *a)
{
	return a->family == 4 && a->ip[0] == 100 && (a->ip[1] & 0xc0) == 64;
}

/* 2002::/16 (RFC 3056), 64:ff9b::/96 and 64:ff9b:1::/48 (RFC 6052, RFC 8215), ::/96 (RFC 4291): the IPv4
 * address that a router on the way may make of it. */
static bool has_ipv4_inside(const struct bk_addr *a, struct bk_addr *ret_inner)
{
	static const uint8_t nat64[4] = {0, 0x64, 0xff, 0x9b}, zero[12];
	size_t at = 12;

	if (a->ip[0] == 0x20 && a->ip[1] == 0x02)
		at = 2;
	else if (memcmp(a->ip, nat64, sizeof(nat64)) != 0 && memcmp(a->ip, zero, sizeof(zero)) != 0)
		return false;
	*ret_inner = bk_addr_v4(a->ip[at], a->ip[at + 1], a->ip[at + 2], a->ip[at + 3], a->port);
	return true;
}

static bool is_nowhere(const struct bk_addr *a)
{
	struct bk_addr inner;

	if (a->family == 4)
		return a->ip[0] == 0 || a->ip[0] >= 224;
	if (a->family != 6 || bk_addr_is_any(a) || a->ip[0] == 0xff)
		return true;
	return !bk_addr_is_loopback(a) && has_ipv4_inside(a, &inner) &&
	       bk_addr_realm(&inner) != BK_ADDR_PUBLIC;
}

enum bk_addr_realm bk_addr_realm(const struct bk_addr *a)
{
	if (is_nowhere(a))
		return BK_ADDR_NOWHERE;
	if (bk_addr_is_loopback(a))
		return BK_ADDR_THIS_MACHINE;
	if (bk_addr_is_link_local(a))
		return BK_ADDR_THIS_LINK;
	if (bk_addr_is_private(a) || (a->family == 6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0xc0))
		return BK_ADDR_PRIVATE;
	return bk_addr_is_cgn(a) ? BK_ADDR_CARRIER : BK_ADDR_PUBLIC;
}

bool bk_addr_is_inside(const struct bk_addr *a)
{
	enum bk_addr_realm realm = bk_addr_realm(a);

	return realm == BK_ADDR_PRIVATE || realm == BK_ADDR_CARRIER;
}

bool bk_addr_may_be_of(const struct bk_addr *a, const struct bk_addr *known)
{
	enum bk_addr_realm realm = bk_addr_realm(a);

	return realm == BK_ADDR_PUBLIC || (realm != BK_ADDR_NOWHERE && realm == bk_addr_realm(known));
}

static bool bit_of(const struct bk_addr *a, unsigned i)
{
	return a->ip[i / 8] & (0x80 >> i % 8);
}

static bool has_prefix(const struct bk_network *n, const struct bk_addr *a)
{
	if (n->addr.family != a->family)
		return false;
	for (unsigned i = 0; i < n->bits; i++) {
		if (bit_of(a, i) != bit_of(&n->addr, i))
			return false;
	}
	return true;
}

/* The first and the last address of an IPv4 network of more than two. */
static bool is_edge(const struct bk_network *n, const struct bk_addr *a)
{
	if (a->family != 4 || n->bits > 30)
		return false;
	for (unsigned i = n->bits + 1; i < 32; i++) {
		if (bit_of(a, i) != bit_of(a, n->bits))
			return false;
	}
	return true;
}

bool bk_networks_have(const struct bk_networks *n, const struct bk_addr *a)
{
	bool has = false;

	for (size_t i = 0; n && i < n->len; i++) {
		if (!has_prefix(&n->list[i], a))
			continue;
		if (is_edge(&n->list[i], a))
			return false;
		has = true;
	}
	return has;
}
