/* SPDX-License-Identifier: Apache-2.0 */

/* Proof is modelled as links do it: on whatever is reported each side says hello, again and again; the
 * controlling side takes the first path on which it hears the other and says so there; the other side
 * follows.
 */

#include "race_story.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "learn.h"

enum { LANES_MAX = 8, PATHS_MAX = 256, OWN_MAX = 1100, FIRST_OWN_PORT = 42000, LENT4 = 1, LENT6 = 2 };
enum { HELLO = 1, CHOSEN = 2 };

/* Of the listener behind the own addresses, which is no engine's; what comes there counts on from it. */
#define DOOR 0xff000000u

#define RESAY     (100 * BK_MS)
#define STORY_MAX (30 * BK_SEC)

/* One engine. Its sockets have the machine's ids, of which the upper byte tells the lane. */
struct lane {
	struct peer *peer;
	const struct bk_method *method;
	void *engine;
	struct bk_plan plan;
	bk_time armed;
	bool is_over;
};

struct path {
	struct lane *lane;
	const struct bk_technique *technique;
	uint32_t id;           /* of a connection, the machine's */
	struct bk_addr local;  /* of a way; family 0: a connection */
	struct bk_addr remote; /* of a way */
	bool is_gone;
};

struct own {
	struct lane *lane;
	uint32_t id; /* 0: closed */
};

struct peer {
	const struct sim_race_story *story;
	struct sim_side *side;
	struct bk_intro intro;
	struct bk_pair pair;
	bk_dur clock_offset;
	bk_time start;
	bool is_controlling;
	struct lane lanes[LANES_MAX];
	size_t lanes_len;
	struct path paths[PATHS_MAX];
	size_t paths_len;
	struct own own[OWN_MAX]; /* datagram sockets, by port */
	size_t own_len;
	struct path *winner;
	bk_time ended;
};

static void settle(struct lane *l);

static bk_time local_now(const struct peer *p)
{
	return p->side->net->clock.now + p->clock_offset;
}

static uint32_t host_id(const struct lane *l, uint32_t id)
{
	assert(id < 1u << 24);
	return (uint32_t)(l - l->peer->lanes + 1) << 24 | id;
}

static struct lane *lane_of(struct peer *p, uint32_t host)
{
	return &p->lanes[(host >> 24) - 1];
}

static uint32_t engine_id(uint32_t host)
{
	return host & 0xffffff;
}

/* --- proving --- */

static void say(struct path *t, uint8_t what)
{
	const uint8_t word[] = {0xff, what}; /* not STUN */
	struct sim_host *host = &t->lane->peer->side->host;

	if (t->local.family)
		sim_host_send(host, &t->local, &t->remote, 0, word, sizeof(word));
	else
		sim_host_say(host, t->id, what);
}

static void on_resay(void *self, const struct sim_packet *packet, int arg)
{
	struct path *t = self;
	struct peer *p = t->lane->peer;

	(void)packet, (void)arg;
	if (t->is_gone || (p->winner && (p->winner != t || !p->is_controlling)))
		return;
	say(t, p->winner ? CHOSEN : HELLO);
	sim_at(&p->side->net->clock, p->side->net->clock.now + RESAY, on_resay, t, NULL, 0);
}

static void hear(struct path *t, uint8_t what)
{
	struct peer *p = t->lane->peer;

	if (t->is_gone || p->winner || (what == CHOSEN ? p->is_controlling : !p->is_controlling))
		return;
	p->winner = t;
	p->ended = p->side->net->clock.now;
	if (p->is_controlling)
		say(t, CHOSEN);
}

static void disprove(struct path *t)
{
	struct lane *l = t->lane;

	t->is_gone = true;
	if (t->id >= DOOR)
		return;
	if (l->method->disprove)
		l->method->disprove(l->engine, engine_id(t->id), local_now(l->peer));
	settle(l);
}

