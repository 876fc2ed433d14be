/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_LIMITS_H
#define BK_SERVER_LIMITS_H

#include "base/time.h"

/* Every ceiling of the server in one place. What an operator may want to change is in struct bk_server_opts;
 * the defaults of those fields stand here too. */
enum {
	/* defaults of bk_server_opts */
	BK_LIMIT_CLIENTS = 10000,
	BK_LIMIT_PER_ADDRESS = 64,
	BK_LIMIT_MESSAGES_PER_SECOND = 20,
	BK_LIMIT_RELAYS = 1000,

	/* connections */
	BK_LIMIT_BACKLOG = 4096,           /* as long as the system lets it be: it is one queue for all */
	BK_LIMIT_STRANGERS = 512,          /* connections that have not said who they are */
	BK_LIMIT_ARRIVALS_PER_SECOND = 20, /* of one address */
	BK_LIMIT_ARRIVALS_BURST = 256,
	BK_LIMIT_ARRIVAL_FAILED = 1,    /* what a handshake costs in addition that leads to no hello */
	BK_LIMIT_GREETINGS = 16,        /* handshakes begun in one turn of the loop */
	BK_LIMIT_GREETINGS_CROWDED = 4, /* of those where many come from */
	BK_LIMIT_CALM = 4,              /* strangers of one address that are not many */
	BK_LIMIT_ADDRESSES_IDLE = 4096, /* addresses without a connection whose rates are still remembered */
	BK_LIMIT_MESSAGES_BURST_FACTOR = 5,

	/* one client */
	BK_LIMIT_OUT_BYTES = 512 * 1024, /* waiting to be sent; over it the client is too slow */
	BK_LIMIT_OUT_READY = 64 * 1024,  /* mail is handed over only while less than this waits */
	BK_LIMIT_NAMEPLATES = 4,
	BK_LIMIT_PROBES = 8,
	BK_LIMIT_PROBE_USES = 8, /* connections that may present one nonce */

	/* nameplates and mail */
	BK_LIMIT_NAMEPLATE_NUMBER = 9999999,
	BK_LIMIT_MAILS = 16, /* waiting, for each side */
	BK_LIMIT_MAIL_BYTES = 64 * 1024,
	BK_LIMIT_MAIL_TOTAL = 16 * 1024 * 1024, /* all that waits in all mailboxes */
	BK_LIMIT_CLAIMS_PER_MINUTE = 10,     /* of one address, that find nothing: each guess burns a code */
	BK_LIMIT_CLAIMS_BURST = 16,          /* as many may be under way, too */
	BK_LIMIT_ALL_CLAIMS_PER_MINUTE = 60, /* of all addresses that have guessed before */
	BK_LIMIT_ALL_CLAIMS_BURST = 64,
	BK_LIMIT_GUESS = 4, /* claims that a wrong guess counts as */

	/* meetings: as many as nameplates, all of a client's counted together */
	/* Of one address: meetings made from nothing, and rounds asked for */
	BK_LIMIT_REJOINS_PER_MINUTE = 120,
	BK_LIMIT_REJOINS_BURST = 64,

	/* groups */
	BK_LIMIT_GROUP_MEMBERS = 1000,
	BK_LIMIT_GROUP_HISTORY = 100,  /* posts kept for who comes late */
	BK_LIMIT_GROUP_BACKLOG = 1000, /* posts kept while somebody has not had them yet */
	BK_LIMIT_GROUP_COMINGS = 256,  /* comings and goings kept for who is slow */
	BK_LIMIT_GROUP_NEWS_TOTAL = 128 * 1024 * 1024,
	BK_LIMIT_MEMBER_POSTS_PER_SECOND = 10,
	BK_LIMIT_MEMBER_POSTS_BURST = 40,
	BK_LIMIT_GROUP_POSTS_PER_SECOND = 200,
	BK_LIMIT_GROUP_POSTS_BURST = 400,
	BK_LIMIT_GROUP_POST_UNIT = 4096, /* each so many bytes count as one more */

