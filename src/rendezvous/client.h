/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_CLIENT_H
#define BK_RENDEZVOUS_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <bodkin/loop.h>

#include "base/addr.h"
#include "base/time.h"
#include "secure/identity.h"
#include "wire/rdv.h"

/* The control connection: finds the server, checks who it is, says hello, keeps the connection alive,
 * measures the server's clock, and learns how this side's NAT maps the connection's local port. Mail goes
 * through it. The local port is bound so that punching may share it. */
struct bk_rdv;

enum { BK_RDV_SAMPLES_MAX = 4, BK_RDV_ERROR_TEXT_MAX = 384 };

struct bk_rdv_opts {
	const char *server; /* HOST[:PORT][#PIN] */
	const char *client_id;
	const char *name;          /* may be NULL */
	const char *token;         /* may be NULL */
	const char *known_servers; /* path of the file of servers met before; NULL: none kept */
	const struct bk_pin *pin;  /* the key it must have, whatever `server` says; NULL: as that says */
};

struct bk_rdv_events {
	void (*on_ready)(void *arg); /* hello is done */
	void (*on_view)(void *arg);  /* bk_rdv_view tells something new */
	void (*on_nameplate)(void *arg, uint32_t nameplate);
	/* Both sides: the nameplate has its two people. left: what the allocating side left (claiming side
	 * only). */
	void (*on_claimed)(void *arg, uint32_t nameplate, const uint8_t relay_token[BK_RDV_SECRET_LEN],
		const uint8_t *left, size_t left_len);
	void (*on_mail)(void *arg, const uint8_t *body, size_t n);
	/* Both sides: the meeting has another round, because one of the two asked for it. */
	void (*on_relay)(void *arg, const uint8_t relay_token[BK_RDV_SECRET_LEN]);
	/* The other side left the nameplate or the meeting; code 0: by its own word. */
	void (*on_released)(void *arg, int code);
	void (*on_error)(
		void *arg, int code, const char *text);         /* a request failed; the connection goes on */
	void (*on_end)(void *arg, int error, const char *text); /* once, last */
};

/* One observation of how the NAT maps the local port. */
struct bk_rdv_sample {
	struct bk_addr server, mapped;
};

enum bk_rdv_reach { BK_RDV_REACH_UNTESTED, BK_RDV_REACH_NO, BK_RDV_REACH_YES };

struct bk_rdv_view {
	struct bk_addr local;  /* of the control connection */
	struct bk_addr server; /* its other end */
	uint16_t alt_port;     /* the server's second port; 0: not known */
	struct bk_addr alt;    /* its second address, with the first port; family 0: none */
	struct bk_rdv_sample samples[BK_RDV_SAMPLES_MAX]; /* [0] is the control connection itself */
	size_t samples_len;
	size_t samples_awaited; /* probes still under way */
	enum bk_rdv_reach same_address, other_address;
	bool reach_awaited;
	bk_dur rtt;           /* the smallest seen; 0: none yet */
	int64_t clock_offset; /* server's clock minus ours, from that round trip */
};

/* How a side comes back to the meeting with that secret. */
struct bk_rdv_rejoin {
	uint8_t secret[BK_RDV_SECRET_LEN];
	unsigned side;                    /* 0 made the code, 1 joined by it */
	uint64_t number;                  /* larger each time */
	bool asks;                        /* for another round */
	uint8_t token[BK_RDV_SECRET_LEN]; /* of the round it comes for; all zero: for none */
};

/* BK_E_INVALID when `server` cannot be read. */
int bk_rdv_new(struct bk_loop *loop, const struct bk_rdv_opts *opts, const struct bk_rdv_events *events,
	void *arg, struct bk_rdv **ret_rdv);
void bk_rdv_free(struct bk_rdv *r);

/* From now on somebody else listens. */
void bk_rdv_set_events(struct bk_rdv *r, const struct bk_rdv_events *events, void *arg);

const struct bk_rdv_view *bk_rdv_view(const struct bk_rdv *r);
const struct bk_pin *bk_rdv_pin(const struct bk_rdv *r); /* from on_ready on: the server's */

/* Goes out right behind the hello, or at once when that has gone. Before the hello a later one takes the
 * place of an earlier one. */
int bk_rdv_rejoin(struct bk_rdv *r, const struct bk_rdv_rejoin *rejoin);

/* wish 0: any nameplate. */
int bk_rdv_allocate(struct bk_rdv *r, uint32_t wish, const void *left, size_t n);
int bk_rdv_claim(struct bk_rdv *r, uint32_t nameplate);
/* Done with the nameplate or the meeting: the other side is told at once. */
int bk_rdv_release(struct bk_rdv *r);
int bk_rdv_mail(struct bk_rdv *r, const void *body, size_t n);
bool bk_rdv_is_mail_taken(const struct bk_rdv *r); /* the server has said so of all that was sent */

/* Measures the clock afresh with three round trips (traversal needs it recent). */
void bk_rdv_measure_clock(struct bk_rdv *r);
/* Calls fn from the loop when the server has handled everything sent before, or the connection ends. */
void bk_rdv_flush(struct bk_rdv *r, void (*fn)(void *arg), void *arg);
/* The mapping is known: stop listening on the local port, so that punching may have it to itself. */
void bk_rdv_yield_port(struct bk_rdv *r);

#endif
