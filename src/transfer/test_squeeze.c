/* SPDX-License-Identifier: Apache-2.0 */
/* A transfer in virtual time: a thread that reads, packs and fills slots, and a network that swallows some megabytes
 * and then takes so many bytes a second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transfer/squeeze.h"

enum { SLOTS = 4, PIECE = 256 << 10, MBIT = 125000, MB = 1000000 };

struct world {
	double net;          /* bytes a second */
	double swallows;     /* bytes that the first of it never waits for */
	double reads, packs; /* bytes a second */
	double share;        /* of a piece that is left of it, lightly packed */
	double faster_after; /* bytes after which the network is a hundred times as fast; 0: never */
	double noise_after;  /* bytes after which nothing can be packed any more; 0: never */
};

/* Seconds for so many bytes; the judge decides, or nothing is ever packed. */
static double send(const struct world *w, double bytes, bool judged, double *ret_sent)
{
	static const double slower[] = {1, 1.4, 5}, shorter[] = {1, 0.9, 0.75};
	struct bk_squeeze q;
	double now = 0, free_at[SLOTS] = {0}, net_at = 0, sent = 0;
	size_t n = 0;

	bk_squeeze_init(&q);
	for (double at = 0; at < bytes; at += PIECE, n++) {
		double share = w->noise_after && at >= w->noise_after ? 1 : w->share;
		double room = free_at[n % SLOTS], waited = room > now ? room - now : 0,
		       worked = PIECE / w->reads;
		double out = PIECE;

		if (judged && bk_squeeze_is_due(&q)) {
			worked += PIECE / w->packs * slower[q.effort];
			out *= share < 1 ? share * shorter[q.effort] : 1;
		}
		now += waited + worked;
		sent += out;
		net_at = net_at > now ? net_at : now;
		if (sent > w->swallows)
			net_at += out / (w->faster_after && at >= w->faster_after ? 100 * w->net : w->net);
		free_at[n % SLOTS] = net_at;
		bk_squeeze_note(&q, PIECE, (uint64_t)out, (bk_dur)(waited * 1e9), (bk_dur)(worked * 1e9));
	}
	*ret_sent = sent;
	/* what was swallowed is on its way still */
	return (net_at > now ? net_at : now) + (sent < w->swallows ? sent : w->swallows) / w->net;
}

static double gain(const struct world *w, double bytes, double *ret_share)
{
	double sent, before = send(w, bytes, false, &sent), after = send(w, bytes, true, ret_share);

	*ret_share /= sent;
	return before / after;
}

/* The text of what is said at the top of the header: rows are worlds. */
static void it_pays_where_it_can_and_never_costs(void **state)
{
	static const struct {
		const char *name;
		struct world world;
		double bytes, least;
	} rows[] = {
		{"sources of 4 MB at 20 Mbit/s", {20 * MBIT, 2 * MB, 800e6, 200e6, 0.25, 0, 0}, 4 * MB, 3.5},
		{"sources of 100 MB at 20 Mbit/s", {20 * MBIT, 2 * MB, 800e6, 200e6, 0.25, 0, 0}, 100 * MB,
			4.5},
		{"where 16 MB are swallowed", {20 * MBIT, 16 * MB, 800e6, 200e6, 0.25, 0, 0}, 400 * MB, 2.5},
		{"sources at 1 Gbit/s", {1000 * MBIT, 2 * MB, 800e6, 250e6, 0.25, 0, 0}, 400 * MB, 1.2},
		{"sources at 1 Gbit/s, slowly packed", {1000 * MBIT, 2 * MB, 800e6, 80e6, 0.25, 0, 0},
			1000 * MB, 0.98},
		{"sources through memory", {1200e6, 2 * MB, 1500e6, 250e6, 0.25, 0, 0}, 1000 * MB, 0.92},
		{"noise at 20 Mbit/s", {20 * MBIT, 2 * MB, 800e6, 400e6, 1.0, 0, 0}, 100 * MB, 0.999},
		{"noise at 1 Gbit/s", {1000 * MBIT, 2 * MB, 800e6, 400e6, 1.0, 0, 0}, 1000 * MB, 0.99},
		{"noise through memory", {1200e6, 2 * MB, 1500e6, 400e6, 1.0, 0, 0}, 1000 * MB, 0.99},
		{"sources, then noise, at 20 Mbit/s", {20 * MBIT, 2 * MB, 800e6, 200e6, 0.25, 0, 50 * MB},
			100 * MB, 1.5},
		{"a network that wakes up", {20 * MBIT, 2 * MB, 800e6, 250e6, 0.25, 50 * MB, 0}, 400 * MB,
			3.0},
		{"a disk that is slower than all", {1000 * MBIT, 2 * MB, 50e6, 250e6, 0.25, 0, 0}, 400 * MB,
			0.80},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double share, got = gain(&rows[i].world, rows[i].bytes, &share);

		print_message("%s: %.2f times as fast, %.2f of the bytes\n", rows[i].name, got, share);
		if (got < rows[i].least)
			fail_msg("%s", rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_pays_where_it_can_and_never_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
