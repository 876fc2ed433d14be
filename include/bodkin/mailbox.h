/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_MAILBOX_H
#define BODKIN_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bodkin/addr.h>
#include <bodkin/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The mailbox: where two sides leave mail for each other until they have a path of their own. A session has
 * bodkin's server for it, or one that the program brings (struct bk_session_opts, `mailbox`): a chat service
 * that both are signed in to, a shared folder, one's own server.
 *
 * What it has to do: keep what one side left under a small number (the nameplate) for the one who claims it,
 * once, and then carry mail both ways, each whole, in order, at most once. Everything else may be missing: a
 * clock in common, somebody who tells how the NAT maps a port, a relay, meeting again.
 *
 * What its operator can do and cannot do. Everything in it is sealed with a key that CPace makes of the
 * code's words, which never go through it; the certificates that the two later prove to each other are in the
 * sealed introductions. Who runs it, or reads and writes it, can refuse, delay, drop and repeat mail, sees
 * when the two meet and how much they say, and has one guess at the words of each code on each side. A wrong
 * one ends the side that joins with BK_E_WRONG_CODE. The side that made the code makes another one, three
 * times at most, where the table has rejoin and release; else it ends, too. Mail that was kept says nothing
 * about the words afterwards. It cannot read an introduction (addresses, names, keys), change one, replay one
 * of another meeting or round, or stand between the two. What it tells in the view is believed as far as it
 * can only cost time or a path: a false clock delays by at most five seconds, a false sample or address makes
 * for a worse path or the relay, and a relay carries the two's own TLS. How well the code is kept from the
 * operator is the user's: it must not travel through the same mailbox.
 *
 * Thread rule: everything here happens on the session's loop, in its thread. Events come from the loop, never
 * from inside a call of the table; from inside an event the box may be closed. */

enum {
	BK_MAILBOX_TOKEN_LEN = 32,
	BK_MAILBOX_MAIL_MAX = 65536, /* bytes; a session's mail stays below 9000 */
	BK_MAILBOX_SAMPLES_MAX = 4,
	BK_MAILBOX_ADDRS_MAX = 8,
	BK_MAILBOX_FLOWS_MAX = 6,
};

/* One observation of how the NAT maps a local port: towards `server` it appeared as `mapped`. */
struct bk_mailbox_sample {
	struct bk_addr server, mapped;
};

/* Another local port's flow over TCP, which began at that time (bk_loop_now): family 0: nobody has told how it
 * appeared. */
struct bk_mailbox_flow {
	struct bk_addr mapped;
	int64_t began_ns;
};

/* Did connecting back to the mapped address succeed? */
enum bk_mailbox_reach { BK_MAILBOX_REACH_UNTESTED, BK_MAILBOX_REACH_NO, BK_MAILBOX_REACH_YES };

/* What the mailbox knows beside the mail. All zero is a view: no clock, so each side begins as soon as it has
 * both introductions; no sample, so the addresses of the machine's interfaces are all that is offered; no
 * relay. It may grow at its end. */
