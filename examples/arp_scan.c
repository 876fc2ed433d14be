/* SPDX-License-Identifier: Apache-2.0 */
/* Who is on this LAN? Asks "who has this address?" (ARP, RFC 826) for every address of an interface's IPv4
 * network, a question each millisecond, twice for those who stay silent, and prints who answers. A packet
 * socket gets what is below IP, so the kernel wants CAP_NET_RAW for it. A network of more than 4096 addresses
 * is refused: that is not a LAN. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

#define MS_NS INT64_C(1000000)

enum { ADDRESSES_MAX = 4096, ROUNDS = 2, PACE_MS = 1, LAST_WAIT_MS = 500 };

struct scan {
	struct bk_loop *loop;
	struct bk_timer *timer;
	struct bk_watch *watch;
	int fd;
	const char *name;            /* of the interface */
	struct sockaddr_ll hardware; /* its MAC and index; family 0: not found */
	uint32_t own, first, count;  /* its address, and those to be asked for; host byte order */
	int round;
	uint32_t next; /* to be asked for in this round */
	bool seen[ADDRESSES_MAX];
	unsigned found;
	bool failed;
};

static void fail(struct scan *s, const char *what)
{
	complain("cannot %s on '%s': %s", what, s->name, strerror(errno));
	s->failed = true;
	bk_loop_stop(s->loop);
}

/* --- questions --- */

static bool ask(struct scan *s, uint32_t address)
{
	struct sockaddr_ll everybody = s->hardware;
	uint32_t own = htonl(s->own), wanted = htonl(address);
	struct ether_arp q = {
		.arp_hrd = htons(ARPHRD_ETHER),
		.arp_pro = htons(ETHERTYPE_IP),
		.arp_hln = ETH_ALEN,
		.arp_pln = sizeof(own),
		.arp_op = htons(ARPOP_REQUEST),
	};

	everybody.sll_protocol = htons(ETH_P_ARP);
	memset(everybody.sll_addr, 0xff, ETH_ALEN);
	memcpy(q.arp_sha, s->hardware.sll_addr, ETH_ALEN);
	memcpy(q.arp_spa, &own, sizeof(own));
	memcpy(q.arp_tpa, &wanted, sizeof(wanted));
	return sendto(s->fd, &q, sizeof(q), 0, (struct sockaddr *)&everybody, sizeof(everybody)) >= 0;
}

static bool is_to_be_asked(const struct scan *s, uint32_t i)
{
	return !s->seen[i] && s->first + i != s->own;
}

static void on_timer(void *arg)
{
	struct scan *s = arg;

	if (s->round == ROUNDS) {
		bk_loop_stop(s->loop);
		return;
	}
	while (s->next < s->count && !is_to_be_asked(s, s->next))
		s->next++;
	if (s->next < s->count) {
		if (ask(s, s->first + s->next))
			s->next++;
		else if (errno != EAGAIN && errno != ENOBUFS) { /* those: the same again in a moment */
			fail(s, "ask");
			return;
		}
		bk_timer_start(s->timer, PACE_MS * MS_NS);
	} else {
		s->next = 0;
		s->round++;
		bk_timer_start(s->timer, LAST_WAIT_MS * MS_NS);
	}
}

/* --- answers --- */

static bool is_answer(const struct ether_arp *a, ssize_t n)
{
	return n >= (ssize_t)sizeof(*a) && a->arp_hrd == htons(ARPHRD_ETHER) &&
	       a->arp_pro == htons(ETHERTYPE_IP) && a->arp_hln == ETH_ALEN && a->arp_pln == 4 &&
	       a->arp_op == htons(ARPOP_REPLY);
}

