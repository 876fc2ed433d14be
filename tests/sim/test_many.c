/* SPDX-License-Identifier: Apache-2.0 */
/* An engine that opens 256 sockets, through simulated NATs: whichever of them wins carries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "learn.h"
#include "many.h"
#include "udp_drive.h"

enum { SOCKETS = 256 };

static const uint8_t word[] = {0xff, 'w', 'o', 'r', 'd'}; /* stands for what a link sends */

struct peer {
	struct sim_udp_drive drive;
	struct many *engine;
	struct bk_way won;
	int wins, words;
};

static void on_report(void *arg, const struct bk_action *report)
{
	struct peer *p = arg;

	assert_int_equal(report->report, BK_REPORT_CHOSEN);
	p->wins++;
	p->won = (struct bk_way){report->id, report->remote};
}

static void on_stray(void *arg, const struct bk_way *way, const uint8_t *data, size_t len)
{
	struct peer *p = arg;

	assert_true(bk_way_equal(way, &p->won));
	assert_int_equal(len, sizeof(word));
	assert_memory_equal(data, word, len);
	p->words++;
}

static void start(struct peer *p, struct sim_side *side, const struct many_opts *opts)
{
	const struct bk_addr own = bk_addr_with_port(side->host.ip, SIM_SHARED_PORT);

	*p = (struct peer){.engine = many_new(opts, side->net->clock.now)};
	p->drive = (struct sim_udp_drive){.side = side,
		.engine = p->engine,
		.ops = &many_ops,
		.on_report = on_report,
		.on_stray = on_stray,
		.arg = p};
	sim_udp_drive_init(&p->drive);
	sim_udp_drive_lend(&p->drive, MANY_OWN_SOCKET, &own);
	sim_udp_drive_poke(&p->drive);
}

/* a's sockets call the one of b's, which answers the way of that number. */
static void play(const char *type, size_t answered, uint64_t seed, struct bk_way *ret_won)
{
	const struct bk_addr server = bk_addr_v4(203, 0, 113, 1, 3478);
	struct sim_net *net = sim_net_new(type, "full", SIM_DROP, seed);
	struct peer peers[2];
	struct bk_addr own;

	net->delay = 10 * BK_MS;
	start(&peers[1], &net->sides[1], &(struct many_opts){.answered = answered});
	own = peers[1].drive.sockets[MANY_OWN_SOCKET];
	start(&peers[0], &net->sides[0],
		&(struct many_opts){
			.sockets = SOCKETS, .peer = sim_net_map_udp(&net->sides[1], &own, &server)});
	while (!(peers[0].wins && peers[1].wins) && sim_step(&net->clock, BK_SEC))
		continue;
	for (size_t i = 0; i < 2; i++)
		sim_udp_drive_send(&peers[i].drive, &peers[i].won, word, sizeof(word));
	while (sim_step(&net->clock, 3 * BK_SEC))
		continue;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(peers[i].wins, 1);
		assert_int_equal(peers[i].words, 1);
		many_free(peers[i].engine);
	}
	*ret_won = peers[0].won;
	sim_net_free(net);
}

static void any_of_256_sockets_may_win_behind_every_nat(void **state)
{
	static const char *const types[] = {"open", "port", "sym", "symseq", "cgn-sym"};
	static const size_t answered[] = {0, 1, 100, SOCKETS - 1};

	(void)state;
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		for (size_t i = 0; i < sizeof(answered) / sizeof(answered[0]); i++) {
			struct bk_way won;

			play(types[t], answered[i], 7 + i, &won);
			assert_true(won.socket >= MANY_FIRST_SOCKET);
			assert_true(won.socket < MANY_FIRST_SOCKET + SOCKETS);
		}
	}
}

static void another_way_answered_is_another_socket_that_wins(void **state)
{
	struct bk_way first, last;

	(void)state;
	play("sym", 0, 1, &first);
	play("sym", SOCKETS - 1, 1, &last);
	assert_int_not_equal(first.socket, last.socket);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_of_256_sockets_may_win_behind_every_nat),
		cmocka_unit_test(another_way_answered_is_another_socket_that_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