static struct path *find_way(struct lane *l, const struct bk_action *a)
{
	for (size_t i = 0; i < l->peer->paths_len; i++) {
		struct path *t = &l->peer->paths[i];

		if (t->lane == l && t->local.family && t->id == host_id(l, a->id) && !t->is_gone &&
			bk_addr_equal(&t->remote, &a->remote))
			return t;
	}
	return NULL;
}

/* Family 0: it has none. */
static struct bk_addr address6(const struct sim_side *s)
{
	return s->host.ip.family == 6 ? s->host.ip : s->ip6;
}

static struct bk_addr local_of(const struct lane *l, uint32_t id)
{
	struct peer *p = l->peer;
	uint16_t port = SIM_SHARED_PORT;

	for (size_t i = 0; id > LENT6 && i < p->own_len; i++) {
		if (p->own[i].lane == l && p->own[i].id == id)
			port = (uint16_t)(FIRST_OWN_PORT + i);
	}
	return bk_addr_with_port(id == LENT6 ? address6(p->side) : p->side->host.ip, port);
}

static void add_path(struct peer *p, const struct path *t)
{
	assert(p->paths_len < PATHS_MAX);
	p->paths[p->paths_len] = *t;
	sim_at(&p->side->net->clock, p->side->net->clock.now, on_resay, &p->paths[p->paths_len++], NULL, 0);
}

/* What was chosen before stays beside it: the other side may have decided for that. */
static void on_report(struct lane *l, const struct bk_action *a)
{
	struct peer *p = l->peer;
	struct path t = {.lane = l, .id = host_id(l, a->id)};
	bool is_way = a->report == BK_REPORT_LIKELY || a->report == BK_REPORT_CHOSEN;
	struct path *there = is_way ? find_way(l, a) : NULL;

	if (a->report == BK_REPORT_DONE) {
		l->is_over = true;
		return;
	}
	if (there) {
		say(there, HELLO);
		return;
	}
	t.technique = bk_technique_found(&l->plan, l->engine, a);
	if (is_way) {
		t.local = local_of(l, a->id);
		t.remote = a->remote;
	}
	add_path(p, &t);
}

/* --- driving --- */

static void on_timer(void *self, const struct sim_packet *packet, int arg)
{
	struct lane *l = self;

	(void)packet, (void)arg;
	l->armed = BK_NEVER;
	if (local_now(l->peer) >= l->method->ops->next_wake(l->engine))
		l->method->ops->on_time(l->engine, local_now(l->peer));
	settle(l);
}

static void arm(struct lane *l)
{
	struct sim_clock *c = &l->peer->side->net->clock;
	bk_time wake = l->method->ops->next_wake(l->engine), slack = l->peer->story->timer_slack;

	if (wake == BK_NEVER || wake - l->peer->clock_offset >= l->armed)
		return;
	l->armed = wake - l->peer->clock_offset;
	sim_at(c, bk_time_max(l->armed, c->now) + (slack ? bk_rng_range(&c->rng, 0, slack) : 0), on_timer, l,
		NULL, 0);
}

static void open_own(struct lane *l, uint32_t id)
{
	struct peer *p = l->peer;
	struct bk_addr local;

	assert(id > LENT6 && p->own_len < OWN_MAX);
	p->own[p->own_len++] = (struct own){l, id};
	local = local_of(l, id);
	if (l->method->ops->on_opened)
		l->method->ops->on_opened(l->engine, id, &local, local_now(p));
}

static void close_own(struct lane *l, uint32_t id)
{
	for (size_t i = 0; i < l->peer->own_len; i++) {
		if (l->peer->own[i].lane == l && l->peer->own[i].id == id)
			l->peer->own[i].id = 0;
	}
}

static void send_datagram(struct lane *l, const struct bk_action *a)
{
	struct sim_host *host = &l->peer->side->host;
	struct bk_addr local = local_of(l, a->id);

	if (local.family && (a->id != LENT4 || local.family == 4))
		sim_host_send(host, &local, &a->remote, a->ttl, a->data, a->len);
}

