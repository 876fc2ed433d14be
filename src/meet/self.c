/* SPDX-License-Identifier: Apache-2.0 */
/* The own half of an introduction. Where candidates come from is a table of sources: each may have to be
 * begun and waited for, and each adds what it knows. Host candidates have listeners with ports of their own:
 * a listener on the shared port would be in the way of punching (see punch/plan.c). */
#include "meet/self.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/error.h"
#include "base/time.h"
#include "nat/profile.h"
#include "net/ifaddr.h"
#include "net/random.h"
#include "net/sock.h"
#include "punch/guess.h"
#include "punch/mapped.h"

enum { BACKLOG = 8, ADDRS_MAX = 12, LINKS_MAX = 2, ID_BYTES = 8 };

#define MAPPING_WAIT_MAX  (500 * BK_MS)
#define MAPPING_WAIT_MORE (30 * BK_MS)
#define UDP_WAIT_MORE     (10 * BK_MS)
#define REACH_WAIT        (3 * BK_MS)
#define FAR_WAIT          (100 * BK_MS)

static const uint8_t families[BK_SELF_LISTENERS] = {4, 6};

static void add_candidate(struct bk_intro *intro, enum bk_candidate_kind kind, enum bk_transport transport,
	const struct bk_addr *addr)
{
	if (intro->candidates_len < BK_INTRO_CANDIDATES_MAX)
		intro->candidates[intro->candidates_len++] =
			(struct bk_candidate){.kind = kind, .addr = *addr, .transport = transport};
}

/* --- TCP: how the NAT maps the port of the mailbox's own connection --- */

static bool is_seen_over_udp(const struct bk_self *s)
{
	return s->ways && bk_ways_view(s->ways)->samples_len;
}

/* Towards two places the shared port has two. */
static bool is_seen_apart(const struct bk_mailbox_view *view)
{
	for (size_t i = 1; i < view->samples_len; i++)
		if (!bk_addr_equal(&view->samples[0].mapped, &view->samples[i].mapped))
			return true;
	return false;
}

static bool may_be_seen_apart_over_udp(const struct bk_self *s, const struct bk_mailbox_view *view)
{
	const struct bk_ways_view *udp = bk_ways_view(s->ways);

	if (!udp->samples_len)
		return view->local.family;
	return udp->samples_len > 1 && !bk_addr_equal(&udp->samples[0].mapped, &udp->samples[1].mapped);
}

bool bk_self_wants_flows(const struct bk_self *s, const struct bk_mailbox_view *view)
{
	if (s->is_hidden || !s->has_tcp || !s->may_guess)
		return false;
	if (view->samples_len > 1)
		return is_seen_apart(view);
	return !s->ways || may_be_seen_apart_over_udp(s, view);
}

/* A mapping probe is answered two round trips after it was begun. Whether anybody comes in, one round trip more
 * tells, or nothing does: where both sides call at once it says little that is worth the wait. */
static bk_dur wait_tcp(const struct bk_self *s, const struct bk_mailbox_view *view)
{
	if (view->samples_awaited)
		return bk_time_min(MAPPING_WAIT_MAX, 2 * view->rtt_ns + MAPPING_WAIT_MORE);
	if (view->flows_awaited && !is_seen_over_udp(s) && is_seen_apart(view))
		return bk_time_min(MAPPING_WAIT_MAX, view->rtt_ns + UDP_WAIT_MORE);
	return view->is_reach_awaited ? REACH_WAIT : 0;
}

/* SYNs pass the same routers. */
static void gather_tcp(struct bk_self *s, const struct bk_mailbox_view *view)
{
	const struct bk_addr *mapped = &view->samples[0].mapped;

	if (s->has_tcp && !s->ways && view->samples_len && !bk_addr_equal_ip(mapped, &view->local))
		bk_hops_ask(&s->hops, mapped);
}

static bool has_counted(const struct bk_self *s)
{
	return s->ways ? bk_ways_hops(s->ways) > 0 : bk_hops_is_asked(&s->hops);
}

/* On the mailbox's clock; 0: it has none. */
static int64_t mailbox_time(const struct bk_mailbox_view *mailbox, bk_time at)
{
	int64_t there;

	if (!mailbox->rtt_ns || __builtin_add_overflow(at, mailbox->clock_offset_ns, &there) || there < 0)
		return 0;
	return there;
}

static void judge_tcp(const struct bk_mailbox_view *view, struct bk_nat_profile *ret_profile)
{
	bk_time seen_at;

	bk_nat_profile_of_view(view, ret_profile, &seen_at);
	if (seen_at)
		ret_profile->ports.seen_at = mailbox_time(view, seen_at);
}

