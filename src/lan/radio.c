/* SPDX-License-Identifier: Apache-2.0 */
/* One ear for each family on the common port, which every program on this machine may share (multicast and broadcast
 * reach all of them); and one mouth for each address of an interface, on a port of its own, where answers to that
 * interface's questions come in, so that two programs on one machine do not take each other's. Whoever is asked answers
 * from the common port: that is what a firewall between the two expects. */
#include "lan/radio.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "net/ifaddr.h"
#include "net/netwatch.h"
#include "net/sock.h"
#include "net/udp.h"

enum { FAMILIES = 2, MOUTHS_MAX = 24, READS_MAX = 64 };

static const uint8_t group4[4] = {239, 255, 98, 107};
static const uint8_t group6[16] = {0xff, 0x12, [12] = 'b', 'o', 'd', 'k'};

struct mouth {
	struct bk_radio *radio;
	int fd;
	struct bk_watch *watch;
	char name[IFNAMSIZ];
	unsigned index;
	struct bk_addr addr;
};

struct bk_radio {
	struct bk_loop *loop;
	uint16_t port;
	const char *interfaces;
	const struct bk_radio_events *events;
	void *arg;
	struct mouth ears[FAMILIES], callers[FAMILIES];
	struct mouth mouths[MOUTHS_MAX];
	size_t mouths_len;
	struct bk_addr peers[BK_RADIO_PEERS_MAX];
	size_t peers_len;
	struct bk_networks networks;
	struct bk_netwatch *netwatch; /* NULL: the system does not tell */
};

/* --- hearing --- */

static bool is_heard(const struct bk_radio *r, const struct bk_addr *from)
{
	for (size_t i = 0; i < r->peers_len; i++)
		if (bk_addr_equal_ip(&r->peers[i], from))
			return true;
	return bk_addr_is_loopback(from) || bk_addr_is_link_local(from) ||
	       bk_networks_have(&r->networks, from);
}

static void on_readable(void *arg, int fd, int events)
{
	struct mouth *m = arg;
	struct bk_radio *r = m->radio;
	uint8_t data[BK_RADIO_LEN_MAX];

	(void)events;
	for (int i = 0; i < READS_MAX; i++) {
		struct bk_addr from;
		int n = bk_udp_receive(fd, &from, data, sizeof(data));

		if (n == BK_E_AGAIN)
			return;
		if (n > 0 && is_heard(r, &from))
			r->events->on_datagram(r->arg, &from, data, (size_t)n);
	}
}

static void shut(struct mouth *m)
{
	bk_watch_free(m->watch);
	if (m->fd >= 0)
		close(m->fd);
	m->watch = NULL;
	m->fd = -1;
}

static int attend(struct bk_radio *r, struct mouth *m)
{
	int err = bk_watch_new(r->loop, m->fd, on_readable, m, &m->watch);

	m->radio = r;
	if (!err)
		err = bk_watch_set(m->watch, BK_READABLE);
	if (err < 0)
		shut(m);
	return err;
}

/* --- which interfaces --- */

static bool is_named(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (*list) {
		size_t n = strcspn(list, ", ");

		if (n == len && !memcmp(list, name, n))
			return true;
		list += n;
		list += strspn(list, ", ");
	}
	return false;
}

/* What this machine made for its containers and virtual machines. */
static bool is_inner(const char *name)
{
	static const char *const prefixes[] = {"docker", "br-", "veth", "virbr", "vnet", "lxcbr", "lxdbr",
		"cni", "podman", "flannel", "cali"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static bool is_usable(const struct bk_radio *r, const struct ifaddrs *i, bool may_be_loopback)
{
	if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || !(i->ifa_flags & IFF_RUNNING))
		return false;
	if (*r->interfaces)
		return is_named(r->interfaces, i->ifa_name);
	if (i->ifa_flags & IFF_LOOPBACK)
		return may_be_loopback;
	return (i->ifa_flags & IFF_MULTICAST) && !(i->ifa_flags & IFF_POINTOPOINT) && !is_inner(i->ifa_name);
}

static bool has_mouth(const struct bk_radio *r, unsigned index, uint8_t family)
{
	for (size_t i = 0; i < r->mouths_len; i++)
		if (r->mouths[i].index == index && r->mouths[i].addr.family == family)
			return true;
	return false;
}

/* --- sockets --- */

static void set(int fd, int level, int name, const void *value, size_t n)
{
	if (setsockopt(fd, level, name, value, (socklen_t)n) < 0)
		bk_log_debug("lan", "socket option %d: %s", name, strerror(errno));
}

static void set_int(int fd, int level, int name, int value)
{
	set(fd, level, name, &value, sizeof(value));
}

/* One hop, whatever we send; and everybody on this machine hears it too. */
static void limit(int fd, uint8_t family)
{
	if (family == 4) {
		set_int(fd, IPPROTO_IP, IP_TTL, 1);
		set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, 1);
		set_int(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 1);
		set_int(fd, SOL_SOCKET, SO_BROADCAST, 1);
	} else {
		set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1);
		set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1);
	}
}