static void close_tcp(struct lane *l, uint32_t id)
{
	struct peer *p = l->peer;

	for (size_t i = 0; i < p->paths_len; i++)
		p->paths[i].is_gone |= p->paths[i].id == host_id(l, id) && !p->paths[i].local.family;
	sim_host_close(&p->side->host, host_id(l, id));
}

static void perform(struct lane *l, const struct bk_action *a)
{
	struct sim_host *host = &l->peer->side->host;

	switch (a->type) {
	case BK_ACT_TCP_LISTEN:
		sim_host_listen(host, host_id(l, a->id), &a->local);
		break;
	case BK_ACT_TCP_CONNECT:
		sim_host_connect(host, host_id(l, a->id), &a->local, &a->remote, a->ttl);
		break;
	case BK_ACT_TCP_CLOSE:
		close_tcp(l, a->id);
		break;
	case BK_ACT_UDP_OPEN:
		open_own(l, a->id);
		break;
	case BK_ACT_UDP_CLOSE:
		close_own(l, a->id);
		break;
	case BK_ACT_DATAGRAM:
		send_datagram(l, a);
		break;
	case BK_ACT_REPORT:
		on_report(l, a);
		break;
	}
}

static void settle(struct lane *l)
{
	struct bk_action a;

	while (l->method->ops->next_action(l->engine, &a))
		perform(l, &a);
	arm(l);
}

/* --- the machine --- */

static void on_connected(void *owner, uint32_t id)
{
	struct lane *l = lane_of(owner, id);

	l->method->ops->on_connected(l->engine, engine_id(id), local_now(l->peer));
	settle(l);
}

static void on_failed(void *owner, uint32_t id, int error)
{
	struct lane *l = lane_of(owner, id);

	l->method->ops->on_failed(l->engine, engine_id(id), error, local_now(l->peer));
	settle(l);
}

/* 0: nobody connects over TCP. */
static uint32_t enter_by_door(struct peer *p, const struct bk_addr *from)
{
	for (size_t i = 0; i < p->lanes_len; i++) {
		struct lane *l = &p->lanes[i];
		struct path t = {.lane = l, .id = DOOR + 1 + (uint32_t)p->paths_len};

		if (l->method->transport != BK_TRANSPORT_TCP)
			continue;
		t.technique = bk_technique_at_door(&l->plan, NULL, from);
		add_path(p, &t);
		return t.id;
	}
	return 0;
}

static uint32_t on_accepted(void *owner, uint32_t listener, const struct bk_addr *from)
{
	struct lane *l;
	uint32_t id;

	if (listener == DOOR)
		return enter_by_door(owner, from);
	l = lane_of(owner, listener);
	id = l->method->ops->on_accepted(l->engine, engine_id(listener), from, local_now(l->peer));

	/* The report is performed in a moment: the socket gets its id first. */
	sim_at(&l->peer->side->net->clock, l->peer->side->net->clock.now, on_timer, l, NULL, 0);
	return id ? host_id(l, id) : 0;
}

static struct path *path_of(struct peer *p, uint32_t id)
{
	for (size_t i = 0; i < p->paths_len; i++) {
		if (!p->paths[i].local.family && p->paths[i].id == id)
			return &p->paths[i];
	}
	return NULL;
}

static void on_data(void *owner, uint32_t id, int data)
{
	struct path *t = path_of(owner, id);

	if (t)
		hear(t, (uint8_t)data);
}

static void on_lost(void *owner, uint32_t id)
{
	struct path *t = path_of(owner, id);

	if (t && !t->is_gone && t->lane->peer->winner != t)
		disprove(t);
}

