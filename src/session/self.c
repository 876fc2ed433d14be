/* SPDX-License-Identifier: Apache-2.0 */
/* The own half of an introduction, from what the control connection learnt and from the machine's interfaces.
 * Host candidates have listeners with ports of their own: a listener on the shared port would be in the way
 * of punching (see punch/plan.c). */
#include "session/self.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "nat/profile.h"
#include "net/ifaddr.h"
#include "net/sock.h"

enum { BACKLOG = 8, ADDRS_MAX = 12 };

static const uint8_t families[BK_SELF_LISTENERS] = {4, 6};

void bk_self_init(struct bk_self *s)
{
	for (int i = 0; i < BK_SELF_LISTENERS; i++) {
		const struct bk_addr any = {.family = families[i]};
		struct bk_addr bound;

		s->listeners[i] = -1;
		s->ports[i] = 0;
		if (bk_sock_listen(&any, true, BACKLOG, &s->listeners[i]) < 0)
			continue;
		if (bk_sock_local(s->listeners[i], &bound) == 0)
			s->ports[i] = bound.port;
	}
}

void bk_self_done(struct bk_self *s)
{
	for (int i = 0; i < BK_SELF_LISTENERS; i++) {
		if (s->listeners[i] >= 0)
			close(s->listeners[i]);
		s->listeners[i] = -1;
	}
}

static void add_candidate(struct bk_intro *intro, enum bk_candidate_kind kind, const struct bk_addr *addr)
{
	if (intro->candidates_len < BK_INTRO_CANDIDATES_MAX)
		intro->candidates[intro->candidates_len++] =
			(struct bk_candidate){.kind = kind, .addr = *addr};
}

static void add_host(const struct bk_self *s, struct bk_intro *intro, struct bk_addr addr)
{
	bool is_global6 = addr.family == 6 && !bk_addr_is_private(&addr) && !bk_addr_is_loopback(&addr);

	addr.port = s->ports[addr.family == 4 ? 0 : 1];
	addr.scope = 0;
	if (addr.port)
		add_candidate(intro, is_global6 ? BK_CANDIDATE_FIREWALLED : BK_CANDIDATE_HOST, &addr);
}

static void judge(const struct bk_rdv_view *view, struct bk_nat_profile *ret_profile)
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

void bk_self_describe(const struct bk_self *s, const struct bk_rdv_view *view, struct bk_intro *intro)
{
	struct bk_addr addrs[ADDRS_MAX];
	int n = bk_ifaddr_list(addrs, ADDRS_MAX);

	intro->version = BK_INTRO_VERSION;
	intro->candidates_len = 0;
	judge(view, &intro->tcp);
	intro->server_rtt = view->rtt;
	if (view->samples_len && view->samples[0].mapped.family == 4)
		add_candidate(intro, BK_CANDIDATE_MAPPED, &view->samples[0].mapped);
	if (bk_addr_is_loopback(&view->local)) /* the server is on this machine: the peer may be too */
		add_host(s, intro, view->local);
	for (int i = 0; i < n; i++)
		add_host(s, intro, addrs[i]);
}
