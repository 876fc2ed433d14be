/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that says anything to a rally, one message a line; after each the loop turns, so that ours goes out. The
 * first byte says which side we are and how many answers we want. No message makes a round trip that cannot be, counts
 * twice, or is answered more than once. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/rally.h"
#include "base/error.h"
#include "wire/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct side {
	struct bk_rally rally;
	uint64_t taken, sent, pongs;
	bool is_enough;
};

static struct bk_loop *loop;
static struct bk_timer *turn;

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static int on_send(void *owner, const void *json, size_t n)
{
	struct side *s = owner;
	struct bk_hello h;

	must(!bk_hello_decode(json, n, &h) && h.number && !s->is_enough);
	s->sent++;
	return 0;
}

static void on_pong(void *owner, uint64_t number, double rtt_ms)
{
	struct side *s = owner;

	must(number && isfinite(rtt_ms) && rtt_ms >= 0 && !s->is_enough);
	s->pongs++;
}

static void on_enough(void *owner)
{
	struct side *s = owner;

	must(!s->is_enough);
	s->is_enough = true;
}

static void on_silence(void *owner)
{
	(void)owner;
	abort(); /* nobody was silent for minutes */
}

static void on_turn(void *arg)
{
	(void)arg;
	bk_loop_stop(loop);
}

static void let_turn(void)
{
	bk_timer_start(turn, 0);
	must(bk_loop_run(loop) >= 0);
}

static void judge(const struct side *s)
{
	struct bk_rally_result r;

	bk_rally_get(&s->rally, &r);
	must(s->sent <= s->taken + 1 && s->pongs <= s->sent && r.answered == s->pongs);
	must(r.sent >= r.answered && r.seconds >= 0 && isfinite(r.mdev_ms) && r.mdev_ms >= 0);
	must(r.min_ms <= r.avg_ms * (1 + 1e-9) && r.avg_ms <= r.max_ms * (1 + 1e-9));
}

static void talk(struct side *s, const uint8_t *data, size_t size)
{
	while (size) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end ? (size_t)(end - data) : size;

		s->taken++;
		bk_rally_take(&s->rally, data, n);
		let_turn();
		judge(s);
		n += end ? 1 : 0;
		data += n;
		size -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct bk_rally_ops ops = {
		.send = on_send, .on_pong = on_pong, .on_enough = on_enough, .on_silence = on_silence};
	struct side s = {0};

	if (!size)
		return 0;
	if (!loop)
		must(!bk_loop_new(BK_LOOP_AUTO, &loop) && !bk_timer_new(loop, on_turn, NULL, &turn));
	must(!bk_rally_init(&s.rally, loop, &ops, &s));
	s.rally.interval = 1;
	s.rally.count = data[0] >> 1 & 7;
	bk_rally_start(&s.rally, data[0] & 1);
	let_turn();
	talk(&s, data + 1, size - 1);
	bk_rally_stop(&s.rally, data[0] & 16);
	judge(&s);
	bk_rally_done(&s.rally);
	return 0;
}
