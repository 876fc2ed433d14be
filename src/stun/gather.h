/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STUN_GATHER_H
#define BK_STUN_GATHER_H

#include "base/engine.h"

/* What a datagram socket looks like from outside, as a pure engine: asks STUN servers from one socket of the
 * owner's, all at once, and asks the first one again and again, so that the NAT keeps the mapping, until the
 * owner has no more use for it. */
struct bk_stun_gather;

enum {
	BK_STUN_SAMPLES_MAX = 4, /* servers beyond it are not asked */
	BK_STUN_GATHER_KEY_LEN = 32,
};

struct bk_stun_sample {
	struct bk_addr server, mapped;
};

/* REPORT says that something changed: a->id the socket, a->remote the server, a->local the mapped address
 * that it told, family 0 when the question ended without one. */
enum { BK_STUN_GATHERED = 0 };

/* `socket`: an id that the engine sends from and hears by; the owner has it open, at local port `port`. `key`: from it
 * the transaction ids are made, which nobody else may guess. BK_E_NOMEM. */
int bk_stun_gather_new(uint32_t socket, uint16_t port, const uint8_t key[BK_STUN_GATHER_KEY_LEN],
	struct bk_stun_gather **ret_engine);
void bk_stun_gather_free(struct bk_stun_gather *g); /* NULL is fine */

extern const struct bk_engine_ops bk_stun_gather_ops;

/* Asks these (copied). Called again it begins anew: the network changed, and what was learnt is forgotten.
 * Drain the actions afterwards. */
void bk_stun_gather_begin(struct bk_stun_gather *g, const struct bk_addr *servers, size_t len, bk_time now);

/* These as well, if there is room; what was learnt stays. */
void bk_stun_gather_add(struct bk_stun_gather *g, const struct bk_addr *servers, size_t len, bk_time now);
/* How many of these, from the first on, are the very ones that were asked; ret_asked: how many were. */
size_t bk_stun_gather_known(
	const struct bk_stun_gather *g, const struct bk_addr *servers, size_t len, size_t *ret_asked);

/* Asks the first server once from each of `n` sockets of its own (ids from BK_STUN_FRESH_FIRST on), which are closed
 * afterwards: which ports do new flows get now? Their local ports are even where the owner's is, odd where it is odd,
 * if they can be had: a NAT that keeps that has two sequences, and only one of them is the owner's. Nothing else waits
 * for that. Nothing happens before the first begin, and when more than there are places for were asked, those that were
 * asked last are forgotten. */
enum { BK_STUN_FRESH_FIRST = 3, BK_STUN_FRESH_MAX = 8 };
void bk_stun_gather_freshen(struct bk_stun_gather *g, size_t n);
/* The same, and each asks the second server as well, behind the first one's answer; nothing happens without one. */
void bk_stun_gather_check(struct bk_stun_gather *g, size_t n);

/* A port that a new flow got, and when that began. */
struct bk_stun_fresh {
	struct bk_addr mapped; /* family 0: no answer, or not yet */
	struct bk_addr other;  /* towards the second server; the same for one that was not asked */
	bk_time asked;
};
/* BK_STUN_FRESH_MAX of them in the order of asking; valid until the next call. */
const struct bk_stun_fresh *bk_stun_gather_fresh(const struct bk_stun_gather *g);
/* Of those, neither answered nor given up. */
size_t bk_stun_gather_fresh_awaited(const struct bk_stun_gather *g);

/* The mapping need not be kept: nobody is asked again until the next begin. */
void bk_stun_gather_rest(struct bk_stun_gather *g);

/* In the order of the servers; valid until the next call. */
const struct bk_stun_sample *bk_stun_gather_samples(const struct bk_stun_gather *g, size_t *ret_len);
/* Questions without an answer yet. */
size_t bk_stun_gather_awaited(const struct bk_stun_gather *g);

#endif