static void describe_tcp(const struct bk_self *s, const struct bk_mailbox_view *view, struct bk_intro *intro)
{
	judge_tcp(view, &intro->tcp);
	if (s->has_tcp && view->samples_len && view->samples[0].mapped.family == 4)
		add_candidate(intro, BK_CANDIDATE_MAPPED, BK_TRANSPORT_TCP, &view->samples[0].mapped);
	if (s->has_tcp && has_counted(s))
		intro->capabilities |= BK_INTRO_COUNTED_TCP;
}

/* --- UDP: how the NAT maps the sockets that QUIC will use --- */

static void gather_udp(struct bk_self *s, const struct bk_mailbox_view *view)
{
	if (!s->ways)
		return;
	s->is_udp_known |= bk_ways_view(s->ways)->samples_len > 0;
	bk_ways_gather(s->ways, view->stun, view->stun_len);
}

static void gather_more_udp(struct bk_self *s, const struct bk_mailbox_view *view)
{
	_Static_assert((int)BK_MAILBOX_SAMPLES_MAX <= (int)BK_STUN_SAMPLES_MAX, "all of them are asked");
	if (s->ways)
		bk_ways_gather_more(s->ways, view->stun, view->stun_len);
}

/* The first question is answered after one round trip, the others in the same time, roughly; two answers tell the
 * mapping. Where the mailbox knows no round trip, nobody knows how far its STUN servers are. Where they have answered
 * in a round before, silence is that of a network which is busy: with the two themselves, perhaps. */
static bk_dur wait_udp(const struct bk_self *s, const struct bk_mailbox_view *view)
{
	const struct bk_ways_view *udp = s->ways ? bk_ways_view(s->ways) : NULL;

	if (udp && !udp->awaited &&
		udp->fresh_awaited) /* near a server the closer look is over in that time */
		return REACH_WAIT;
	if (!udp || !udp->awaited)
		return 0;
	if (!view->rtt_ns)
		return udp->samples_len ? FAR_WAIT : MAPPING_WAIT_MAX;
	if (!udp->samples_len && s->is_udp_known)
		return MAPPING_WAIT_MAX;
	if (!udp->samples_len)
		return bk_time_min(MAPPING_WAIT_MAX, view->rtt_ns + UDP_WAIT_MORE);
	return udp->samples_len > 1 ? REACH_WAIT : REACH_WAIT + view->rtt_ns / 2;
}

/* Another socket that got two ports where the first one had the same twice, which was chance; MAX: none. */
static size_t find_apart(const struct bk_ways_view *view)
{
	size_t i = 0;

	while (i < BK_STUN_FRESH_MAX && (!view->fresh[i].other.family ||
						bk_addr_equal(&view->fresh[i].mapped, &view->fresh[i].other)))
		i++;
	return i;
}

static void judge_udp(const struct bk_ways_view *view, const struct bk_mailbox_view *mailbox,
	struct bk_nat_profile *ret_profile)
{
	struct bk_nat_evidence e = {.local = view->local, .samples_len = view->samples_len};
	struct bk_nat_later later[BK_STUN_FRESH_MAX];
	bk_time seen_at = view->asked;
	size_t n = 0, apart = find_apart(view);

	_Static_assert((int)BK_STUN_SAMPLES_MAX <= (int)BK_NAT_SAMPLES_MAX, "room");
	for (size_t i = 0; i < view->samples_len; i++)
		e.samples[i] = (struct bk_nat_sample){view->samples[i].server, view->samples[i].mapped};
	if (!e.samples_len)
		return;
	if (apart < BK_STUN_FRESH_MAX && e.samples_len > 1) {
		e.samples[0].mapped = view->fresh[apart].mapped;
		e.samples[1].mapped = view->fresh[apart].other;
		e.samples_len = 2;
	}
	bk_nat_profile_judge(&e, ret_profile);
	ret_profile->public_addr = view->samples[0].mapped;
	for (size_t i = 0; i < BK_STUN_FRESH_MAX; i++) {
		const struct bk_stun_fresh *f = &view->fresh[i];

		if (i == apart || !bk_addr_equal_ip(&f->mapped, &ret_profile->public_addr))
			continue;
		later[n++] = (struct bk_nat_later){f->mapped.port, f->asked - view->asked};
		seen_at = f->asked;
	}
	bk_nat_profile_add_later(ret_profile, later, n);
	if (ret_profile->ports.last)
		ret_profile->ports.seen_at = mailbox_time(mailbox, seen_at);
}