static void on_readable(void *arg, int fd, int events)
{
	struct scan *s = arg;
	struct ether_arp a;
	uint32_t who;
	ssize_t n = recv(fd, &a, sizeof(a), 0);

	(void)events;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		fail(s, "receive");
	if (!is_answer(&a, n))
		return;
	memcpy(&who, a.arp_spa, sizeof(who));
	who = ntohl(who) - s->first;
	if (who >= s->count || s->seen[who])
		return;
	s->seen[who] = true;
	s->found++;
	printf("%u.%u.%u.%u %02x:%02x:%02x:%02x:%02x:%02x\n", a.arp_spa[0], a.arp_spa[1], a.arp_spa[2],
		a.arp_spa[3], a.arp_sha[0], a.arp_sha[1], a.arp_sha[2], a.arp_sha[3], a.arp_sha[4],
		a.arp_sha[5]);
}

/* --- the interface --- */

static void take_address(struct scan *s, const struct ifaddrs *i)
{
	uint32_t mask;

	if (i->ifa_addr->sa_family == AF_PACKET)
		memcpy(&s->hardware, i->ifa_addr, sizeof(s->hardware));
	if (i->ifa_addr->sa_family != AF_INET || !i->ifa_netmask || s->own)
		return;
	s->own = ntohl(((struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr);
	mask = ntohl(((struct sockaddr_in *)i->ifa_netmask)->sin_addr.s_addr);
	s->first = s->own & mask;
	s->count = ~mask + 1;            /* 0: all of IPv4 */
	if (s->count > 2 || !s->count) { /* without the network's and the broadcast address */
		s->first++;
		s->count -= 2;
	}
}

static bool read_interface(struct scan *s)
{
	struct ifaddrs *all;

	if (getifaddrs(&all) < 0) {
		complain("cannot list the interfaces: %s", strerror(errno));
		return false;
	}
	for (const struct ifaddrs *i = all; i; i = i->ifa_next)
		if (i->ifa_addr && !strcmp(i->ifa_name, s->name))
			take_address(s, i);
	freeifaddrs(all);
	if (!s->hardware.sll_family)
		complain("cannot scan on '%s': there is no such interface", s->name);
	else if (s->hardware.sll_hatype != ARPHRD_ETHER)
		complain("cannot scan on '%s': it is not Ethernet, so there is no ARP", s->name);
	else if (!s->own)
		complain("cannot scan on '%s': it has no IPv4 address", s->name);
	else if (s->count > ADDRESSES_MAX)
		complain("cannot scan on '%s': its network has %u addresses, and %d is the limit", s->name,
			s->count, ADDRESSES_MAX);
	else
		return true;
	return false;
}

static bool open_socket(struct scan *s)
{
	struct sockaddr_ll here = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP)};

	here.sll_ifindex = s->hardware.sll_ifindex;
	/* Protocol 0 hears nothing until it is bound, so nothing of other interfaces. */
	s->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0 && errno == EPERM)
		complain("cannot scan on '%s': a packet socket needs CAP_NET_RAW; try sudo", s->name);
	else if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&here, sizeof(here)) < 0)
		complain("cannot open a packet socket on '%s': %s", s->name, strerror(errno));
	else
		return true;
	return false;
}

static int run(struct scan *s)
{
	int err = bk_loop_new(BK_LOOP_AUTO, &s->loop);

	if (err >= 0)
		err = bk_timer_new(s->loop, on_timer, s, &s->timer);
	if (err >= 0)
		err = bk_watch_new(s->loop, s->fd, on_readable, s, &s->watch);
	if (err >= 0)
		err = bk_watch_set(s->watch, BK_READABLE);
	if (err >= 0) {
		bk_timer_start(s->timer, 0);
		err = run_loop(s->loop, NULL, NULL);
	}
	bk_watch_free(s->watch);
	bk_timer_free(s->timer);
	bk_loop_free(s->loop);
	return err;
}

int main(int argc, char **argv)
{
	static struct scan s = {.fd = -1};
	bool done;

	if (argc != 2)
		return usage("INTERFACE");
	setvbuf(stdout, NULL, _IOLBF, 0);
	s.name = argv[1];
	done = read_interface(&s) && open_socket(&s) && run(&s) >= 0 && !s.failed;
	if (s.fd >= 0)
		close(s.fd);
	if (done)
		fprintf(stderr, "%u others answered on %s\n", s.found, s.name);
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
