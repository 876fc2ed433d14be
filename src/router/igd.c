/* SPDX-License-Identifier: Apache-2.0 */
/* Owner and thread share a table of ports under the thread's lock: the owner says what is wanted, the thread makes the
 * router have it so, one question at a time without the lock. */
#include "router/igd.h"

#include <miniupnpc/miniupnpc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/loop.h"
#include "net/thread.h"
#include "portmap/question.h"
#include "portmap/reach.h"
#include "portmap/term.h"
#include "portmap/upnp.h"
#include "router/search.h"
#include "router/soap.h"

enum { IP_MAX = BK_ADDR_STR_MAX, ARGS_MAX = 1024 };

#define SEARCH_TIME (1300 * BK_MS) /* answers may be spread over a second */
#define ANSWER_TIME (4 * BK_SEC)

struct port {
	struct bk_portmap_lease told; /* own_port 0: the place is free */
	bool is_wanted, is_held;      /* wanted here; known to the router */
	bool is_doubted;              /* to be asked for anew now */
	uint16_t external_port;       /* as it was asked for */
	struct bk_portmap_term term;
};

struct work {
	char own[IP_MAX];
	struct bk_addr own_addr, gateway;
	struct bk_rng rng;
	struct port ports[BK_IGD_PORTS_MAX];
	bool is_settled, is_there, is_leaving, is_left;
	bool wants_outside;     /* as it was born */
	struct bk_addr outside; /* port 0 */
	struct UPNPUrls urls;   /* the thread's alone, as the next */
	struct IGDdatas data;
	struct bk_search search;
	struct bk_web_answer answer;
};

struct bk_igd {
	struct bk_thread *thread;
	struct work *work;
	bk_time doubt_from; /* not sooner */
};

/* --- on the thread: the search --- */

/* Is that page a gateway's, and its door on the gateway, too? */
static bool read_description(struct work *w, const char *url, bk_time deadline)
{
	bool is_there;

	if (bk_soap_page(url, deadline, &w->answer) < 0)
		return false;
	w->data = (struct IGDdatas){0};
	parserootdesc(w->answer.body, (int)w->answer.body_len, &w->data);
	GetUPNPUrls(&w->urls, &w->data, url, 0);
	is_there = bk_web_is_at(w->urls.controlURL, &w->gateway);
	if (!is_there)
		FreeUPNPUrls(&w->urls);
	return is_there;
}

static bool is_over(struct bk_thread *t, const struct work *w)
{
	bool is_over;

	bk_thread_lock(t);
	is_over = bk_thread_is_left(t) || w->is_leaving;
	bk_thread_unlock(t);
	return is_over;
}

/* What calls itself a gateway and is not on the one that leads out is somebody else's. */
static bool find(struct bk_thread *t, struct work *w)
{
	bk_time now = bk_loop_clock(), deadline = now + ANSWER_TIME; /* for all that answered */
	struct bk_search *s = &w->search;
	bool is_found = false;
	const char *url;

	if (bk_search_init(s, &w->own_addr, &w->gateway, now + SEARCH_TIME) < 0)
		return false;
	while (!is_found && !is_over(t, w) && (url = bk_search_next(s)))
		is_found = read_description(w, url, deadline);
	bk_search_done(s);
	return is_found;
}

/* --- on the thread: one port --- */

static const char *protocol_of(const struct port *p)
{
	return p->told.transport == BK_TRANSPORT_UDP ? "UDP" : "TCP";
}

static int call(struct work *w, const char *action, const char *args)
{
	return bk_soap_call(w->urls.controlURL, w->data.first.servicetype, action, args,
		bk_loop_clock() + ANSWER_TIME, &w->answer);
}

static int add(struct work *w, const struct port *p, const struct bk_upnp_ask *a)
{
	char args[ARGS_MAX];

	snprintf(args, sizeof(args),
		"<NewRemoteHost></NewRemoteHost><NewExternalPort>%u</NewExternalPort>"
		"<NewProtocol>%s</NewProtocol><NewInternalPort>%u</NewInternalPort>"
		"<NewInternalClient>%s</NewInternalClient><NewEnabled>1</NewEnabled>"
		"<NewPortMappingDescription>bodkin</NewPortMappingDescription>"
		"<NewLeaseDuration>%u</NewLeaseDuration>",
		a->external_port, protocol_of(p), a->own_port, w->own, a->lifetime);
	return call(w, "AddPortMapping", args);
}

static enum bk_portmap_trouble ask_outside(struct work *w, struct bk_addr *ret_at)
{
	struct bk_addr at = {0};
	char ip[IP_MAX];
	int error = call(w, "GetExternalIPAddress", "");

	*ret_at = at;
	if (error < 0)
		return bk_upnp_trouble(error);
	bk_soap_value(&w->answer, "NewExternalIPAddress", ip, sizeof(ip));
	if (error || bk_addr_from_ip(ip, 0, &at) < 0 || !bk_portmap_is_outside(&at))
		return BK_PORTMAP_NO_OUTSIDE;
	*ret_at = at;
	return BK_PORTMAP_FINE;
}