struct bk_mailbox_view {
	int64_t rtt_ns; /* the smallest round trip to the keeper of the clock; 0: there is no clock */
	int64_t clock_offset_ns; /* that clock minus bk_loop_now, as of that round trip */
	int64_t mail_delay_ns;   /* how long a mail may be on its way: seconds for a folder that is copied, a
				    minute by hand. Waits for mail grow by it (a day at most), and so does the
				    looking for a path (ten minutes; after about forty seconds of it nothing
				    more is sent to keep routers open). 0: no time */
	/* TCP: a local port that both the mailbox's own connection and punching use. */
	struct bk_addr local; /* family 0: none, and TCP is not punched over IPv4 */
	struct bk_mailbox_sample samples[BK_MAILBOX_SAMPLES_MAX]; /* of that port; [0] its own connection's */
	size_t samples_len;
	size_t samples_awaited;                            /* more that are under way; on_view tells */
	enum bk_mailbox_reach same_address, other_address; /* from an address that the port has sent to, from
							      one that it has not */
	bool is_reach_awaited;
	/* UDP: STUN servers (RFC 8489) over IPv4 for the session to ask, from the sockets that it uses. They may be told
	 * before on_ready, by on_view; more of them may come behind those. */
	struct bk_addr stun[BK_MAILBOX_SAMPLES_MAX];
	size_t stun_len;
	/* bodkin's relay, where the token of a round is good. family 0: none. */
	struct bk_addr relay;
	/* More addresses by which this machine can be reached, such as the outside of a router that forwards
	 * to it, or 127.0.0.1 where both run on one machine; port 0: the session's own. */
	struct bk_addr addrs[BK_MAILBOX_ADDRS_MAX];
	size_t addrs_len;
	/* What this side shows at the relay, in the round that it was told of last; all zero: the round's token. */
	uint8_t relay_token[BK_MAILBOX_TOKEN_LEN];
	/* What probe_flows found: all but the last one at once, in the order in which they began; the last one later,
	 * perhaps again and again. */
	struct bk_mailbox_flow flows[BK_MAILBOX_FLOWS_MAX];
	size_t flows_awaited; /* of those that were begun */
};

/* The session's; the mailbox calls them with the argument that it was opened with. They may grow at the end.
 * Bytes and texts are borrowed for the call. */
struct bk_mailbox_events {
	/* Once: the calls of the table may be used from now on (rejoin before that, too). */
	void (*on_ready)(void *arg);
	/* The view tells something new. */
	void (*on_view)(void *arg);
	/* What we left is kept under that nameplate, 1 to 9999999. */
	void (*on_nameplate)(void *arg, uint32_t nameplate);
	/* To both, before any mail: the nameplate has its two people. token: random and the same for both;
	 * the relay knows it. NULL where there is no relay. left: to the claiming side, what the other one
	 * left; n 0 for the one who left it. */
	void (*on_claimed)(void *arg, uint32_t nameplate, const uint8_t token[BK_MAILBOX_TOKEN_LEN],
		const uint8_t *left, size_t n);
	void (*on_mail)(void *arg, const uint8_t *body, size_t n);
	/* To both, after a rejoin: there is a round with that token, which nobody can foresee. */
	void (*on_round)(void *arg, const uint8_t token[BK_MAILBOX_TOKEN_LEN]);
	/* The other side is gone; code 0: by its own word and for good, BK_E_PEER_VANISHED: it may come
	 * back. */
	void (*on_released)(void *arg, int code);
	/* A call failed, such as BK_E_NO_SUCH_PEER (nobody left anything under that nameplate),
	 * BK_E_CODE_USED (it was claimed before), BK_E_EXISTS (somebody else has the nameplate that was
	 * wished for). The mailbox goes on. text: a sentence for a person, may be empty; of
	 * BK_E_NO_SUCH_PEER it is said instead of the session's own, for who looked in many places. */
	void (*on_error)(void *arg, int code, const char *text);
	/* Once, last: the mailbox is out of reach, with a sentence that says why. Close it. */
	void (*on_end)(void *arg, int error, const char *text);
	/* A sentence for a person: what should be known (verbosity -1), what is waited for (0), or more (1, 2). May
	 * be NULL. */
	void (*on_note)(void *arg, int verbosity, const char *text);
	/* At most once, before on_ready: leave and claim may be called from now on, and travel with the greeting, which
	 * saves a round trip; their answers come after on_ready. Nobody has to tell it, or to heed it. May be NULL. */
	void (*on_early)(void *arg);
};

