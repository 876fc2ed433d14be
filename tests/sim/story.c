/* SPDX-License-Identifier: Apache-2.0 */

/* Two owners with an engine each. Proof is modelled as the session does it: each side says hello on every
 * connection that is reported; the controlling side takes the first one on which it hears the other and says
 * so; the other side takes the one it is told. */

#include "story.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "learn.h"

enum { HELLO = 1, CHOSEN = 2 };
enum { CONNS_MAX = 256 };

#define RESAY     (200 * BK_MS) /* stands for TCP's retransmission of data */
#define STORY_MAX (30 * BK_SEC)

struct peer {
	const struct sim_story *story;
	struct sim_side *side;
	struct bk_punch_tcp *engine;
	struct bk_intro intro;
	struct bk_pair pair;
	struct bk_plan plan;
	bk_dur clock_offset; /* this machine's clock zero */
	bk_time start;       /* the agreed instant, in the simulator's time, as this side believes */
	bk_time armed;
	uint32_t conns[CONNS_MAX];
	size_t conns_len;
	bool is_controlling, is_proven, has_heard;
	unsigned done, spoiled;
	bk_time ended;
	uint32_t winner;
};

static void drain(struct peer *p);

static bk_time local_now(const struct peer *p)
{
	return p->side->net->clock.now + p->clock_offset;
}

/* Who has a path frees his engine: it is not heard any more. */
static bool is_over(const struct peer *p)
{
	return p->done || p->is_proven;
}

static void on_timer(void *self, const struct sim_packet *packet, int arg)
{
	struct peer *p = self;

	(void)packet, (void)arg;
	p->armed = BK_NEVER;
	if (is_over(p))
		return;
	if (local_now(p) >= bk_punch_tcp_ops.next_wake(p->engine))
		bk_punch_tcp_ops.on_time(p->engine, local_now(p));
	drain(p);
}

static void arm(struct peer *p)
{
	struct sim_clock *c = &p->side->net->clock;
	bk_time wake = bk_punch_tcp_ops.next_wake(p->engine);

	if (wake == BK_NEVER || wake - p->clock_offset >= p->armed)
		return;
	p->armed = wake - p->clock_offset;
	sim_at(c, p->armed + (p->story->timer_slack ? bk_rng_range(&c->rng, 0, p->story->timer_slack) : 0),
		on_timer, p, NULL, 0);
}

static bool knows(const struct peer *p, uint32_t id)
{
	for (size_t i = 0; i < p->conns_len; i++) {
		if (p->conns[i] == id)
			return true;
	}
	return false;
}

static void forget(struct peer *p, uint32_t id)
{
	for (size_t i = 0; i < p->conns_len; i++) {
		if (p->conns[i] == id)
			p->conns[i] = p->conns[--p->conns_len];
	}
}

static void prove(struct peer *p, uint32_t id)
{
	if (p->is_proven || p->done)
		return;
	p->is_proven = true;
	p->winner = id;
	p->ended = p->side->net->clock.now;
	if (p->is_controlling)
		sim_host_say(&p->side->host, id, CHOSEN);
}

static void disprove(struct peer *p, uint32_t id)
{
	forget(p, id);
	sim_host_close(&p->side->host, id);
	bk_method_tcp.disprove(p->engine, id, local_now(p));
}

static void on_resay(void *self, const struct sim_packet *packet, int arg)
{
	struct peer *p = self;
	uint32_t id = (uint32_t)arg;

	(void)packet;
	if (!knows(p, id) || (p->is_proven && p->winner != id) || (p->is_proven && !p->is_controlling))
		return;
	sim_host_say(&p->side->host, id, p->is_proven ? CHOSEN : HELLO);
	sim_at(&p->side->net->clock, p->side->net->clock.now + RESAY, on_resay, p, NULL, arg);
}

static void on_report(struct peer *p, const struct bk_action *a)
{
	if (a->report == BK_REPORT_DONE) {
		p->done++;
		if (!p->is_proven)
			p->ended = p->side->net->clock.now;
		return;
	}
	if (p->story->deaf_first && p->spoiled++ == 0) {
		disprove(p, a->id);
		return;
	}
	assert(p->conns_len < CONNS_MAX);
	p->conns[p->conns_len++] = a->id;
	sim_at(&p->side->net->clock, p->side->net->clock.now, on_resay, p, NULL, (int)a->id);
}

static void drain(struct peer *p)
{
	struct bk_action a;

	while (bk_punch_tcp_ops.next_action(p->engine, &a)) {
		switch (a.type) {
		case BK_ACT_TCP_LISTEN:
			sim_host_listen(&p->side->host, a.id, &a.local);
			break;
		case BK_ACT_TCP_CONNECT:
			sim_host_connect(&p->side->host, a.id, &a.local, &a.remote, a.ttl);
			break;
		case BK_ACT_TCP_CLOSE:
			forget(p, a.id);
			sim_host_close(&p->side->host, a.id);
			break;
		case BK_ACT_REPORT:
			on_report(p, &a);
			break;
		case BK_ACT_UDP_OPEN:
		case BK_ACT_UDP_CLOSE:
		case BK_ACT_DATAGRAM:
			assert(!"a TCP engine asks for datagrams");
			break;
		}
	}
	arm(p);
}

static void on_connected(void *owner, uint32_t id)
{
	struct peer *p = owner;

	if (is_over(p))
		return;
	bk_punch_tcp_ops.on_connected(p->engine, id, local_now(p));
	drain(p);
}