static void aim(const struct mouth *m)
{
	const struct ip_mreqn via = {.imr_ifindex = (int)m->index};

	if (m->addr.family == 4)
		set(m->fd, IPPROTO_IP, IP_MULTICAST_IF, &via, sizeof(via));
	else
		set_int(m->fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)m->index);
}

/* Joined before, it is an error that says nothing. */
static void join(const struct bk_radio *r, const struct mouth *m)
{
	struct ip_mreqn in4 = {.imr_ifindex = (int)m->index};
	struct ipv6_mreq in6 = {.ipv6mr_interface = m->index};
	int fd = r->ears[m->addr.family == 6].fd;

	memcpy(&in4.imr_multiaddr, group4, sizeof(group4));
	memcpy(&in6.ipv6mr_multiaddr, group6, sizeof(group6));
	if (fd < 0)
		return;
	if (m->addr.family == 4)
		(void)setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &in4, sizeof(in4));
	else
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &in6, sizeof(in6));
}

static void add_mouth(struct bk_radio *r, const char *name, const struct bk_addr *addr)
{
	struct mouth *m = &r->mouths[r->mouths_len];
	struct bk_addr local = {.family = addr->family};

	if (addr->family == 4)
		local = bk_addr_with_port(*addr, 0);
	*m = (struct mouth){.fd = -1, .addr = *addr, .index = if_nametoindex(name)};
	snprintf(m->name, sizeof(m->name), "%s", name);
	if (!m->index || bk_udp_open(&local, false, &m->fd) < 0)
		return;
	limit(m->fd, addr->family);
	aim(m);
	if (attend(r, m) < 0)
		return;
	join(r, m);
	r->mouths_len++;
}

static void add_usable(struct bk_radio *r, const struct ifaddrs *all, bool may_be_loopback)
{
	for (const struct ifaddrs *i = all; i && r->mouths_len < MOUTHS_MAX; i = i->ifa_next) {
		struct bk_addr addr;

		if (!is_usable(r, i, may_be_loopback) || bk_addr_from_sockaddr(i->ifa_addr, &addr) < 0)
			continue;
		if (addr.family == 6 && has_mouth(r, if_nametoindex(i->ifa_name), 6))
			continue; /* one is enough: who hears it sees the link's own address */
		add_mouth(r, i->ifa_name, &addr);
	}
}

static void shut_mouths(struct bk_radio *r)
{
	for (size_t i = 0; i < r->mouths_len; i++)
		shut(&r->mouths[i]);
	r->mouths_len = 0;
}

static void open_mouths(struct bk_radio *r)
{
	struct ifaddrs *all;

	bk_ifaddr_networks(&r->networks);
	if (getifaddrs(&all) < 0)
		return;
	add_usable(r, all, false);
	if (!r->mouths_len)
		add_usable(r, all, true);
	freeifaddrs(all);
}

static void on_change(void *arg)
{
	struct bk_radio *r = arg;

	shut_mouths(r);
	open_mouths(r);
	r->events->on_moved(r->arg);
}

