/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_CONTENDER_H
#define BK_PATH_CONTENDER_H

#include "base/list.h"
#include "net/drive.h"
#include "punch/tcp.h"
#include "punch/udp.h"
#include "path/race.h"
#include "wire/frame.h"

/* Inside the race: what runs in it, shared by race.c (who wins) and race_udp.c (what comes over UDP). */

#define DIRECT_HANDSHAKE_TIMEOUT (5 * BK_SEC)

struct bk_contender {
	struct bk_list link_in_race;
	struct bk_race *race;
	struct bk_link *link;
	uint32_t id; /* the engine's; 0: not the engine's */
	struct bk_race_result result;
	bool is_secure;
	uint8_t head[BK_SFRAME_HEADER_LEN]; /* controlled side: the first frame, which must be the nomination
					     */
	size_t head_len;
};

struct bk_race {
	struct bk_race_opts opts;
	struct bk_pin peer_pin;
	const struct bk_race_events *events;
	void *arg;
	struct bk_punch_tcp *engine;
	struct bk_drive *drive;
	struct bk_plan plan;
	struct bk_watch *listen_watches[BK_RACE_LISTENERS];
	struct bk_watch *relay_watch; /* while connecting */
	int relay_fd;
	struct bk_timer *deadline;
	struct bk_list contenders;
	size_t contenders_len;
	struct bk_punch_udp *udp; /* its probes; NULL: no UDP */
	struct bk_ways_run *udp_run;
	struct bk_timer *hold;    /* until then a direct path has the first claim */
	unsigned holds;
	struct bk_timer *prefer; /* until then a proven UDP path waits for TCP */
	bool tcp_is_over, udp_is_over, relay_failed, may_relay, relay_taken, over;
};

extern const struct bk_link_events bk_contender_events;

void bk_race_note(struct bk_race *r, int verbosity, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Something ended or is due: is there still hope, and is it the relay's turn? */
void bk_race_reconsider(struct bk_race *r);
/* Its place and, unless it was handed over, its link are gone. */
void bk_contender_forget(struct bk_contender *c);
bool bk_contender_is_udp(const struct bk_contender *c);
struct bk_contender *bk_race_find_udp(struct bk_race *r);

/* race_udp.c: starts probing, where both sides can. */
int bk_race_start_udp(struct bk_race *r);
void bk_race_stop_udp(struct bk_race *r);

#endif
