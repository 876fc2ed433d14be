/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_LANE_H
#define BK_PATH_LANE_H

#include "base/list.h"
#include "net/drive.h"
#include "path/contender.h"
#include "path/manners.h"
#include "punch/technique.h"

/* Inside the race: one engine with all rows that are its, run on real sockets; what it finds becomes
 * contenders. */

/* Something that an engine, or a listener beside it, has found. */
struct bk_found {
	const struct bk_technique *technique;
	uint32_t id; /* the engine's name for the socket; 0: none, it is `fd` */
	int fd;
	struct bk_addr remote;
	bool is_chosen, is_likely;
};

/* What differs between transports: where an engine gets its sockets, and how what it finds becomes a link. */
struct bk_carriage {
	int cost;       /* of a byte; the smaller one is worth waiting a moment for */
	bool has_doors; /* what comes to a listener is its */
	/* What this side has for engines of its kind. False: nothing, no such engine runs. */
	bool (*describe)(struct bk_lane *lane, struct bk_method_opts *opts);
	/* Where the sockets are not the drive's own: gives it some, and takes them back. NULL, NULL: they are. */
	int (*start)(struct bk_lane *lane);
	void (*stop)(struct bk_lane *lane);
	/* The engine hears what somebody on the way answers, or no more. NULL: it has other means. */
	void (*listen)(struct bk_lane *lane, bool is_wanted);
	/* Sets c->link, and c->result's addresses. On failure what was found is gone, too. */
	int (*secure)(struct bk_lane *lane, const struct bk_found *found, struct bk_contender *c);
	/* Another packet went where that one, which was likely, waits for its first answer: so may its first. Then: it
	 * is chosen, and need not spare its packets any more. NULL, NULL: nothing is ever likely. */
	void (*repeat)(struct bk_lane *lane, struct bk_contender *c);
	void (*trust)(struct bk_lane *lane, struct bk_contender *c);
	/* There is no place for it. */
	void (*refuse)(struct bk_lane *lane, const struct bk_found *found);
};

extern const struct bk_carriage bk_carriage_tcp, bk_carriage_udp;

struct bk_lane_events {
	void (*on_over)(void *arg); /* the engine has nothing more to find */
	void (*note)(void *arg, int verbosity, const char *text);
};

struct bk_lane {
	struct bk_list link_in_race;
	const struct bk_race_opts *opts; /* the race's */
	struct bk_contenders *contenders;
	const struct bk_lane_events *events;
	void *arg;
	struct bk_plan plan;
	const struct bk_method *method;
	const struct bk_carriage *carriage;
	void *engine; /* the method's */
	struct bk_drive *drive;
	struct bk_ways_run *run;     /* the carriage's for datagrams */
	struct bk_manners_turn turn; /* where it guesses */
	bool is_over;                /* the engine is done, or what it had chosen has failed */
};

/* Runs the engine of that plan. *ret_lane NULL: there is nothing here to run it with. */
int bk_lane_new(const struct bk_race_opts *opts, const struct bk_pair *pair, const struct bk_plan *plan,
	struct bk_contenders *contenders, const struct bk_lane_events *events, void *arg,
	struct bk_lane **ret_lane);
void bk_lane_free(struct bk_lane *l); /* after its contenders */

/* It becomes a contender, or is gone. */
int bk_lane_enter(struct bk_lane *l, const struct bk_found *found);
/* As the method has it. */
struct bk_addr bk_lane_forbidden_by(const struct bk_lane *l);
/* The link of that contender, which is still there, is dead. */
void bk_lane_disprove(struct bk_lane *l, const struct bk_contender *c);

#endif
