/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses this machine has: the host candidates of an introduction. */
#include "net/ifaddr.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/sock.h"
#include "net/udp.h"

static bool is_running(const struct ifaddrs *i, struct bk_addr *ret_addr)
{
	return i->ifa_addr && (i->ifa_flags & IFF_UP) && (i->ifa_flags & IFF_RUNNING) &&
	       bk_addr_from_sockaddr(i->ifa_addr, ret_addr) == 0 && !bk_addr_is_loopback(ret_addr);
}

static bool is_useful(const struct ifaddrs *i, struct bk_addr *ret_addr)
{
	return is_running(i, ret_addr) && !bk_addr_is_link_local(ret_addr);
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

static void add_links(struct bk_networks *n)
{
	struct bk_addr links[BK_IFADDR_LINKS_MAX];
	int len = bk_ifaddr_list_links(false, links, BK_IFADDR_LINKS_MAX);

	for (int i = 0; i < len && n->len < BK_NETWORKS_MAX; i++)
		n->list[n->len++] = (struct bk_network){.addr = links[i], .bits = 64};
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
	add_links(ret_networks);
}

bool bk_ifaddr_is_near(const struct bk_addr *a)
{
	struct bk_networks networks;

	if (bk_addr_is_loopback(a) || bk_addr_is_link_local(a) || bk_addr_is_private(a))
		return true;
	bk_ifaddr_networks(&networks);
	return bk_networks_have(&networks, a);
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

/* --- which of them lead outwards --- */

enum { RANK_WAY_OUT, RANK_USUAL, RANK_INNER, RANKS };

struct ways_out {
	struct ifaddrs *all;
	int fd; /* to ask about interfaces; negative: they are not asked about */
	struct bk_addr v4, v6;
};

/* Asking for the way sends nothing. Any address far away does. */
struct bk_addr bk_ifaddr_way_out(uint8_t family)
{
	struct bk_addr far, local;

	if (bk_addr_from_ip(family == 6 ? "2001:db8::1" : "192.0.2.1", 9, &far) < 0 ||
		bk_udp_route(&far, &local) < 0)
		return (struct bk_addr){0};
	return local;
}

/* Interfaces that this machine made for itself. */
static bool is_inner(int fd, const char *interface)
{
	static const char *const drivers[] = {"bridge", "veth", "dummy", "openvswitch"};
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = {.ifr_data = (char *)&info};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &request) < 0)
		return false;
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (!strcmp(info.driver, drivers[i]))
			return true;
	return false;
}

static bool is_way_out(const struct ways_out *w, const struct bk_addr *addr)
{
	return bk_addr_equal_ip(addr, &w->v4) || bk_addr_equal_ip(addr, &w->v6);
}

static bool carries_way_out(const struct ways_out *w, const char *interface)
{
	struct bk_addr addr;

	for (const struct ifaddrs *i = w->all; i; i = i->ifa_next)
		if (!strcmp(i->ifa_name, interface) && is_useful(i, &addr) && is_way_out(w, &addr))
			return true;
	return false;
}

static int rank(const struct ways_out *w, const struct ifaddrs *i, const struct bk_addr *addr)
{
	if (is_way_out(w, addr))
		return RANK_WAY_OUT;
	return is_inner(w->fd, i->ifa_name) && !carries_way_out(w, i->ifa_name) ? RANK_INNER : RANK_USUAL;
}

static size_t add_rank(const struct ways_out *w, int wanted, struct bk_addr *out, size_t n, size_t max)
{
	struct bk_addr addr;

	for (const struct ifaddrs *i = w->all; i && n < max; i = i->ifa_next)
		if (is_useful(i, &addr) && rank(w, i, &addr) == wanted)
			out[n++] = addr;
	return n;
}

int bk_ifaddr_list_outward(struct bk_addr *out, size_t max)
{
	struct ways_out w = {.v4 = bk_ifaddr_way_out(4), .v6 = bk_ifaddr_way_out(6)};
	size_t n = 0;

	if (getifaddrs(&w.all) < 0)
		return bk_error_from_errno(errno);
	w.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (int wanted = 0; wanted < RANKS; wanted++)
		n = add_rank(&w, wanted, out, n, max);
	if (w.fd >= 0)
		close(w.fd);
	freeifaddrs(w.all);
	return (int)n;
}

/* --- links --- */

static bool has_useful(const struct ifaddrs *all, const char *interface)
{
	struct bk_addr addr;

	for (const struct ifaddrs *i = all; i; i = i->ifa_next)
		if (!strcmp(i->ifa_name, interface) && is_useful(i, &addr))
			return true;
	return false;
}

static bool is_link(
	const struct ifaddrs *all, const struct ifaddrs *i, bool is_of_bare, struct bk_addr *ret_addr)
{
	return is_running(i, ret_addr) && ret_addr->family == 6 && bk_addr_is_link_local(ret_addr) &&
	       !(is_of_bare && has_useful(all, i->ifa_name));
}

int bk_ifaddr_list_links(bool is_of_bare, struct bk_addr *out, size_t max)
{
	struct ifaddrs *all;
	struct bk_addr addr;
	size_t n = 0;
	int fd;

	if (getifaddrs(&all) < 0)
		return bk_error_from_errno(errno);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (int inner = 0; inner < 2; inner++)
		for (const struct ifaddrs *i = all; i && n < max; i = i->ifa_next)
			if (is_link(all, i, is_of_bare, &addr) && is_inner(fd, i->ifa_name) == inner)
				out[n++] = addr;
	if (fd >= 0)
		close(fd);
	freeifaddrs(all);
	return (int)n;
}
