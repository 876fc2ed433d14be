/* SPDX-License-Identifier: Apache-2.0 */

/* Two owners with an engine each. What is nominated is checked as a session would use it: each side sends a
 * word to the address that it was told, from the socket that it was told, and the other one hears it. */

#include "udp_story.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "learn.h"
#include "udp_drive.h"

static const uint8_t word[] = {0xff, 'w', 'o', 'r', 'd'}; /* not STUN */

#define STORY_MAX (30 * BK_SEC)
#define WORDS     20 /* said, so that loss does not decide */

struct peer {
	const struct sim_udp_story *story;
	struct sim_side *side;
	struct sim_udp_drive drive;
	struct bk_punch_udp *engine;
	struct bk_intro intro;
	const struct bk_intro *peer_intro;
	bk_time start;
	struct bk_way winner;
	unsigned nominations, done;
	bool has_heard_word;
	bk_time ended;
};

static void on_report(void *arg, const struct bk_action *a)
{
	struct peer *p = arg;

	if (a->report == BK_REPORT_LIKELY) /* nothing is secured here */
		return;
	if (p->nominations == 0)
		p->ended = p->side->net->clock.now;
	if (a->report == BK_REPORT_DONE) {
		p->done++;
		return;
	}
	assert(a->report == BK_REPORT_CHOSEN);
	p->nominations++;
	p->winner = (struct bk_way){a->id, a->remote};
}

static void on_stray(void *arg, const struct bk_way *way, const uint8_t *data, size_t len)
{
	struct peer *p = arg;

	(void)way;
	p->has_heard_word |= len == sizeof(word) && !memcmp(data, word, sizeof(word));
}

static void on_introduced(void *self, const struct sim_packet *packet, int arg)
{
	struct peer *p = self;
	const struct bk_pair pair = {.own = &p->intro, .peer = p->peer_intro};
	struct bk_plan plan;
	struct bk_punch_udp_opts opts = {
		.own = &p->intro,
		.peer = p->peer_intro,
		.plan = &plan,
		.is_controlling = p->side->index == (p->story->b_controls ? 1 : 0),
		.has_socket6 = p->drive.sockets[2].family == 6,
		.start = p->start + p->drive.clock_offset,
		.is_first_to_know = p->side->index == 1,
		.is_peer_open = p->side->index == 0 && !p->story->is_peer_unsure,
		.seed = p->story->seed * 2 + (uint64_t)p->side->index,
	};

	(void)packet, (void)arg;
	bk_plan_make(&pair, bk_techniques, &bk_method_udp, &plan);
	/* The NAT report tells whether two are stacked. */
	opts.opener_ttl = p->side->nats_len > 1 ? BK_PUNCH_UDP_OPENER_TTL + 1 : 0;
	memcpy(opts.own_key, p->intro.probe_key, sizeof(opts.own_key));
	memcpy(opts.peer_key, p->peer_intro->probe_key, sizeof(opts.peer_key));
	if (p->story->tweak)
		p->story->tweak(&opts);
	if (bk_punch_udp_new(&opts, sim_udp_drive_now(&p->drive), &p->engine) < 0)
		abort();
	p->drive.engine = p->engine;
	sim_udp_drive_poke(&p->drive);
}

static void prepare(struct peer *p, struct sim_net *net, int index, const struct sim_udp_story *s)
{
	struct bk_addr local = bk_addr_with_port(net->sides[index].host.ip, SIM_SHARED_PORT);

	*p = (struct peer){.story = s, .side = &net->sides[index]};
	p->drive = (struct sim_udp_drive){
		.side = p->side,
		.ops = &bk_punch_udp_ops,
		.on_report = on_report,
		.on_stray = on_stray,
		.arg = p,
		.clock_offset = bk_rng_range(&net->clock.rng, 0, 1000 * BK_SEC),
		.timer_slack = s->timer_slack,
	};
	sim_udp_drive_init(&p->drive);
	sim_udp_drive_lend(&p->drive, local.family == 6 ? 2 : 1, &local);
	for (size_t i = 0; i < p->side->nats_len; i++)
		p->side->nats[i]->noise = s->noise;
	for (size_t i = 0; i < p->side->nats_len && index == 0; i++)
		p->side->nats[i]->has_helper = s->a_has_helper;
	sim_learn_udp(p->side, s->filtering_unknown, &p->intro);
	if (index == 1 && s->without_guessing)
		p->intro.capabilities = 0;
}

/* b answers last and chooses the instant; its introduction reaches a over the server. */
static bk_time begin(struct peer peers[2], struct sim_net *net, bk_dur over_server)
{
	bk_time known = net->clock.now + peers[0].story->age;
	bk_time start = bk_plan_start_instant(known, peers[1].intro.server_rtt, peers[0].intro.server_rtt);

	peers[1].intro.start = SIM_SERVER_CLOCK + start;
	for (int i = 0; i < 2; i++) {
		struct peer *p = &peers[i];

		p->peer_intro = &peers[!i].intro;
		p->start = start + (i == 1 ? p->story->skew : 0);
		sim_at(&net->clock, known + (i == 0 ? over_server : 0), on_introduced, p, NULL, 0);
	}
	return start;
}

static bool has_ended(const struct peer *p)
{
	return p->nominations + p->done > 0;
}

static void say_words(struct peer peers[2], struct sim_net *net)
{
	for (int i = 0; i < 2 * WORDS; i++) {
		struct peer *p = &peers[i % 2];

		if (p->nominations > 0)
			sim_udp_drive_send(&p->drive, &p->winner, word, sizeof(word));
	}
	while (sim_step(&net->clock, STORY_MAX))
		continue;
}

/* Positive: QUIC's first packet found nobody there. */
static bk_dur behind(const struct peer peers[2])
{
	int controls = peers[0].story->b_controls ? 1 : 0;
	struct bk_punch_udp_stats stats;

	if (!peers[0].nominations || !peers[1].nominations)
		return 0;
	bk_punch_udp_stats(peers[controls].engine, &stats);
	return peers[!controls].ended - peers[controls].ended - stats.rtt / 2;
}

void sim_udp_story_run(const struct sim_udp_story *s, struct sim_udp_ending *ret_ending)
{
	struct sim_net *net = sim_net_new(s->a, s->b, s->answer, s->seed);
	struct peer peers[2];
	bk_dur over_server;
	bk_time start, ended;

	net->delay = s->delay;
	net->jitter = s->jitter;
	net->loss = s->loss;
	for (int i = 0; i < 2; i++)
		prepare(&peers[i], net, i, s);
	over_server = (peers[0].intro.server_rtt + peers[1].intro.server_rtt) / 2;
	start = begin(peers, net, over_server);
	while (!(has_ended(&peers[0]) && has_ended(&peers[1])) && sim_step(&net->clock, STORY_MAX))
		continue;
	say_words(peers, net);
	ended = bk_time_max(peers[0].ended, peers[1].ended);
	*ret_ending =
		(struct sim_udp_ending){.elapsed = ended - over_server - s->age, .from_start = ended - start};
	ret_ending->behind = behind(peers);
	ret_ending->is_direct = peers[0].has_heard_word && peers[1].has_heard_word;
	for (int i = 0; i < 2; i++) {
		ret_ending->ended_once[i] = (peers[i].nominations > 0) + peers[i].done == 1;
		ret_ending->nominations += peers[i].nominations;
		bk_punch_udp_stats(peers[i].engine, &ret_ending->stats[i]);
		bk_punch_udp_free(peers[i].engine);
	}
	sim_net_free(net);
}