static void describe_udp(const struct bk_self *s, const struct bk_mailbox_view *view, struct bk_intro *intro)
{
	const struct bk_ways_view *udp = s->ways ? bk_ways_view(s->ways) : NULL;

	if (!udp)
		return;
	judge_udp(udp, view, &intro->udp);
	if (bk_ways_hops(s->ways))
		intro->capabilities |= BK_INTRO_COUNTED;
	randombytes_buf(intro->probe_key, sizeof(intro->probe_key));
	if (udp->samples_len)
		add_candidate(intro, BK_CANDIDATE_MAPPED, BK_TRANSPORT_UDP, &udp->samples[0].mapped);
}

/* --- ports that the router in front of us opens --- */

static uint16_t shared_port(const struct bk_self *s, uint8_t family, enum bk_transport t)
{
	if (t == BK_TRANSPORT_TCP)
		return s->has_tcp ? s->ports[family == 6] : 0;
	if (!s->ways)
		return 0;
	return family == 6 ? bk_ways_view(s->ways)->port6 : bk_ways_view(s->ways)->local.port;
}

static void ask_openings(struct bk_self *s, uint8_t family)
{
	bk_opened_ask(&s->opened, family, BK_TRANSPORT_TCP, shared_port(s, family, BK_TRANSPORT_TCP));
	bk_opened_ask(&s->opened, family, BK_TRANSPORT_UDP, shared_port(s, family, BK_TRANSPORT_UDP));
}

static bool has_global6(void)
{
	const struct bk_addr at = bk_ifaddr_way_out(6);

	return at.family == 6 && bk_addr_realm(&at) == BK_ADDR_PUBLIC;
}

/* Asked for where there is such a router, and a server outside that tells how we look from there: over UDP the
 * port that QUIC will use, over TCP that of the listener. What the router says of its own address is compared
 * by whoever goes there. Over IPv6 it is the machine's own, and may have a firewall in front. */
static void gather_opened(struct bk_self *s, const struct bk_mailbox_view *view)
{
	if (!s->may_open || !view->stun_len || bk_addr_is_loopback(&view->local))
		return;
	if (view->local.family == 4 && bk_addr_is_inside(&view->local))
		ask_openings(s, 4);
	if (has_global6())
		ask_openings(s, 6);
	if (!s->ways && view->samples_len)
		bk_opened_compare(&s->opened, &view->samples[0].mapped);
}

/* While a mapping is kept, the server says every 15 s how we look. */
void bk_self_compare_opened(struct bk_self *s)
{
	const struct bk_ways_view *udp = s->ways ? bk_ways_view(s->ways) : NULL;

	if (udp && udp->samples_len)
		bk_opened_compare(&s->opened, &udp->samples[0].mapped);
}

static bk_dur wait_opened(const struct bk_self *s, const struct bk_mailbox_view *view)
{
	(void)view;
	return bk_opened_wait(&s->opened);
}

static const struct opened_place {
	uint8_t family;
	enum bk_transport transport;
} places[] = {{4, BK_TRANSPORT_UDP}, {4, BK_TRANSPORT_TCP}, {6, BK_TRANSPORT_UDP}, {6, BK_TRANSPORT_TCP}};

enum { PLACES = sizeof(places) / sizeof(places[0]) };

/* Family 0: not by now. Another listener may have taken the place of the one that it leads to. */
static struct bk_addr opened_at(const struct bk_self *s, const struct opened_place *p)
{
	if (bk_opened_port(&s->opened, p->family, p->transport) != shared_port(s, p->family, p->transport))
		return (struct bk_addr){0};
	return bk_opened_at(&s->opened, p->family, p->transport);
}

static void describe_opened(
	const struct bk_self *s, const struct bk_mailbox_view *view, struct bk_intro *intro)
{
	(void)view;
	for (int i = 0; i < PLACES; i++) {
		struct bk_addr at = opened_at(s, &places[i]);

		if (at.family)
			add_candidate(intro, BK_CANDIDATE_OPENED, places[i].transport, &at);
	}
}

static bool is_told(const struct bk_intro *told, enum bk_transport t, const struct bk_addr *at)
{
	for (size_t i = 0; i < told->candidates_len; i++) {
		const struct bk_candidate *c = &told->candidates[i];

		if (c->kind == BK_CANDIDATE_OPENED && c->transport == t && bk_addr_equal(&c->addr, at))
			return true;
	}
	return false;
}

bool bk_self_has_news(const struct bk_self *s, const struct bk_intro *told, const struct bk_intro *peer)
{
	for (int i = 0; i < PLACES; i++) {
		struct bk_addr at = opened_at(s, &places[i]);

		if (at.family && !is_told(told, places[i].transport, &at) &&
			bk_mapped_is_open_at(told, peer, places[i].transport, &at))
			return true;
	}
	return false;
}

