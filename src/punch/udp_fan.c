/* SPDX-License-Identifier: Apache-2.0 */

/* In bursts, so that neither a router nor the driver's queue has too much at a time. */

#include "punch/udp_fan.h"

#include "base/assert.h"

enum { BURST = 32 };

#define GAP_BURST (1 * BK_MS)

void bk_udp_fan_init(struct bk_udp_fan *f, const struct bk_attempt *a, bk_time again_at, bk_time now)
{
	bk_assert(a->sockets && a->sockets <= BK_UDP_FAN_MAX);
	*f = (struct bk_udp_fan){
		.attempt = *a, .step = BK_UDP_FAN_OPENING, .again_at = again_at, .wake = now + a->delay};
}

static bool is_its(const struct bk_udp_fan *f, uint32_t socket)
{
	return socket >= BK_UDP_FAN_FIRST && socket < BK_UDP_FAN_FIRST + (uint32_t)f->attempt.sockets;
}

bool bk_udp_fan_has(const struct bk_udp_fan *f, uint32_t socket)
{
	return is_its(f, socket) && f->is_open[socket - BK_UDP_FAN_FIRST];
}

/* Only to open the own filter: whoever comes through it is answered with full TTL. */
static void send_opener(const struct bk_udp_fan *f, struct bk_udp_mouth *m, const struct bk_probe *like,
	uint8_t ttl, uint32_t socket)
{
	struct bk_probe p = *like;

	bk_udp_mouth_make_tid(m, p.tid);
	bk_udp_mouth_say(m, socket, &f->attempt.remote, ttl, &p);
}

unsigned bk_udp_fan_opened(struct bk_udp_fan *f, struct bk_udp_mouth *m, const struct bk_probe *like,
	uint8_t opener_ttl, uint32_t socket)
{
	if (!is_its(f, socket))
		return 0;
	f->is_open[socket - BK_UDP_FAN_FIRST] = true;
	send_opener(f, m, like, opener_ttl, socket);
	return 1;
}

void bk_udp_fan_gone(struct bk_udp_fan *f, uint32_t socket)
{
	if (is_its(f, socket))
		f->is_open[socket - BK_UDP_FAN_FIRST] = false;
}

/* Which socket is next; after a burst, and after the last one, some time passes. */
static uint32_t advance(struct bk_udp_fan *f, bk_time now)
{
	uint32_t socket = BK_UDP_FAN_FIRST + f->next++;

	if (f->next % BURST == 0)
		f->wake = now + GAP_BURST;
	if (f->next < f->attempt.sockets)
		return socket;
	f->next = 0;
	f->wake = f->step == BK_UDP_FAN_OPENING ? bk_time_max(now + GAP_BURST, f->again_at) : BK_NEVER;
	f->step = f->step == BK_UDP_FAN_OPENING ? BK_UDP_FAN_SENDING : BK_UDP_FAN_RESTING;
	return socket;
}

static void close_unless_heard(
	struct bk_udp_fan *f, struct bk_udp_mouth *m, const struct bk_udp_targets *targets, uint32_t socket)
{
	if (!bk_udp_fan_has(f, socket) || bk_udp_targets_has_socket(targets, socket))
		return;
	bk_udp_fan_gone(f, socket);
	bk_udp_mouth_push(m, &(struct bk_action){.type = BK_ACT_UDP_CLOSE, .id = socket});
}

static void open_socket(const struct bk_udp_fan *f, struct bk_udp_mouth *m, uint32_t socket)
{
	bk_udp_mouth_push(m, &(struct bk_action){.type = BK_ACT_UDP_OPEN,
				     .id = socket,
				     .local = {.family = f->attempt.remote.family}});
}

unsigned bk_udp_fan_run(struct bk_udp_fan *f, struct bk_udp_mouth *m, const struct bk_probe *like,
	uint8_t opener_ttl, const struct bk_udp_targets *targets, bk_time now)
{
	unsigned sent = 0;

	while (f->attempt.sockets && f->step != BK_UDP_FAN_RESTING && now >= f->wake) {
		int step = f->step;
		uint32_t socket = advance(f, now);

		if (step == BK_UDP_FAN_OPENING) {
			open_socket(f, m, socket);
		} else if (step == BK_UDP_FAN_CLOSING) {
			close_unless_heard(f, m, targets, socket);
		} else if (bk_udp_fan_has(f, socket)) {
			send_opener(f, m, like, opener_ttl, socket);
			sent++;
		}
	}
	return sent;
}

void bk_udp_fan_rest(struct bk_udp_fan *f)
{
	if (f->step != BK_UDP_FAN_SENDING)
		return;
	f->step = BK_UDP_FAN_RESTING;
	f->wake = BK_NEVER;
}

void bk_udp_fan_close(struct bk_udp_fan *f, bk_time now)
{
	if (!f->attempt.sockets || f->step == BK_UDP_FAN_CLOSING)
		return;
	f->step = BK_UDP_FAN_CLOSING;
	f->next = 0;
	f->wake = now;
}