/* How a side comes back to whom it has met, perhaps by a mailbox that remembers nothing of the two. */
struct bk_mailbox_rejoin {
	uint8_t secret[BK_MAILBOX_TOKEN_LEN]; /* the meeting's name; known to the two and the mailbox */
	unsigned side;                        /* 0 made the code, 1 joined by it */
	uint64_t number;                      /* larger each time */
	bool asks;                            /* for another round */
	uint8_t token[BK_MAILBOX_TOKEN_LEN];  /* of the round it comes for; all zero: for none */
};

/* The table. Calls that return int: 0, or a negative BK_E_ code, which ends what the session was about.
 * Members that may be NULL say what that means; the others are required. */
struct bk_mailbox_ops {
	size_t size; /* sizeof of it; 0: its first version (<bodkin/api.h>) */

	/* Opens another box: `arg` is the mailbox's own (struct bk_mailbox), `events` with `events_arg` are
	 * valid until it is closed. *ret_box is what every other call gets. A session has two at a time when
	 * it meets again; without rejoin it opens one and no more. */
	int (*open)(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events, void *events_arg,
		void **ret_box);
	/* No event comes any more. From inside an event, too. */
	void (*close)(void *box);
	/* Fills in what is known; *ret_view is all zero before. NULL: nothing ever is. */
	void (*view)(void *box, struct bk_mailbox_view *ret_view);

	/* Keeps n bytes for who claims them; answered by on_nameplate or on_error. wish 0: any nameplate. A
	 * session that lost its box before it met anybody closes it, opens another one (only where there is
	 * rejoin) and wishes for the nameplate that it had: it gets it unless somebody else has it, also when
	 * the mailbox has not noticed yet that the old box is gone. The bytes are the caller's, here and
	 * below. */
	int (*leave)(void *box, uint32_t wish, const void *body, size_t n);
	/* Answered by on_claimed or on_error. */
	int (*claim)(void *box, uint32_t nameplate);
	/* To the other one of the nameplate, or of the round that we are in. */
	int (*mail)(void *box, const void *body, size_t n);
	/* We are done with each other, for good. The box may leave anew, then: a code that was tried in vain has
	 * another one in its place. NULL: the other side finds out otherwise. */
	void (*release)(void *box);

	/* We are here, for a round or to be asked for one; before on_ready a later one takes the place of an
	 * earlier one. The mailbox tells both on_round once one of them asks; an introduction goes to who has
	 * named the round's token. NULL: two who have met cannot meet again, and a session whose path is lost
	 * has ended. */
	int (*rejoin)(void *box, const struct bk_mailbox_rejoin *rejoin);
	/* Is all mail so far past being lost on our side? NULL: it always is. */
	bool (*is_mail_taken)(void *box);
	/* Calls fn with fn_arg once, from the loop, when all mail so far is past being lost, or can only be.
	 * NULL: it always is. */
	void (*flush)(void *box, void (*fn)(void *fn_arg), void *fn_arg);
	/* The clock is about to matter: measure it afresh. NULL: there is none, or it is good. */
	void (*measure_clock)(void *box);
	/* The view's `local` is about to be punched from: nothing may listen there any more. NULL: nothing
	 * does. */
	void (*yield_port)(void *box);

	/* Not in the first version. */

	/* What sentences call the mailbox, after "back at", "waiting for", "cannot use" and before "says": "the
	 * server", "this network". Stays as long as the mailbox. NULL: "the mailbox". */
	const char *(*name)(void *arg);
	/* New flows over TCP, from local ports beside the view's `local`: which ports does the NAT give them,
	 * one after the other? is_latest: one more, since somebody comes; else several at once, and only the
	 * first time that this is asked for. May be called before on_ready; the view tells. NULL: nobody can
	 * tell, and no port is guessed over TCP. */
	void (*probe_flows)(void *box, bool is_latest);
};

/* A mailbox as a session gets it. The table is copied; what `arg` points to must stay until the session is freed. */
struct bk_mailbox {
	const struct bk_mailbox_ops *ops;
	void *arg;
};

#ifdef __cplusplus
}
#endif
#endif
