/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_MAPPING_H
#define BK_RENDEZVOUS_MAPPING_H

#include <bodkin/loop.h>

#include "base/addr.h"
#include "base/time.h"
#include "rendezvous/control.h"
#include "wire/preface.h"

/* A mapping probe: a second connection from the control connection's own local port to another port or
 * address of the server, which says only "this is nonce N". The server tells over the control connection from
 * where it came. Embedded; zeroed before its first start. The loop's thread only. */
struct bk_mapping_probe {
	struct bk_addr server;
	uint8_t nonce[BK_PREFACE_SECRET_LEN];
	/* From the loop, at most once: the nonce never went out. */
	void (*on_failed)(void *arg, struct bk_mapping_probe *p);
	void *arg;
	bk_dur patience; /* for all of it */
	bool is_awaited; /* its owner's */
	/* its own */
	struct bk_loop *loop;
	struct bk_dial *dial;
	struct bk_watch *watch;
	struct bk_timer *timer;
	int fd;
	bool is_sent;
};

/* The first five members are set. Bounded by its own timeout; it closes when the server closes it or at
 * bk_mapping_probe_stop. After an error it stands as one that was never started. */
int bk_mapping_probe_start(struct bk_mapping_probe *p, struct bk_loop *loop, const struct bk_addr *local);
/* Fine on a zeroed one, and twice. */
void bk_mapping_probe_stop(struct bk_mapping_probe *p);

/* What tells the server whose the probes are. It keeps so many nonces of a client, each for a while, and takes more
 * for abuse: what it has no room for is not announced. Embedded; zeroed before its first use. */
enum { BK_ANNOUNCER_MAX = 8 };

struct bk_announcer {
	struct bk_control *control; /* borrowed; NULL: there is none yet */
	bk_time said[BK_ANNOUNCER_MAX];
	unsigned next;
};

bool bk_announcer_has_room(const struct bk_announcer *a, bk_time now);
/* BK_E_FULL; BK_E_AGAIN: there is no connection yet. */
int bk_announcer_say(struct bk_announcer *a, const struct bk_mapping_probe *p, bk_time now);

/* A listener on the shared port for the server's attempts to connect back; whatever comes is closed at
 * once. */
struct bk_reach;
int bk_reach_new(struct bk_loop *loop, const struct bk_addr *local, struct bk_reach **ret_reach);
void bk_reach_free(struct bk_reach *r);

#endif