static int open_shared(const struct bk_addr *local, int *ret_fd)
{
	const int yes = 1;
	struct sockaddr_storage ss;
	socklen_t n = bk_addr_to_sockaddr(local, &ss);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return bk_error_from_errno(errno);
	set(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	set(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes));
	if (local->family == 6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&ss, n) < 0) {
		int err = bk_error_from_errno(errno);

		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

/* A machine may lack a family, and somebody who does not share may have the port: then we hear answers only. */
static void open_family(struct bk_radio *r, int i)
{
	const struct bk_addr any = {.family = i ? 6 : 4, .port = r->port};
	const struct bk_addr free_port = bk_addr_with_port(any, 0);

	if (open_shared(&any, &r->ears[i].fd) == 0 && attend(r, &r->ears[i]) == 0)
		limit(r->ears[i].fd, any.family);
	if (bk_udp_open(&free_port, false, &r->callers[i].fd) == 0)
		(void)attend(r, &r->callers[i]);
}

/* --- speaking --- */

static struct bk_addr group_of(const struct bk_radio *r, uint8_t family)
{
	struct bk_addr a = {.family = family, .port = r->port};

	memcpy(a.ip, family == 4 ? group4 : group6, family == 4 ? sizeof(group4) : sizeof(group6));
	return a;
}

/* What an interface does not take is lost there alone. */
void bk_radio_shout(struct bk_radio *r, const void *data, size_t len)
{
	const struct bk_addr broadcast = bk_addr_v4(255, 255, 255, 255, r->port);

	for (size_t i = 0; i < r->mouths_len; i++) {
		struct mouth *m = &r->mouths[i];
		struct bk_addr group = group_of(r, m->addr.family);

		(void)bk_udp_send(m->fd, &group, 0, data, len);
		if (m->addr.family == 4)
			(void)bk_udp_send(m->fd, &broadcast, 0, data, len);
	}
}

void bk_radio_answer(struct bk_radio *r, const struct bk_addr *to, const void *data, size_t len)
{
	int fd = r->ears[to->family == 6].fd;

	if (fd < 0)
		fd = r->callers[to->family == 6].fd;
	if (fd >= 0)
		(void)bk_udp_send(fd, to, 0, data, len);
}

/* The broadcast of loopback's network reaches all that share the port, as one to an address would not. */
void bk_radio_pass(struct bk_radio *r, const void *data, size_t len)
{
	const struct bk_addr all = bk_addr_v4(127, 255, 255, 255, r->port);

	if (r->callers[0].fd < 0)
		return;
	set_int(r->callers[0].fd, SOL_SOCKET, SO_BROADCAST, 1);
	(void)bk_udp_send(r->callers[0].fd, &all, 0, data, len);
}

void bk_radio_call(struct bk_radio *r, const struct bk_addr *to, const void *data, size_t len)
{
	int fd = r->callers[to->family == 6].fd;
	bool is_known = false;

	for (size_t i = 0; i < r->peers_len; i++)
		is_known |= bk_addr_equal_ip(&r->peers[i], to);
	if (!is_known && r->peers_len < BK_RADIO_PEERS_MAX)
		r->peers[r->peers_len++] = *to;
	if (fd >= 0)
		(void)bk_udp_send(fd, to, 0, data, len);
}

static bool was_described(const struct bk_radio *r, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (r->mouths[i].index == r->mouths[at].index)
			return true;
	return false;
}

const char *bk_radio_describe(const struct bk_radio *r, char out[BK_RADIO_TEXT_MAX])
{
	size_t n = 0;

	out[0] = 0;
	for (size_t i = 0; i < r->mouths_len && n < BK_RADIO_TEXT_MAX; i++) {
		bool has4 = has_mouth(r, r->mouths[i].index, 4), has6 = has_mouth(r, r->mouths[i].index, 6);

		if (!was_described(r, i))
			n += (size_t)snprintf(out + n, BK_RADIO_TEXT_MAX - n, "%s%s (%s)", n ? ", " : "",
				r->mouths[i].name,
				has4 && has6 ? "IPv4, IPv6"
				: has4       ? "IPv4"
					     : "IPv6");
	}
	return out;
}

/* --- life --- */

int bk_radio_new(struct bk_loop *loop, const struct bk_radio_opts *opts, const struct bk_radio_events *events,
	void *arg, struct bk_radio **ret_radio)
{
	struct bk_radio *r = calloc(1, sizeof(*r));

	if (!r)
		return BK_E_NOMEM;
	*r = (struct bk_radio){.loop = loop,
		.port = opts->port,
		.interfaces = opts->interfaces,
		.events = events,
		.arg = arg};
	for (int i = 0; i < FAMILIES; i++)
		r->ears[i].fd = r->callers[i].fd = -1;
	for (int i = 0; i < FAMILIES; i++)
		open_family(r, i);
	if (bk_netwatch_new(loop, on_change, r, &r->netwatch) <
		0) /* first, so that no change falls between */
		r->netwatch = NULL;
	open_mouths(r);
	*ret_radio = r;
	return 0;
}

void bk_radio_free(struct bk_radio *r)
{
	if (!r)
		return;
	bk_netwatch_free(r->netwatch);
	shut_mouths(r);
	for (int i = 0; i < FAMILIES; i++) {
		shut(&r->ears[i]);
		shut(&r->callers[i]);
	}
	free(r);
}
