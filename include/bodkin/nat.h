/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_NAT_H
#define BODKIN_NAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bodkin/error.h>
#include <bodkin/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What kind of NAT this machine is behind, over UDP and over TCP. Thread rule: a report belongs to its loop's
 * thread; no callback comes from inside a call. Ownership: options, events and their strings are copied; what
 * a callback is handed is borrowed for its time. */
struct bk_nat_report;

enum { BK_NAT_ADDRESS_MAX = 64, BK_NAT_WHY_MAX = 256, BK_NAT_OUTLOOK_MAX = 8 };

struct bk_nat_report_opts {
	size_t size; /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	/* HOST[:PORT][#PIN] of a bodkin server: UDP and TCP; or stun:HOST[:PORT] of any STUN server (port
	 * 3478): UDP alone. */
	const char *server;
	const char *token;     /* of a closed server; may be NULL */
	const char *state_dir; /* where the keys of servers met before are kept; NULL: none kept */
	bool wants_lifetime;   /* also how long the NAT keeps an idle mapping: takes minutes */
	/* A set of BK_WITHOUT_... (<bodkin/session.h>). BK_WITHOUT_PORT_MAPPING: the router is not asked; others change
	 * nothing. */
	uint64_t without;
};

/* One transport. Words are never NULL: those of RFC 3489 and RFC 4787, "unknown" where it was not found
 * out. */
struct bk_nat_side {
	const char *type; /* "Open Internet", "Full Cone", "Restricted Cone", "Port Restricted Cone",
			     "Symmetric", "Symmetric Firewall", "Blocked", "unknown" */
	const char *mapping, *filtering;  /* "endpoint-independent", "address-dependent",
					     "address-and-port-dependent" */
	const char *allocation;           /* "preserving", "sequential", "random" */
	int delta;                        /* of a sequential allocation */
	unsigned port_min, port_max;      /* of the public ports seen; 0: none */
	char local[BK_NAT_ADDRESS_MAX];   /* "IP:PORT"; empty: not known */
	char public_[BK_NAT_ADDRESS_MAX]; /* as the server saw it */
	int hairpin;                      /* 1 yes, 0 no, -1 not tested or meaningless */
	char why[BK_NAT_WHY_MAX]; /* nothing was learnt, and why, for a person; empty: no reason came */
};

/* What to expect of one kind of peer. */
struct bk_nat_outlook {
	const char *peer, *expectation;
	bool is_direct; /* for sure */
};

/* Times in the unit of their name. */
struct bk_nat_result {
	struct bk_nat_side udp, tcp;
	/* Over UDP; its type is "unknown" and its addresses are empty without IPv6. */
	struct bk_nat_side ipv6;
	int stacked; /* a second NAT behind the first: 1 probably, 0 no, -1 not found out */
	char stacked_at[BK_NAT_ADDRESS_MAX]; /* the address that gives it away */
	int lifetime_min_s, lifetime_max_s; /* an idle mapping lives at least and at most; 0: not found out */
	double rtt_ms;                      /* to the server; 0: not found out */
	double elapsed_ms;
	struct bk_nat_outlook outlook[BK_NAT_OUTLOOK_MAX];
	size_t outlook_len;
	/* Does the router next to us give ports, and in which protocol is it asked? It was only asked whether it
	 * is there. Each 1 it answers, 0 it does not, -1 it was not asked (no router, a server on this
	 * machine). */
	char router[BK_NAT_ADDRESS_MAX];         /* its address; empty: none */
	int pcp, natpmp, pcp6;                   /* pcp6: over IPv6, for holes in its firewall */
	char router_outside[BK_NAT_ADDRESS_MAX]; /* its own address outside, as it says; empty: it did not */
	int router_nested; /* another NAT stands outside of it: 1 yes, 0 no, -1 not known */
	int upnp;          /* as pcp and natpmp; over IPv4 */
};

/* Both are required. */
struct bk_nat_report_events {
	size_t size; /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	/* One of the two, once, from the loop; the report may be freed from inside. What they get is borrowed
	 * for the call. on_failed: no answer over any transport, or the server is not who it should be. */
	void (*on_done)(struct bk_nat_report *r, void *arg, const struct bk_nat_result *result);
	void (*on_failed)(struct bk_nat_report *r, void *arg, int error, const char *text);
	/* What a person should know (verbosity -1) or may want to (1, 2). May be NULL. */
	void (*on_note)(struct bk_nat_report *r, void *arg, int verbosity, const char *text);
};

/* Starts at once. BK_E_INVALID when the server cannot be read or an event is missing, BK_E_NOMEM. */
BK_API int bk_nat_report_new(struct bk_loop *loop, const struct bk_nat_report_opts *opts,
	const struct bk_nat_report_events *events, void *arg, struct bk_nat_report **ret_report);
/* Silence afterwards. NULL is fine. */
BK_API void bk_nat_report_free(struct bk_nat_report *r);

#ifdef __cplusplus
}
#endif
#endif
