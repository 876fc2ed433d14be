/* SPDX-License-Identifier: Apache-2.0 */

/* The likely ports are opened at once, in bursts, since what is guessed is out of date soon; the rest, where there is
 * one, at a pace that home routers can bear. A window is gone through a few times, in case of loss; a long scan once.
 */

#include "punch/udp_spray.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "punch/udp.h"

enum {
	BURST = 16, /* of the fast ones */
	BURST_SLOW = 8,
	PORT_MIN = 1024, /* nothing is mapped to a lower one */
};

#define GAP_BURST (1 * BK_MS)
#define GAP_PASS  (40 * BK_MS) /* doubled each time */

int bk_udp_spray_init(struct bk_udp_spray *s, const struct bk_attempt *a, bk_time full_from, bk_time now)
{
	*s = (struct bk_udp_spray){.attempt = *a, .full_from = full_from, .wake = now + a->delay};
	s->is_full = now >= full_from || !a->fast;
	if (s->is_full)
		s->wake = full_from;
	s->shots = calloc(a->probes, sizeof(*s->shots));
	return s->shots ? 0 : BK_E_NOMEM;
}

void bk_udp_spray_done(struct bk_udp_spray *s)
{
	free(s->shots);
	*s = (struct bk_udp_spray){.wake = BK_NEVER};
}

static void end_pass(struct bk_udp_spray *s, bk_time now)
{
	bool is_window = s->attempt.fast >= s->attempt.probes;

	s->next = 0;
	if (!s->is_full) {
		s->is_full = true;
		s->wake = bk_time_max(now, s->full_from);
	} else if (is_window && ++s->passes < BK_PLAN_PASSES) {
		s->wake = now + (GAP_PASS << s->passes);
	} else {
		s->wake = BK_NEVER;
	}
}

static bk_dur pace(const struct bk_udp_spray *s)
{
	return s->next <= s->attempt.fast + s->attempt.brisk ? s->attempt.pace / 2 : s->attempt.pace;
}

static void advance(struct bk_udp_spray *s, bk_time now)
{
	s->next++;
	if (s->next >= (s->is_full ? s->attempt.probes : s->attempt.fast))
		end_pass(s, now);
	else if (s->next <= s->attempt.fast && s->next % BURST == 0)
		s->wake = now + GAP_BURST;
	else if (s->next > s->attempt.fast && s->next % BURST_SLOW == 0)
		s->wake = now + BURST_SLOW * pace(s);
}

/* The next one that is due, or NULL. */
static struct bk_udp_shot *take(struct bk_udp_spray *s, bk_time now, bool *ret_is_opener)
{
	while (s->shots && now >= s->wake) {
		struct bk_udp_shot *shot = &s->shots[s->next];

		*ret_is_opener = !s->is_full;
		*shot = (struct bk_udp_shot){
			.is_open = true, .port = bk_attempt_remote(&s->attempt, s->next).port, .sent = now};
		advance(s, now);
		if (shot->port >= PORT_MIN)
			return shot;
		shot->is_open = false;
	}
	return NULL;
}

/* An opener's id is nobody's to answer, but another one each time, as every id. */
unsigned bk_udp_spray_run(struct bk_udp_spray *s, struct bk_udp_mouth *m, const struct bk_probe *like,
	uint8_t opener_ttl, bk_time now)
{
	struct bk_probe p = *like;
	struct bk_udp_shot *shot;
	bool is_opener;
	unsigned sent = 0;

	for (; (shot = take(s, now, &is_opener)); sent++) {
		struct bk_addr to = bk_addr_with_port(s->attempt.remote, shot->port);

		bk_udp_mouth_make_tid(m, p.tid);
		memcpy(shot->tid, p.tid, sizeof(shot->tid));
		bk_udp_mouth_say(m, BK_PUNCH_UDP_SOCKET4, &to, is_opener ? opener_ttl : 0, &p);
	}
	return sent;
}

void bk_udp_spray_rest(struct bk_udp_spray *s, bk_time until)
{
	if (s->wake != BK_NEVER)
		s->wake = bk_time_max(s->wake, until);
}

void bk_udp_spray_stop(struct bk_udp_spray *s)
{
	s->wake = BK_NEVER;
}

static struct bk_udp_shot *find(
	const struct bk_udp_spray *s, const struct bk_addr *from, const uint8_t tid[BK_PROBE_TID_LEN])
{
	if (!s->shots || !bk_addr_equal_ip(from, &s->attempt.remote))
		return NULL;
	for (unsigned i = 0; i < s->attempt.probes; i++) {
		struct bk_udp_shot *shot = &s->shots[i];

		if (shot->port == from->port && shot->sent &&
			(!tid || (shot->is_open && !memcmp(shot->tid, tid, BK_PROBE_TID_LEN))))
			return shot;
	}
	return NULL;
}

bool bk_udp_spray_has(const struct bk_udp_spray *s, const struct bk_addr *from)
{
	return find(s, from, NULL) != NULL;
}

struct bk_udp_shot *bk_udp_spray_find(
	struct bk_udp_spray *s, const struct bk_addr *from, const uint8_t tid[BK_PROBE_TID_LEN])
{
	return find(s, from, tid);
}
