/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses this machine has: the host candidates of an introduction. */
#include "net/ifaddr.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdbool.h>

#include "base/error.h"
#include "net/sock.h"

static bool is_useful(const struct ifaddrs *i, struct bk_addr *ret_addr)
{
	return i->ifa_addr && (i->ifa_flags & IFF_UP) && (i->ifa_flags & IFF_RUNNING) &&
	       bk_addr_from_sockaddr(i->ifa_addr, ret_addr) == 0 && !bk_addr_is_loopback(ret_addr) &&
	       !bk_addr_is_link_local(ret_addr);
}

static unsigned count_bits(const struct bk_addr *mask)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(mask->ip); i++)
		n += (unsigned)__builtin_popcount(mask->ip[i]);
	return n;
}

/* A mask reads like an address, but for an IPv6 one whose digits look like IPv4's. */
static unsigned prefix_of(const struct ifaddrs *i, uint8_t family)
{
	unsigned whole = family == 4 ? 32 : 128;
	struct bk_addr mask;

	if (!i->ifa_netmask || i->ifa_netmask->sa_family != i->ifa_addr->sa_family ||
		bk_addr_from_sockaddr(i->ifa_netmask, &mask) < 0 || mask.family != family)
		return whole;
	return count_bits(&mask);
}

void bk_ifaddr_networks(struct bk_networks *ret_networks)
{
	struct ifaddrs *all;

	ret_networks->len = 0;
	if (getifaddrs(&all) < 0)
		return;
	for (struct ifaddrs *i = all; i && ret_networks->len < BK_NETWORKS_MAX; i = i->ifa_next) {
		struct bk_network *n = &ret_networks->list[ret_networks->len];

		if (!is_useful(i, &n->addr))
			continue;
		n->bits = prefix_of(i, n->addr.family);
		ret_networks->len++;
	}
	freeifaddrs(all);
}

int bk_ifaddr_list(struct bk_addr *out, size_t max)
{
	struct ifaddrs *all;
	size_t n = 0;

	if (getifaddrs(&all) < 0)
		return bk_error_from_errno(errno);
	for (struct ifaddrs *i = all; i && n < max; i = i->ifa_next)
		if (is_useful(i, &out[n]))
			n++;
	freeifaddrs(all);
	return (int)n;
}
