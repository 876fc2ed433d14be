/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_WAYS_H
#define BK_PATH_WAYS_H

#include <bodkin/loop.h>

#include "base/way.h"
#include "link/quic.h"
#include "net/drive.h"
#include "stun/gather.h"

/* The datagram sockets of a session, and the ways on them. STUN, probes and QUIC share a socket (RFC 9443),
 * because a NAT's mapping belongs to it: what STUN learnt, probes open and QUIC uses. Any number of engines
 * run on the sockets at a time, and any number of QUIC links; each gets its own datagrams and nobody else's,
 * so that a link that is being tried takes nothing from the link that carries. */
struct bk_ways;

/* Every engine may send from these; others it opens itself, by ids behind them. */
enum { BK_WAYS_SOCKET4 = 1, BK_WAYS_SOCKET6 = 2 };

struct bk_ways_view {
	struct bk_addr local; /* towards the server, with the IPv4 socket's port */
	uint16_t port6;       /* 0: no IPv6 socket */
	struct bk_stun_sample samples[BK_STUN_SAMPLES_MAX];
	size_t samples_len;
	size_t awaited;                                /* questions without an answer yet */
	bk_time asked;                                 /* when those were */
	size_t fresh_awaited;                          /* of those below, neither answered nor given up */
	struct bk_stun_fresh fresh[BK_STUN_FRESH_MAX]; /* what new flows got, where they get new ports */
};

/* on_view comes from the loop when something was learnt; it may free the ways. */
int bk_ways_new(struct bk_loop *loop, void (*on_view)(void *arg), void *arg, struct bk_ways **ret_ways);
/* Not before its runs and its links. NULL is fine. */
void bk_ways_free(struct bk_ways *w);

/* Asks STUN servers (at most BK_STUN_SAMPLES_MAX) from the IPv4 socket, all at once; the first is asked again
 * every 15 s, so that the mapping stays, until bk_ways_rest. Called again it begins anew: what was learnt is
 * forgotten; with none nothing more is asked. */
void bk_ways_gather(struct bk_ways *w, const struct bk_addr *servers, size_t len);
/* The same, or more of them: who is asked already is not asked again. With others than before it begins anew. */
void bk_ways_gather_more(struct bk_ways *w, const struct bk_addr *servers, size_t len);
/* Looks which port a new flow gets now. By itself it looks at a few as soon as it is known that they get new ones. */
void bk_ways_freshen(struct bk_ways *w);
/* The race is over, which is what our mapping was kept for: a session that is open and idle asks nobody. Who wants
 * another race gathers anew. */
void bk_ways_rest(struct bk_ways *w);
/* As of now; the pointer stays good. */
const struct bk_ways_view *bk_ways_view(struct bk_ways *w);
/* How many routers up to the one with our mapped address, as known by now; 0: unknown. */
unsigned bk_ways_hops(struct bk_ways *w);

/* An engine at work on the sockets. */
struct bk_ways_run;

/* Lends the sockets to the engine's drive, which is the caller's; its reports, too, may free the run and the
 * ways. */
int bk_ways_run_new(struct bk_ways *w, struct bk_drive *drive, struct bk_ways_run **ret_run);
/* The drive is to be freed right behind it, and closes what the engine has opened, but for sockets with links.
 * NULL is fine. */
void bk_ways_run_free(struct bk_ways_run *r);

/* Its engine hears what somebody on the way answers to what goes out from the IPv4 socket, or no more. */
void bk_ways_run_want_icmp(struct bk_ways_run *r, bool is_wanted);

/* Our end of a socket, for people. Family 0: there is none. */
struct bk_addr bk_ways_local(struct bk_ways_run *r, uint32_t socket);

/* QUIC on a way that the run's engine has found, by the engine's name for the socket; the link outlives the
 * run. The ways fill local, remote, send, on_freed and arg of the options, and hear of the link's end by
 * themselves. Datagrams of a handshake that came ahead of it are not lost. BK_E_NOT_FOUND: no such socket;
 * BK_E_FULL; others. */
int bk_ways_link_new(struct bk_ways_run *r, const struct bk_way *way, const struct bk_link_quic_opts *opts,
	const struct bk_link_events *events, void *arg, struct bk_link **ret_link);

/* Until it hears its peer that link sends so many datagrams and no more; 0: as many as it likes. */
void bk_ways_link_limit(struct bk_ways_run *r, const struct bk_link *link, unsigned datagrams);
/* Its first datagram once more, if it has not heard its peer: that may stand behind a filter which opens just now. */
void bk_ways_link_repeat(struct bk_ways_run *r, const struct bk_link *link);

#endif
