/* SPDX-License-Identifier: Apache-2.0 */
/* The own half of an introduction, from what the control connection learnt and from the machine's interfaces.
 * Host candidates have listeners with ports of their own: a listener on the shared port would be in the way
 * of punching (see punch/plan.c). */
#include "meet/self.h"

#include <sodium.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "nat/profile.h"
#include "net/ifaddr.h"
#include "net/sock.h"

enum { BACKLOG = 8, ADDRS_MAX = 12 };

#define MAPPING_WAIT_MAX  (500 * BK_MS)
#define MAPPING_WAIT_MORE (30 * BK_MS)
#define UDP_WAIT_MORE     (10 * BK_MS)
#define REACH_WAIT        (3 * BK_MS)

static const uint8_t families[BK_SELF_LISTENERS] = {4, 6};

static void open_listeners(struct bk_self *s)
{
	for (int i = 0; i < BK_SELF_LISTENERS; i++) {
		const struct bk_addr any = {.family = families[i]};
		struct bk_addr bound;

		if (bk_sock_listen(&any, true, BACKLOG, &s->listeners[i]) < 0)
			continue;
		if (bk_sock_local(s->listeners[i], &bound) == 0)
			s->ports[i] = bound.port;
	}
}

int bk_self_init(struct bk_self *s, struct bk_loop *loop, enum bk_transport_choice transport,
	void (*on_view)(void *arg), void *arg)
{
	*s = (struct bk_self){.listeners = {-1, -1}, .has_tcp = transport != BK_TRANSPORT_CHOICE_UDP};
	if (s->has_tcp)
		open_listeners(s);
	return transport == BK_TRANSPORT_CHOICE_TCP ? 0 : bk_hub_new(loop, on_view, arg, &s->hub);
}

void bk_self_reopen(struct bk_self *s)
{
	if (s->has_tcp && s->listeners[0] < 0 && s->listeners[1] < 0)
		open_listeners(s);
}

void bk_self_done(struct bk_self *s)
{
	for (int i = 0; i < BK_SELF_LISTENERS; i++) {
		if (s->listeners[i] >= 0)
			close(s->listeners[i]);
		s->listeners[i] = -1;
	}
	bk_hub_free(s->hub);
	s->hub = NULL;
}

void bk_self_gather(struct bk_self *s, const struct bk_rdv_view *view)
{
	struct bk_addr servers[BK_HUB_SAMPLES_MAX];
	size_t n = 0;

	if (!s->hub || view->server.family != 4)
		return;
	servers[n++] = view->server;
	if (view->alt_port)
		servers[n++] = bk_addr_with_port(view->server, view->alt_port);
	if (view->alt.family == 4)
		servers[n++] = view->alt;
	bk_hub_gather(s->hub, servers, n);
}

/* A mapping probe is answered two round trips after it was begun, the first question over UDP after one. The
 * other answers come in the same time unless something drops them. */
bk_dur bk_self_wait(const struct bk_self *s, const struct bk_rdv_view *view)
{
	const struct bk_hub_view *udp = s->hub ? bk_hub_view(s->hub) : NULL;

	if (view->samples_awaited)
		return bk_time_min(MAPPING_WAIT_MAX, 2 * view->rtt + MAPPING_WAIT_MORE);
	if (udp && udp->awaited && !udp->samples_len)
		return bk_time_min(MAPPING_WAIT_MAX, view->rtt + UDP_WAIT_MORE);
	return view->reach_awaited || (udp && udp->awaited) ? REACH_WAIT + view->rtt / 2 : 0;
}

static void add_candidate(struct bk_intro *intro, enum bk_candidate_kind kind, enum bk_transport transport,
	const struct bk_addr *addr)
{
	if (intro->candidates_len < BK_INTRO_CANDIDATES_MAX)
		intro->candidates[intro->candidates_len++] =
			(struct bk_candidate){.kind = kind, .addr = *addr, .transport = transport};
}

/* An address of this machine, with the port that hears there over each transport. */
static void add_host(const struct bk_self *s, struct bk_intro *intro, struct bk_addr addr)
{
	bool is_global6 = addr.family == 6 && !bk_addr_is_private(&addr) && !bk_addr_is_loopback(&addr);
	enum bk_candidate_kind kind = is_global6 ? BK_CANDIDATE_FIREWALLED : BK_CANDIDATE_HOST;

	addr.scope = 0;
	addr.port = s->ports[addr.family == 4 ? 0 : 1];
	if (addr.port)
		add_candidate(intro, kind, BK_TRANSPORT_TCP, &addr);
	if (!s->hub)
		return;
	addr.port = addr.family == 4 ? bk_hub_view(s->hub)->local.port : bk_hub_view(s->hub)->port6;
	if (addr.port)
		add_candidate(intro, kind, BK_TRANSPORT_UDP, &addr);
}

void bk_self_judge_tcp(const struct bk_rdv_view *view, struct bk_nat_profile *ret_profile)
{
	struct bk_nat_evidence e = {
		.local = view->local,
		.samples_len = view->samples_len,
		.same_address = (enum bk_nat_reach)view->same_address,
		.other_address = (enum bk_nat_reach)view->other_address,
	};

	_Static_assert((int)BK_RDV_REACH_YES == (int)BK_NAT_REACH_YES, "one order");
	_Static_assert((int)BK_RDV_SAMPLES_MAX <= (int)BK_NAT_SAMPLES_MAX, "room");
	for (size_t i = 0; i < view->samples_len; i++)
		e.samples[i] = (struct bk_nat_sample){view->samples[i].server, view->samples[i].mapped};
	bk_nat_profile_judge(&e, ret_profile);
}

static void judge_udp(const struct bk_hub_view *view, struct bk_nat_profile *ret_profile)
{
	struct bk_nat_evidence e = {.local = view->local, .samples_len = view->samples_len};

	_Static_assert((int)BK_HUB_SAMPLES_MAX <= (int)BK_NAT_SAMPLES_MAX, "room");
	for (size_t i = 0; i < view->samples_len; i++)
		e.samples[i] = (struct bk_nat_sample){view->samples[i].server, view->samples[i].mapped};
	if (e.samples_len)
		bk_nat_profile_judge(&e, ret_profile);
}

void bk_self_describe(const struct bk_self *s, const struct bk_rdv_view *view, struct bk_intro *intro)
{
	const struct bk_hub_view *udp = s->hub ? bk_hub_view(s->hub) : NULL;
	struct bk_addr addrs[ADDRS_MAX];
	int n = bk_ifaddr_list(addrs, ADDRS_MAX);

	intro->version = BK_INTRO_VERSION;
	intro->candidates_len = 0;
	intro->server_rtt = view->rtt;
	bk_self_judge_tcp(view, &intro->tcp);
	if (s->has_tcp && view->samples_len && view->samples[0].mapped.family == 4)
		add_candidate(intro, BK_CANDIDATE_MAPPED, BK_TRANSPORT_TCP, &view->samples[0].mapped);
	if (udp) {
		judge_udp(udp, &intro->udp);
		randombytes_buf(intro->probe_key, sizeof(intro->probe_key));
	}
	if (udp && udp->samples_len)
		add_candidate(intro, BK_CANDIDATE_MAPPED, BK_TRANSPORT_UDP, &udp->samples[0].mapped);
	if (bk_addr_is_loopback(&view->local)) /* the server is on this machine: the peer may be too */
		add_host(s, intro, view->local);
	for (int i = 0; i < n; i++)
		add_host(s, intro, addrs[i]);
}