	/* probes and reach tests */
	BK_LIMIT_PROBES_LINGER = 1024,
	BK_LIMIT_REACHES = 256,           /* tests under way */
	BK_LIMIT_REACHES_PER_MINUTE = 60, /* of one address */
	BK_LIMIT_REACHES_BURST = 40,

	/* STUN questions of one address */
	BK_LIMIT_STUN_PER_SECOND = 200,
	BK_LIMIT_STUN_BURST = 400,

	/* relay */
	BK_LIMIT_RELAY_GRANTS = 8192,  /* tokens that wait for their legs */
	BK_LIMIT_RELAY_WAITING = 1024, /* pairs, one of whose legs is here */
	BK_LIMIT_RELAY_PIPE = 512 * 1024,
	BK_LIMIT_RELAY_PIPE_SMALL = 128 * 1024,
	BK_LIMIT_RELAY_ROUNDS = 16, /* pipes full in one go before others get their turn */

	/* log lines about connections that end; about meetings, and about wrong guesses */
	BK_LIMIT_LOG_PER_SECOND = 50,
	BK_LIMIT_LOG_BURST = 500,
	BK_LIMIT_NEWS_PER_SECOND = 5,
	BK_LIMIT_NEWS_BURST = 100,
};

#define BK_LIMIT_HELLO_TIMEOUT       (10 * BK_SEC)
#define BK_LIMIT_PING_INTERVAL       (15 * BK_SEC)
#define BK_LIMIT_NAMEPLATE_LIFETIME  (600 * BK_SEC)
#define BK_LIMIT_KEPT                (10 * BK_SEC) /* a number that was claimed waits so long for its heir */
#define BK_LIMIT_KEPT_WAIT           (250 * BK_MS) /* who wants it meanwhile may ask again then */
#define BK_LIMIT_CLAIM_DOUBT         (30 * BK_SEC) /* a claim that led to no meeting by then was a wrong guess */
#define BK_LIMIT_MEETING_GRACE       (60 * BK_SEC)  /* a side of a meeting that is away is waited for */
#define BK_LIMIT_MEETING_GRACE_SHORT (5 * BK_SEC)   /* where its system closed the connection */
#define BK_LIMIT_ROUND_FRESH         (10 * BK_SEC)  /* a round that is older is not joined any more */
#define BK_LIMIT_GROUP_EMPTY         (600 * BK_SEC) /* a group with nobody in it is kept for so long */
#define BK_LIMIT_RELAY_WAIT          (30 * BK_SEC)
#define BK_LIMIT_RELAY_IDLE          (300 * BK_SEC)
#define BK_LIMIT_SUMS_INTERVAL       (60 * BK_SEC) /* what the log counts instead of listing it */
#define BK_LIMIT_ARRIVAL_WAIT        (5 * BK_SEC)  /* who comes too fast waits at the door, and no longer */
#define BK_LIMIT_FULL_WAIT           (5 * BK_SEC)  /* who finds no room may come back then */
#define BK_LIMIT_FLUSH               (2 * BK_SEC)  /* what is queued for a client that is sent away */
#define BK_LIMIT_PROBE_LIFETIME      (10 * BK_SEC)
#define BK_LIMIT_PROBE_EARLY         (2 * BK_SEC)
#define BK_LIMIT_PROBE_LINGER        (5 * BK_SEC)
#define BK_LIMIT_REACH               (700 * BK_MS) /* one SYN: the kernel would send the next after a second */
#define BK_LIMIT_PLAIN_WAIT                                                                                  \
	(3600 * BK_SEC) /* a plain client has no ping: how long it may wait for its peer */
#define BK_LIMIT_PLAIN_FORGOTTEN (30 * BK_SEC) /* its connection stays open so long after its match */

#endif
