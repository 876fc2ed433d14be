/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server listens, as text and as what to tell others. */
#include "cli/endpoint.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int parse_port(const char *s, uint16_t *ret_port)
{
	unsigned long v = 0;

	if (!*s || strlen(s) > 5 || strspn(s, "0123456789") != strlen(s))
		return BK_E_MALFORMED;
	v = strtoul(s, NULL, 10);
	if (v > UINT16_MAX)
		return BK_E_MALFORMED;
	*ret_port = (uint16_t)v;
	return 0;
}

int bk_cli_endpoint_from_str(const char *s, struct bk_addr *ret_addr)
{
	struct bk_addr addr = {0};
	int err = parse_port(*s == ':' ? s + 1 : s, &addr.port);

	if (err < 0)
		err = bk_addr_from_str(s, &addr);
	if (err >= 0)
		*ret_addr = addr;
	return err < 0 ? BK_E_MALFORMED : 0;
}

static struct bk_addr from_sockaddr(const struct sockaddr *sa)
{
	struct bk_addr addr = {0};
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (sa && sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		addr.family = 4;
		memcpy(addr.ip, &in.sin_addr, 4);
	} else if (sa && sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		addr.family = 6;
		memcpy(addr.ip, &in6.sin6_addr, 16);
	}
	return addr;
}

/* Public before private, IPv4 before IPv6 (it is shorter to say). */
static int rank(const struct bk_addr *a)
{
	return (bk_addr_is_private(a) || bk_addr_is_cgn(a) ? 2 : 0) + (a->family == 6 ? 1 : 0);
}

static int compare(const void *a, const void *b)
{
	return rank(a) - rank(b);
}

size_t bk_cli_endpoint_list(uint16_t port, struct bk_addr *out, size_t max)
{
	struct ifaddrs *all = NULL;
	size_t n = 0;

	if (getifaddrs(&all) < 0)
		return 0;
	for (const struct ifaddrs *i = all; i && n < max; i = i->ifa_next) {
		struct bk_addr addr = from_sockaddr(i->ifa_addr);

		if (!addr.family || !(i->ifa_flags & IFF_UP) || bk_addr_is_loopback(&addr) ||
			bk_addr_is_link_local(&addr))
			continue;
		out[n++] = bk_addr_with_port(addr, port);
	}
	freeifaddrs(all);
	qsort(out, n, sizeof(*out), compare);
	return n;
}