static const enum bk_transport transports[] = {BK_TRANSPORT_UDP, BK_TRANSPORT_TCP};

bool bk_self_explain_opened(struct bk_self *s, const struct bk_intro *told, char out[BK_OPENING_TEXT_MAX])
{
	for (int i = 0; i < 2 && !s->has_explained; i++) {
		const struct bk_nat_profile *p = transports[i] == BK_TRANSPORT_UDP ? &told->udp : &told->tcp;

		if (bk_opened_explain(&s->opened, transports[i], &p->public_addr, out)) {
			s->has_explained = true;
			return true;
		}
	}
	return false;
}

/* --- this machine's own addresses --- */

static void open_listeners(struct bk_self *s)
{
	for (int i = 0; i < BK_SELF_LISTENERS; i++) {
		struct bk_addr at = {.family = families[i]};

		s->ports[i] = 0; /* what listened there before is gone */
		if (s->holds[i] < 0 && bk_sock_hold(&at, &s->holds[i]) < 0)
			continue;
		if (bk_sock_local(s->holds[i], &at) == 0 &&
			bk_sock_listen(&at, true, BACKLOG, &s->listeners[i]) == 0)
			s->ports[i] = at.port;
	}
}

/* With the port that hears there over each transport. */
static void add_host(const struct bk_self *s, struct bk_intro *intro, struct bk_addr addr)
{
	bool is_global6 = addr.family == 6 && !bk_addr_is_private(&addr) && !bk_addr_is_loopback(&addr) &&
			  !bk_addr_is_link_local(&addr);
	enum bk_candidate_kind kind = is_global6 ? BK_CANDIDATE_FIREWALLED : BK_CANDIDATE_HOST;

	addr.scope = 0;
	addr.port = s->ports[addr.family == 4 ? 0 : 1];
	if (addr.port)
		add_candidate(intro, kind, BK_TRANSPORT_TCP, &addr);
	if (!s->ways)
		return;
	addr.port = addr.family == 4 ? bk_ways_view(s->ways)->local.port : bk_ways_view(s->ways)->port6;
	if (addr.port)
		add_candidate(intro, kind, BK_TRANSPORT_UDP, &addr);
}

static void describe_hosts(
	const struct bk_self *s, const struct bk_mailbox_view *view, struct bk_intro *intro)
{
	struct bk_addr addrs[ADDRS_MAX];
	int n = bk_ifaddr_list_outward(addrs, ADDRS_MAX);

	if (bk_addr_is_loopback(&view->local)) /* the server is on this machine: the peer may be too */
		add_host(s, intro, view->local);
	for (int i = 0; i < n; i++)
		add_host(s, intro, addrs[i]);
	n = bk_ifaddr_list_links(true, addrs, LINKS_MAX);
	for (int i = 0; i < n; i++)
		add_host(s, intro, addrs[i]);
}

/* --- addresses that the mailbox gives --- */

static void describe_given(
	const struct bk_self *s, const struct bk_mailbox_view *view, struct bk_intro *intro)
{
	for (size_t i = 0; i < view->addrs_len && i < BK_MAILBOX_ADDRS_MAX; i++) {
		const struct bk_addr *a = &view->addrs[i];

		if (!a->port)
			add_host(s, intro, *a);
		else if (s->has_tcp)
			add_candidate(intro, BK_CANDIDATE_HOST, BK_TRANSPORT_TCP, a);
		if (a->port && s->ways)
			add_candidate(intro, BK_CANDIDATE_HOST, BK_TRANSPORT_UDP, a);
	}
}

/* --- all of them --- */

static const struct source {
	/* NULL: nothing to do. */
	void (*gather)(struct bk_self *s, const struct bk_mailbox_view *view);
	void (*gather_more)(struct bk_self *s, const struct bk_mailbox_view *view);
	bk_dur (*wait)(
		const struct bk_self *s, const struct bk_mailbox_view *view); /* NULL: it knows at once */
	void (*describe)(const struct bk_self *s, const struct bk_mailbox_view *view, struct bk_intro *intro);
} sources[] = {
	{.gather = gather_tcp, .gather_more = gather_tcp, .wait = wait_tcp, .describe = describe_tcp},
	{.gather = gather_udp, .gather_more = gather_more_udp, .wait = wait_udp, .describe = describe_udp},
	{.gather = gather_opened,
		.gather_more = gather_opened,
		.wait = wait_opened,
		.describe = describe_opened},
	{.describe = describe_given},
	{.describe = describe_hosts},
};

enum { SOURCES = sizeof(sources) / sizeof(sources[0]) };