/* To who has the socket; a lent one is everybody's, and each engine says whether it was its own. */
static bool hand_to_engines(struct peer *p, const struct sim_packet *packet)
{
	uint32_t lent = packet->dst.family == 6 ? LENT6 : LENT4;
	struct own *own =
		packet->dst.port >= FIRST_OWN_PORT ? &p->own[packet->dst.port - FIRST_OWN_PORT] : NULL;
	bool is_taken = false;

	for (size_t i = 0; i < p->lanes_len && !is_taken; i++) {
		struct lane *l = &p->lanes[i];

		if (!l->method->ops->on_datagram || (own && (own->lane != l || !own->id)))
			continue;
		is_taken = l->method->ops->on_datagram(l->engine, own ? own->id : lent, &packet->src,
			packet->bytes, packet->len, local_now(p));
		settle(l);
	}
	return is_taken;
}

static void on_datagram(void *owner, const struct sim_packet *packet)
{
	struct peer *p = owner;
	bool is_word = packet->len == 2 && packet->bytes[0] == 0xff;

	if (packet->dst.port != SIM_SHARED_PORT &&
		(packet->dst.port < FIRST_OWN_PORT || packet->dst.port >= FIRST_OWN_PORT + p->own_len))
		return;
	if (hand_to_engines(p, packet) || !is_word)
		return;
	for (size_t i = 0; i < p->paths_len; i++) {
		if (bk_addr_equal(&p->paths[i].local, &packet->dst) &&
			bk_addr_equal(&p->paths[i].remote, &packet->src))
			hear(&p->paths[i], packet->bytes[1]);
	}
}

static const struct sim_host_events host_events = {
	.on_connected = on_connected,
	.on_failed = on_failed,
	.on_accepted = on_accepted,
	.on_data = on_data,
	.on_lost = on_lost,
	.on_datagram = on_datagram,
};

/* --- the story --- */

static bool has_lane(const struct peer *p, const struct bk_method *m)
{
	for (size_t i = 0; i < p->lanes_len; i++) {
		if (p->lanes[i].method == m)
			return true;
	}
	return false;
}

static void start_lane(struct peer *p, const struct bk_method *m)
{
	struct lane *l = &p->lanes[p->lanes_len];
	struct bk_method_opts opts = {
		.pair = &p->pair,
		.plan = &l->plan,
		.is_controlling = p->is_controlling,
		.shared = bk_addr_with_port(p->side->host.ip, SIM_SHARED_PORT),
		.has_socket6 = address6(p->side).family == 6,
		.hops = p->side->nats_len > 1 || p->story->has_counted_tcp[p->side->index]
				? (unsigned)p->side->nats_len
				: 0,
		.start = p->start + p->clock_offset,
		.seed = p->story->seed * 16 + p->lanes_len * 2 + (uint64_t)p->side->index,
	};

	assert(p->lanes_len < LANES_MAX);
	*l = (struct lane){.peer = p, .method = m, .armed = BK_NEVER};
	bk_plan_make(&p->pair, p->story->rows ? p->story->rows : bk_techniques, m, &l->plan);
	if (m->new (&opts, local_now(p), &l->engine) == 0)
		p->lanes_len++;
}

static void on_introduced(void *self, const struct sim_packet *packet, int arg)
{
	struct peer *p = self;
	const struct bk_technique *const *rows = p->story->rows ? p->story->rows : bk_techniques;

	(void)packet, (void)arg;
	for (; *rows; rows++) {
		if (!(*rows)->method->is_relay && !has_lane(p, (*rows)->method))
			start_lane(p, (*rows)->method);
	}
	for (size_t i = 0; i < p->lanes_len; i++)
		settle(&p->lanes[i]);
}

static void build_network(struct sim_side *side, const struct sim_race_side *s)
{
	side->is_udp_blocked = s->is_udp_blocked;
	if (s->has_ip6)
		sim_net_add_ip6(side, s->answer);
	for (size_t i = 0; i < side->nats_len; i++) {
		side->nats[i]->answer = s->answer;
		side->nats[i]->noise = s->noise;
	}
}

static void open_ports(struct peer *p)
{
	struct bk_addr door = bk_addr_with_port(p->side->host.ip, SIM_HOST_PORT);

	sim_learn_opened(p->side, &p->intro);
	sim_host_listen(&p->side->host, DOOR, &door);
}