/* Its address outside is asked each time, since it may be another one by now; and first, since a port of a router that
 * has none is of no use. */
static enum bk_portmap_trouble ask(
	struct work *w, struct port *p, struct bk_upnp_ask *a, struct bk_addr *ret_external)
{
	enum bk_portmap_trouble trouble = ask_outside(w, ret_external);
	int error;

	if (trouble != BK_PORTMAP_FINE)
		return trouble;
	error = add(w, p, a);
	while (error && bk_upnp_ask_again(a, error, &w->rng))
		error = add(w, p, a);
	ret_external->port = a->external_port;
	if (error > 0)
		p->is_held = false;
	return error ? bk_upnp_trouble(error) : BK_PORTMAP_FINE;
}

/* A router that did not answer has what it gave before. */
static void settle(struct port *p, enum bk_portmap_trouble trouble, const struct bk_upnp_ask *a,
	const struct bk_addr *external, bk_time now)
{
	if (trouble == BK_PORTMAP_SILENT && bk_portmap_term_go_on(&p->term, now) && p->is_held)
		return;
	p->told.external = (struct bk_addr){0};
	p->told.trouble = trouble;
	if (trouble == BK_PORTMAP_FINE) {
		bk_portmap_term_give(&p->term, a->lifetime * BK_SEC, now);
		p->told.external = *external;
		p->external_port = external->port;
		p->is_held = true;
	} else if (trouble != BK_PORTMAP_SILENT) {
		bk_portmap_term_refuse(&p->term, now);
	}
	p->told.until = p->term.until;
}

/* The lock is held before and after, not meanwhile. */
static void ask_for(struct bk_thread *t, struct work *w, size_t i)
{
	struct port p = w->ports[i];
	enum bk_portmap_trouble trouble;
	struct bk_addr external;
	struct bk_upnp_ask a;

	bk_upnp_ask_init(&a, p.told.own_port);
	if (p.is_held)
		a.external_port = p.external_port;
	w->ports[i].is_doubted = false;
	bk_thread_unlock(t);
	trouble = ask(w, &p, &a, &external);
	bk_thread_lock(t);
	settle(&p, trouble, &a, &external, bk_loop_clock());
	p.is_wanted = w->ports[i].is_wanted;
	p.is_doubted = w->ports[i].is_doubted;
	w->ports[i] = p;
	bk_thread_ring(t);
}

static void give_back(struct bk_thread *t, struct work *w, size_t i)
{
	const struct port p = w->ports[i];
	char args[ARGS_MAX];

	snprintf(args, sizeof(args),
		"<NewRemoteHost></NewRemoteHost><NewExternalPort>%u</NewExternalPort><NewProtocol>%s</NewProtocol>",
		p.external_port, protocol_of(&p));
	bk_thread_unlock(t);
	(void)call(w, "DeletePortMapping", args);
	bk_thread_lock(t);
	w->ports[i].is_held = false; /* whatever it said */
	w->ports[i].term = (struct bk_portmap_term){0};
}

/* --- on the thread: all of them --- */

static bool is_due(const struct port *p)
{
	return p->is_doubted || bk_loop_clock() >= p->term.next;
}

/* What is to be done with that port now? True: something was. */
static bool serve(struct bk_thread *t, struct work *w, size_t i)
{
	struct port *p = &w->ports[i];

	if (!p->told.own_port)
		return false;
	if (p->is_wanted && is_due(p)) {
		ask_for(t, w, i);
		return true;
	}
	if (p->is_wanted)
		return false;
	if (p->is_held)
		give_back(t, w, i);
	if (!p->is_wanted) /* it may be again, meanwhile */
		*p = (struct port){0};
	return true;
}

static bool serve_all(struct bk_thread *t, struct work *w)
{
	bool has_done = false;

	for (size_t i = 0; i < BK_IGD_PORTS_MAX && !bk_thread_is_left(t); i++)
		has_done |= serve(t, w, i);
	return has_done;
}

static bk_dur until_next(const struct work *w)
{
	bk_time next = BK_NEVER;

	for (size_t i = 0; i < BK_IGD_PORTS_MAX; i++)
		if (w->ports[i].told.own_port)
			next = bk_time_min(next, w->ports[i].term.next);
	return next == BK_NEVER ? 0 : bk_time_max(BK_MS, next - bk_loop_clock());
}

static void run(struct bk_thread *t, void *arg)
{
	struct work *w = arg;
	struct bk_addr outside = {0};
	bool is_there = find(t, w);

	if (is_there && w->wants_outside && !is_over(t, w))
		(void)ask_outside(w, &outside);
	bk_thread_lock(t);
	w->outside = outside;
	w->is_settled = true;
	w->is_there = is_there;
	bk_thread_ring(t);
	while (is_there && !bk_thread_is_left(t)) {
		if (serve_all(t, w))
			continue;
		if (w->is_leaving)
			break;
		(void)bk_thread_wait(t, -1, until_next(w));
	}
	w->is_left = true;
	bk_thread_ring(t);
	bk_thread_unlock(t);
	if (is_there)
		FreeUPNPUrls(&w->urls);
}