static void on_failed(void *owner, uint32_t id, int error)
{
	struct peer *p = owner;

	if (is_over(p))
		return;
	bk_punch_tcp_ops.on_failed(p->engine, id, error, local_now(p));
	drain(p);
}

static uint32_t on_accepted(void *owner, uint32_t listener, const struct bk_addr *from)
{
	struct peer *p = owner;
	uint32_t id;

	if (is_over(p))
		return 0;
	id = bk_punch_tcp_ops.on_accepted(p->engine, listener, from, local_now(p));
	/* The report is drained in a moment: the socket gets its id first. */
	sim_at(&p->side->net->clock, p->side->net->clock.now, on_timer, p, NULL, 0);
	return id;
}

static void on_data(void *owner, uint32_t id, int data)
{
	struct peer *p = owner;

	if (!knows(p, id) || p->is_proven)
		return;
	if (data == CHOSEN ? !p->is_controlling : p->is_controlling)
		prove(p, id);
}

static void on_lost(void *owner, uint32_t id)
{
	struct peer *p = owner;

	if (!knows(p, id) || is_over(p))
		return;
	disprove(p, id);
	drain(p);
}

static const struct sim_host_events host_events = {
	.on_connected = on_connected,
	.on_failed = on_failed,
	.on_accepted = on_accepted,
	.on_data = on_data,
	.on_lost = on_lost,
};

static void on_introduced(void *self, const struct sim_packet *packet, int arg)
{
	struct peer *p = self;
	struct bk_punch_tcp_opts opts = {.plan = p->plan, .start = p->start + p->clock_offset};

	(void)packet, (void)arg;
	opts.shared = bk_addr_with_port(p->side->host.ip, SIM_SHARED_PORT);
	if (p->story->has_counted) { /* a hears last */
		opts.opener_ttl = (uint8_t)(p->side->nats_len + 1);
		opts.full_from =
			p->is_controlling ? local_now(p) : opts.start + bk_plan_try_timeout(&p->pair);
	}
	opts.seed = p->story->seed * 2 + (p->story->same_seed ? 0 : (uint64_t)p->side->index);
	if (bk_punch_tcp_new(&opts, local_now(p), &p->engine) < 0)
		abort();
	drain(p);
}

static void prepare(struct peer *p, struct sim_net *net, int index, const struct sim_story *s)
{
	*p = (struct peer){
		.story = s, .side = &net->sides[index], .armed = BK_NEVER, .is_controlling = index == 0};
	p->side->host.owner = p;
	p->side->host.events = &host_events;
	p->clock_offset = bk_rng_range(&net->clock.rng, 0, 1000 * BK_SEC);
	sim_learn_tcp(p->side, s->filtering_unknown, &p->intro);
}

/* b answers last and chooses the instant; its introduction reaches a over the server. */
static bk_time begin(struct peer peers[2], struct sim_net *net, const struct sim_story *s)
{
	bk_dur over_server = (peers[0].intro.server_rtt + peers[1].intro.server_rtt) / 2;
	bk_time start =
		bk_plan_start_instant(net->clock.now, peers[1].intro.server_rtt, peers[0].intro.server_rtt);

	for (int i = 0; i < 2; i++) {
		struct peer *p = &peers[i];

		p->pair = (struct bk_pair){.own = &p->intro, .peer = &peers[!i].intro};
		bk_plan_make(&p->pair, bk_techniques, &bk_method_tcp, &p->plan);
		if (s->tweak)
			s->tweak(&p->plan);
		p->start = start + (i == 1 ? s->skew : 0);
		sim_at(&net->clock, net->clock.now + (i == 0 ? over_server : 0), on_introduced, p, NULL, 0);
	}
	return start;
}

static void tell(struct peer peers[2], bk_time known, bk_time start, struct sim_ending *ret_ending)
{
	bk_time ended = bk_time_max(peers[0].ended, peers[1].ended);

	memset(ret_ending, 0, sizeof(*ret_ending));
	ret_ending->is_direct = peers[0].is_proven && peers[1].is_proven;
	ret_ending->elapsed = ended - known;
	ret_ending->from_start = ended - start;
	for (size_t i = 0; i < 2; i++) {
		ret_ending->done_once[i] = peers[i].done + peers[i].is_proven == 1;
		ret_ending->plans[i] = peers[i].plan;
		for (size_t k = 0; k < peers[i].plan.attempts_len; k++) {
			bk_punch_tcp_stats(peers[i].engine, k, &ret_ending->stats[i][k]);
			ret_ending->tries += ret_ending->stats[i][k].tries;
			ret_ending->connections += ret_ending->stats[i][k].connected;
		}
	}
}

void sim_story_run(const struct sim_story *s, struct sim_ending *ret_ending)
{
	struct sim_net *net = sim_net_new(s->a, s->b, s->answer, s->seed);
	struct peer peers[2];
	bk_time known, start;

	net->delay = s->delay;
	net->jitter = s->jitter;
	net->loss = s->loss;
	for (int i = 0; i < 2; i++)
		prepare(&peers[i], net, i, s);
	start = begin(peers, net, s);
	known = (peers[0].intro.server_rtt + peers[1].intro.server_rtt) / 2;
	while (!(is_over(&peers[0]) && is_over(&peers[1])) && sim_step(&net->clock, STORY_MAX))
		continue;
	tell(peers, known, start, ret_ending);
	for (size_t i = 0; i < 2; i++)
		bk_punch_tcp_free(peers[i].engine);
	sim_net_free(net);
}