static void prepare(struct peer *p, struct sim_net *net, int index, const struct sim_race_story *s)
{
	*p = (struct peer){.story = s,
		.side = &net->sides[index],
		.is_controlling = index == (s->b_controls ? 1 : 0),
		.clock_offset = bk_rng_range(&net->clock.rng, 0, 1000 * BK_SEC)};
	p->side->host.owner = p;
	p->side->host.events = &host_events;
	build_network(p->side, &s->sides[index]);
	sim_learn_tcp(p->side, s->filtering_unknown, &p->intro);
	sim_learn_udp(p->side, s->filtering_unknown, &p->intro);
	p->intro.capabilities |= BK_INTRO_OPENS;
	if (s->sides[index].opens)
		open_ports(p);
	if (!s->b_controls) /* who controls hears last */
		p->intro.capabilities |= BK_INTRO_COUNTED;
	if (s->has_counted_tcp[index])
		p->intro.capabilities |= BK_INTRO_COUNTED_TCP;
}

static bk_dur rtt_over_server(const struct peer peers[2])
{
	return (peers[0].intro.server_rtt + peers[1].intro.server_rtt) / 2;
}

/* b answers last and chooses the instant; its introduction reaches a over the server. */
static void begin(struct peer peers[2], struct sim_net *net)
{
	bk_time known = net->clock.now + peers[0].story->age;
	bk_time start = bk_plan_start_instant(known, peers[1].intro.server_rtt, peers[0].intro.server_rtt);

	peers[1].intro.start = SIM_SERVER_CLOCK + start;
	for (int i = 0; i < 2; i++) {
		struct peer *p = &peers[i];

		p->pair = (struct bk_pair){.own = &p->intro, .peer = &peers[!i].intro};
		p->start = start;
		sim_at(&net->clock, known + (i == 0 ? rtt_over_server(peers) + p->story->late : 0),
			on_introduced, p, NULL, 0);
	}
}

static bool is_over(const struct peer *p)
{
	if (p->winner)
		return true;
	for (size_t i = 0; i < p->lanes_len; i++) {
		if (!p->lanes[i].is_over)
			return false;
	}
	return p->lanes_len > 0;
}

static void tell(struct peer peers[2], struct sim_race_ending *ret_ending)
{
	struct path *a = peers[0].winner, *b = peers[1].winner;
	struct peer *controls = &peers[peers[0].story->b_controls ? 1 : 0];

	*ret_ending = (struct sim_race_ending){
		.is_direct = a && b && a->lane->method == b->lane->method,
		.technique = controls->winner ? controls->winner->technique : NULL,
		.told = {a ? a->technique : NULL, b ? b->technique : NULL},
		.elapsed = bk_time_max(peers[0].ended, peers[1].ended) - rtt_over_server(peers) -
			   peers[0].story->age,
		.engines = (unsigned)peers[0].lanes_len,
		.reported = (unsigned)(peers[0].paths_len + peers[1].paths_len),
		.sent = {peers[0].side->sent, peers[1].side->sent},
	};
}

void sim_race_story_run(const struct sim_race_story *s, struct sim_race_ending *ret_ending)
{
	struct sim_net *net = sim_net_new(s->a, s->b, SIM_DROP, s->seed);
	struct peer *peers = calloc(2, sizeof(*peers));

	assert(peers);
	net->delay = s->delay;
	net->jitter = s->jitter;
	net->loss = s->loss;
	for (int i = 0; i < 2; i++)
		prepare(&peers[i], net, i, s);
	begin(peers, net);
	while (!(is_over(&peers[0]) && is_over(&peers[1])) && sim_step(&net->clock, STORY_MAX))
		continue;
	tell(peers, ret_ending);
	for (int i = 0; i < 2; i++) {
		for (size_t k = 0; k < peers[i].lanes_len; k++)
			peers[i].lanes[k].method->free(peers[i].lanes[k].engine);
	}
	free(peers);
	sim_net_free(net);
}