/* --- the owner's side --- */

static void free_work(void *work)
{
	free(work);
}

int bk_igd_new(struct bk_loop *loop, const struct bk_addr *own, const struct bk_addr *gateway,
	bool wants_outside, void (*on_change)(void *arg), void *arg, struct bk_igd **ret_igd)
{
	static const struct bk_thread_ops ops = {.run = run, .free = free_work};
	struct bk_igd *g = calloc(1, sizeof(*g));
	struct work *w = calloc(1, sizeof(*w));
	int err = g && w ? 0 : BK_E_NOMEM;

	if (!err) {
		bk_addr_ip_to_str(own, w->own);
		w->own_addr = *own;
		w->wants_outside = wants_outside;
		w->gateway = *gateway;
		randombytes_buf(&w->rng.state, sizeof(w->rng.state));
		g->work = w;
		err = bk_thread_new(loop, &ops, w, on_change, arg, &g->thread);
	}
	if (err < 0) {
		free(w);
		free(g);
		return err;
	}
	*ret_igd = g;
	return 0;
}

void bk_igd_free(struct bk_igd *g)
{
	if (g)
		bk_thread_free(g->thread);
	free(g);
}

static struct port *find_port(struct work *w, enum bk_transport t, uint16_t own_port)
{
	for (size_t i = 0; i < BK_IGD_PORTS_MAX; i++)
		if (w->ports[i].told.own_port == own_port && (!own_port || w->ports[i].told.transport == t))
			return &w->ports[i];
	return NULL;
}

int bk_igd_want(struct bk_igd *g, enum bk_transport t, uint16_t own_port)
{
	struct port *p;
	int err = 0;

	if (own_port < BK_PORTMAP_PORT_MIN)
		return BK_E_INVALID;
	bk_thread_lock(g->thread);
	p = find_port(g->work, t, own_port);
	if (!p) {
		p = find_port(g->work, t, 0);
		if (p)
			*p = (struct port){.told = {.transport = t, .own_port = own_port}};
		else
			err = BK_E_FULL;
	}
	if (p)
		p->is_wanted = true;
	bk_thread_nudge(g->thread);
	bk_thread_unlock(g->thread);
	return err;
}

void bk_igd_drop(struct bk_igd *g, enum bk_transport t, uint16_t own_port)
{
	struct port *p;

	bk_thread_lock(g->thread);
	p = own_port ? find_port(g->work, t, own_port) : NULL;
	if (p)
		p->is_wanted = false;
	bk_thread_nudge(g->thread);
	bk_thread_unlock(g->thread);
}

bool bk_igd_doubt(struct bk_igd *g, bk_time now)
{
	if (now < g->doubt_from)
		return false;
	g->doubt_from = now + BK_PORTMAP_DOUBT_MIN;
	bk_thread_lock(g->thread);
	for (size_t i = 0; i < BK_IGD_PORTS_MAX; i++)
		g->work->ports[i].is_doubted = g->work->ports[i].is_wanted && g->work->ports[i].is_held;
	bk_thread_nudge(g->thread);
	bk_thread_unlock(g->thread);
	return true;
}

bool bk_igd_find(struct bk_igd *g, enum bk_transport t, uint16_t own_port, struct bk_portmap_lease *ret_lease)
{
	const struct port *p;

	bk_thread_lock(g->thread);
	p = own_port ? find_port(g->work, t, own_port) : NULL;
	if (p && p->is_wanted)
		*ret_lease = p->told;
	if (p && g->work->is_settled && !g->work->is_there)
		ret_lease->trouble = BK_PORTMAP_SILENT;
	bk_thread_unlock(g->thread);
	return p && p->is_wanted;
}

enum bk_portmap_presence bk_igd_presence(struct bk_igd *g)
{
	const struct work *w = g->work;
	enum bk_portmap_presence p;

	bk_thread_lock(g->thread);
	p = !w->is_settled ? BK_PORTMAP_AWAITED : w->is_there ? BK_PORTMAP_PRESENT : BK_PORTMAP_ABSENT;
	bk_thread_unlock(g->thread);
	return p;
}

struct bk_addr bk_igd_outside(struct bk_igd *g)
{
	struct bk_addr at;

	bk_thread_lock(g->thread);
	at = g->work->outside;
	bk_thread_unlock(g->thread);
	return at;
}

void bk_igd_leave(struct bk_igd *g)
{
	bk_thread_lock(g->thread);
	for (size_t i = 0; i < BK_IGD_PORTS_MAX; i++)
		g->work->ports[i].is_wanted = false;
	g->work->is_leaving = true;
	bk_thread_nudge(g->thread);
	bk_thread_unlock(g->thread);
}

bool bk_igd_is_left(struct bk_igd *g)
{
	bool is_left;

	bk_thread_lock(g->thread);
	is_left = g->work->is_left || !g->work->is_there; /* one that is searched for has nothing of ours */
	bk_thread_unlock(g->thread);
	return is_left;
}