void bk_self_gather(struct bk_self *s, const struct bk_mailbox_view *view)
{
	for (int i = 0; i < SOURCES && !s->is_hidden; i++)
		if (sources[i].gather)
			sources[i].gather(s, view);
}

void bk_self_gather_more(struct bk_self *s, const struct bk_mailbox_view *view)
{
	for (int i = 0; i < SOURCES && !s->is_hidden; i++)
		if (sources[i].gather_more)
			sources[i].gather_more(s, view);
}

void bk_self_freshen(struct bk_self *s)
{
	if (s->ways)
		bk_ways_freshen(s->ways);
}

bk_dur bk_self_wait(const struct bk_self *s, const struct bk_mailbox_view *view)
{
	bk_dur wait = 0;

	for (int i = 0; i < SOURCES && !s->is_hidden; i++)
		if (sources[i].wait)
			wait = bk_time_max(wait, sources[i].wait(s, view));
	return wait;
}

bk_dur bk_self_wait_for(
	const struct bk_self *s, const struct bk_mailbox_view *view, const struct bk_intro *peer)
{
	struct bk_intro own;
	const struct bk_pair pair = {.own = &own, .peer = peer};

	if (!view->flows_awaited || s->is_hidden)
		return 0;
	bk_self_describe(s, view, &own);
	return bk_guess_needs_tcp(&pair) ? bk_time_min(MAPPING_WAIT_MAX, 2 * view->rtt_ns + MAPPING_WAIT_MORE)
					 : 0;
}

unsigned bk_self_hops(struct bk_self *s)
{
	return s->ways ? bk_ways_hops(s->ways) : bk_hops_count(&s->hops);
}

void bk_self_describe(const struct bk_self *s, const struct bk_mailbox_view *view, struct bk_intro *ret_intro)
{
	*ret_intro = (struct bk_intro){
		.version = BK_INTRO_VERSION, .capabilities = s->capabilities, .server_rtt = view->rtt_ns};
	bk_random_name(ID_BYTES, ret_intro->id);
	strcpy(ret_intro->name, s->name);
	memcpy(ret_intro->pin, s->pin.bytes, sizeof(ret_intro->pin));
	if (s->may_guess && !s->is_hidden)
		ret_intro->capabilities |= BK_INTRO_GUESSES;
	randombytes_buf(&ret_intro->tie_breaker, sizeof(ret_intro->tie_breaker));
	for (int i = 0; i < SOURCES && !s->is_hidden; i++)
		sources[i].describe(s, view, ret_intro);
}

/* --- life --- */

static void choose_name(struct bk_self *s, const char *name)
{
	if (name)
		snprintf(s->name, sizeof(s->name), "%s", name);
	else if (gethostname(s->name, sizeof(s->name)) < 0)
		s->name[0] = 0;
	s->name[sizeof(s->name) - 1] = 0;
}

int bk_self_init(struct bk_self *s, struct bk_loop *loop, const struct bk_session_opts *opts,
	void (*on_view)(void *arg), void *arg)
{
	bool is_hidden = opts->path == BK_PATH_CHOICE_RELAY;

	*s = (struct bk_self){
		.holds = {-1, -1},
		.listeners = {-1, -1},
		.has_tcp = !is_hidden && opts->transport != BK_TRANSPORT_CHOICE_UDP,
		.is_hidden = is_hidden,
	};
	choose_name(s, opts->name);
	if (is_hidden)
		s->capabilities = BK_MEET_ONLY_RELAY;
	else if (opts->path == BK_PATH_CHOICE_DIRECT)
		s->capabilities = BK_MEET_ONLY_DIRECT;
	if (opts->key_dir)
		s->capabilities |= BK_MEET_LASTING_KEY;
	if (!is_hidden)
		s->capabilities |= BK_INTRO_OPENS;
	s->may_guess = !(opts->without & BK_WITHOUT_GUESSING);
	s->may_open = !(opts->without & BK_WITHOUT_PORT_MAPPING);
	bk_hops_init(&s->hops);
	bk_opened_init(&s->opened, loop, on_view, arg);
	if (s->has_tcp)
		open_listeners(s);
	return is_hidden || opts->transport == BK_TRANSPORT_CHOICE_TCP
		       ? 0
		       : bk_ways_new(loop, on_view, arg, &s->ways);
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
		if (s->holds[i] >= 0)
			close(s->holds[i]);
		s->listeners[i] = s->holds[i] = -1;
	}
	bk_hops_done(&s->hops);
	bk_opened_done(&s->opened);
	bk_ways_free(s->ways);
	s->ways = NULL;
}
