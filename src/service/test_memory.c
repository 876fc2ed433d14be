/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out: allocation number 0, 1, 2, ... fails, and each time the whole life of a service and
 * its clients comes to its end with a name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/test_famine.h"
#include "service/test_kit.h"

enum { LARGE = 100000 };

static char large[LARGE];

static void greet(struct book *b, struct bk_conn *c)
{
	const struct bk_message m = {.content = large, .content_len = LARGE};

	(void)bk_conn_send(c, &(struct bk_message){.content = "hello", .content_len = 5});
	if (bk_service_broadcast(b->service, &m, NULL) < 1)
		bk_conn_close(c);
}

static void answer_or_close(struct book *b, struct bk_conn *c, const struct bk_message *m)
{
	bool is_answered = m->content_len > 5 || bk_conn_send(c, m) == 0;

	if (!is_answered || b->bytes >= LARGE)
		bk_conn_close(c);
}

/* --- the life --- */

struct life {
	struct book *b, *clients[2];
	struct bk_timer *turn;
	bool is_stopping;
};

static unsigned count_gone(const struct life *l)
{
	return l->clients[0]->left + l->clients[1]->left;
}

/* Looks, again and again, whether it is time for the next step. */
static void on_turn(void *arg)
{
	struct life *l = arg;

	if (l->b->stopped) {
		bk_loop_stop(l->b->loop);
		return;
	}
	if (count_gone(l) == 2 && !l->is_stopping) {
		l->is_stopping = true;
		bk_service_stop(l->b->service, 0);
	}
	bk_timer_start(l->turn, 0);
}

static struct book *prepare(struct book *b)
{
	b->quiet = true;
	b->then_message = answer_or_close;
	return b;
}

static void prepare_all(struct life *l)
{
	l->b = prepare(kit_new(BK_LOOP_AUTO));
	l->b->then_joined = greet;
	for (int i = 0; i < 2; i++)
		l->clients[i] = prepare(kit_beside(l->b));
	assert_int_equal(bk_timer_new(l->b->loop, on_turn, l, &l->turn), 0);
}

static void end_all(struct life *l)
{
	struct bk_loop *loop = l->b->loop;

	for (int i = 0; i < 2; i++)
		kit_done(l->clients[i]);
	kit_done(l->b);
	bk_timer_free(l->turn);
	bk_loop_free(loop);
}

static void live(struct life *l, enum bk_framing framing)
{
	const struct bk_message_opts opts = {.framing = framing};
	char address[64];
	int err = bk_service_new(l->b->loop, "127.0.0.1:0", &opts, &kit_events, l->b, &l->b->service, NULL);

	assert_true(!err || err == BK_E_NOMEM);
	if (err < 0)
		return;
	snprintf(address, sizeof(address), "127.0.0.1:%u", bk_service_port(l->b->service));
	for (int i = 0; i < 2; i++) {
		struct book *client = l->clients[i];

		err = bk_conn_connect(l->b->loop, address, &opts, &kit_events, client, &client->conn);
		assert_true(!err || err == BK_E_NOMEM);
		client->left += err < 0;
	}
	bk_timer_start(l->turn, 0);
	alarm(30); /* nothing hangs */
	assert_int_equal(bk_loop_run(l->b->loop), 0);
	alarm(0);
	assert_int_equal(count_gone(l), 2);
	assert_int_equal(l->b->left, l->b->joined);
}

/* Whether it went through without an allocation that failed. */
static bool live_once(enum bk_framing framing, int allocations)
{
	struct life l = {0};
	bool was_whole;

	prepare_all(&l);
	famine_in = allocations;
	live(&l, framing);
	was_whole = famine_in >= 0;
	famine_in = -1;
	end_all(&l);
	return was_whole;
}

static void whatever_allocation_fails_all_come_to_an_end(void **state)
{
	static const enum bk_framing framings[] = {
		BK_FRAMING_RAW, BK_FRAMING_LENGTH, BK_FRAMING_KEY_VALUE, BK_FRAMING_JSON};

	(void)state;
	for (size_t i = 0; i < sizeof(framings) / sizeof(framings[0]); i++) {
		int n = 0;

		while (!live_once(framings[i], n)) {
			n++;
			assert_true(n < 5000);
		}
		assert_true(n > 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_allocation_fails_all_come_to_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
