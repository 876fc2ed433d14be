/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_TECHNIQUE_H
#define BK_PUNCH_TECHNIQUE_H

#include "base/engine.h"
#include "base/way.h"
#include "punch/memo.h"
#include "punch/plan.h"

/* A technique is a row: what it is called, which two it fits, what it tries, how it is told, and the engine
 * that does it. The planner, the race and the simulator run whatever rows they are given and know none by
 * name. Everything here is constant and pure; rows that share an engine are carried out by one instance of
 * it. */

/* Whom to connect. */
struct bk_pair {
	const struct bk_intro *own, *peer; /* borrowed */
	struct bk_addr relay;              /* the server's; family 0: none */
	enum bk_path_choice choice;
	const struct bk_networks *networks; /* that this machine is in; NULL: none. Borrowed */
	bool is_again;                      /* these two have had a path, or looked for one, before */
	const struct bk_memo *memo;  /* what connected their networks before; NULL: nobody knows. Borrowed */
	struct bk_addr forbidden_by; /* has said that ports must not be guessed; family 0: nobody */
	bool is_turned;              /* seen from the other side, whose networks are not known */
};

/* What an engine may be told when it is made. It copies what it keeps. */
struct bk_method_opts {
	const struct bk_pair *pair;
	const struct bk_plan *plan; /* of its rows alone */
	bool is_controlling;
	struct bk_addr shared, shared6; /* of the control connection, as struct bk_punch_tcp_opts has them */
	bool has_socket6;               /* there is a lent datagram socket for IPv6, too */
	unsigned hops;                  /* routers up to our own public address; 0: unknown */
	bk_time start;                  /* the agreed instant on our clock */
	uint64_t seed;
};

/* Of what passes every router of this side and is used up by the next one; 0: they were not counted. */
uint8_t bk_method_opener_ttl(const struct bk_method_opts *opts);

/* How attempts are carried out: a kind of engine. */
struct bk_method {
	enum bk_transport transport; /* of what it reports: connections, or ways for datagrams */
	bool is_relay;
	const char *prefix; /* before its attempts when they are told: "over UDP: "; never NULL */
	const struct bk_engine_ops *ops;
	/* BK_E_INVALID: it cannot work between these two, which is no trouble. */
	int (*new)(const struct bk_method_opts *opts, bk_time now, void **ret_engine);
	void (*free)(void *engine); /* NULL is fine */
	/* A reported connection has failed its proof. NULL: the engine does not ask. */
	void (*disprove)(void *engine, uint32_t id, bk_time now);
	/* The round trip of what it has chosen. NULL: it measures none. */
	bk_dur (*rtt)(const void *engine);
	/* By which row that way was found. NULL, or it says NULL: the plan tells (bk_technique_of). */
	const struct bk_technique *(*technique)(const void *engine, const struct bk_way *way);
	/* Who on the way has said that ports must not be guessed; family 0: nobody. NULL: the engine does not guess. */
	struct bk_addr (*forbidden_by)(const void *engine);
	/* What it saw, for -v, line by line: how loud line i is (1, 2); 0 behind the last one. */
	int (*saw)(const void *engine, size_t i, char out[BK_PLAN_TEXT_MAX]);
	/* One sentence: what this plan hopes for, or why it has no hope. */
	void (*explain)(const struct bk_plan *plan, const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX]);
};

/* How a path is told to a person: "<what>, 12 ms", and why if there is anything to say (of a relay it
 * is said for it). */
struct bk_path_words {
	char what[BK_PLAN_TEXT_MAX], why[BK_PLAN_TEXT_MAX];
};

/* Is it to be used at all by who wants such paths? */
static inline bool bk_method_is_wanted(const struct bk_method *m, enum bk_path_choice choice)
{
	return choice != (m->is_relay ? BK_PATH_CHOICE_DIRECT : BK_PATH_CHOICE_RELAY);
}

/* Of techniques: the smaller the better a path is, where several work. */
enum { BK_RANK_LAN, BK_RANK_IPV6, BK_RANK_NAT, BK_RANK_RELAY };

struct bk_technique {
	const char *name; /* for programs, and short: "lan" */
	const struct bk_method *method;
	int rank;
	bool is_local; /* no router between: a cheaper transport is worth a moment's wait */
	bool is_hard;  /* takes thousands of packets: one at a time */
	bool is_host;  /* of addresses that the other machine has itself */
	/* Does it pass what stands between the two? The same answer from both sides, and then worth the whole
	 * budget. NULL: it passes nothing; it is tried briefly wherever an address makes sense. */
	bool (*fits)(const struct bk_technique *t, const struct bk_pair *pair);
	/* Adds its attempts. Of `own` and `peer` alone, so that both sides know each other's. */
	void (*plan)(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *plan);
	/* Of one that guesses: how likely it is to connect them, 0 to 1; the same from both sides. NULL: it does not
	 * guess. */
	double (*chance)(const struct bk_pair *pair);
	/* Of one that does not: does its fit rest on what is known of both, or on a filter that nobody has looked at?
	 * NULL: it is sure. */
	bool (*is_sure)(const struct bk_technique *t, const struct bk_pair *pair);
	/* Is it this technique by which somebody at that address came, of whom no attempt knows? NULL: no. */
	bool (*looks_like)(const struct bk_addr *remote);
	/* One sentence: what is hoped of it, and who does what. Only where it fits, and it has `fits`. NULL: that
	 * it may connect these two. */
	void (*hope)(const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX]);
	void (*tell)(
		const struct bk_technique *t, const struct bk_pair *pair, struct bk_path_words *ret_words);
};

/* A table is an array of rows that ends with NULL; the better rows come first. */
extern const struct bk_technique *const bk_techniques[]; /* all that bodkin has */

/* The best row of that transport which passes what stands between the two; the relay aside. NULL: none does. */
const struct bk_technique *bk_technique_fitting(
	const struct bk_pair *pair, const struct bk_technique *const *rows, enum bk_transport t);
/* The best row that fits and guesses; NULL: no port is guessed between these two. */
const struct bk_technique *bk_technique_guessing(
	const struct bk_pair *pair, const struct bk_technique *const *rows);
/* Is a direct path worth looking for? */
bool bk_pair_is_hopeful(const struct bk_pair *pair, const struct bk_technique *const *rows);

/* Which row made what was reported, as far as the plan tells. Whoever comes from an address at which ports are guessed
 * came by the guess. */
const struct bk_technique *bk_technique_of(const struct bk_plan *plan, const struct bk_action *report);
/* The same, where the engine may know better: beside the guess somebody else may have come from there. */
const struct bk_technique *bk_technique_found(
	const struct bk_plan *plan, const void *engine, const struct bk_action *report);
/* Which row it is by which somebody came to a listener behind a host candidate. From an address of none of this
 * machine's networks (NULL: none) that is no local one. */
const struct bk_technique *bk_technique_at_door(
	const struct bk_plan *plan, const struct bk_networks *networks, const struct bk_addr *from);
/* Which row of the plan's method it looks like. */
const struct bk_technique *bk_technique_by_look(const struct bk_plan *plan, const struct bk_addr *remote);

#endif
