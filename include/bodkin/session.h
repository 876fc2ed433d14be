/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_SESSION_H
#define BODKIN_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bodkin/error.h>
#include <bodkin/loop.h>
#include <bodkin/mailbox.h>
#include <bodkin/path.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A session with one other machine: it pairs by code, finds a path, secures it, and carries channels. Thread
 * rule: a session and its channels belong to their loop's thread. No callback comes from inside a call; after
 * bk_session_free none comes at all. From inside a callback other than on_closed end a session with
 * bk_session_close, not with bk_session_free. Ownership: options, events and their strings are copied; what
 * a callback is handed is borrowed for its time, but a channel, which is the program's until
 * bk_channel_free or the session's end. Times are nanoseconds. */
struct bk_session;
struct bk_channel;

/* One code for several: sessions that make it one after the other, each for one other side. When one of them has met
 * its own (on_peer) the next one can be made with the same bk_session_opts, and waits under the same number and words,
 * with a share of its own: each claim is one guess. A wrong one ends nothing; 16 of them at one code make for another
 * code, told by on_note and on_code, and after 64 the session that waits ends with BK_E_WRONG_CODE. A made code has
 * three words then; with two, where code_words or code_wish says so, there are 4 guesses in all. Who comes in between
 * is told to wait, by a server of this version. Of the loop's thread, as its sessions. */
struct bk_shared_code;
/* BK_E_NOMEM. */
BK_API int bk_shared_code_new(struct bk_shared_code **ret_code);
/* After its sessions. NULL is fine. */
BK_API void bk_shared_code_free(struct bk_shared_code *c);

struct bk_session_opts {
	size_t size;           /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	const char *server;    /* HOST[:PORT][#PIN]; IPv6 literals in brackets; NULL with a mailbox */
	const char *code;      /* join the one who made this code; NULL: make one */
	const char *code_wish; /* with code NULL: exactly this code, if its nameplate is free; NULL: any */
	int code_words;        /* of a made code, 2 to 16; 0: 2 */
	const char *name;      /* shown to the other person; NULL: the host's name */
	const char *token;     /* for a server that wants one; NULL: none */
	const char *state_dir; /* known servers live here; NULL: nothing is remembered or compared */
	enum bk_path_choice path;
	enum bk_transport_choice transport; /* of direct paths; a relay is TCP always */
	int64_t wait_ns;                    /* the other side must have come by then; 0: no limit */
	/* Where the two meet instead of a server; token and state_dir then mean nothing. NULL: the server. */
	const struct bk_mailbox *mailbox;
	/* How long a session that had a path waits for another one when none is left (a server that is
	 * restarted, a machine that sleeps); each side for itself. Where the other machine itself ended the
	 * connection it is 8 s. 0: 60 s. */
	int64_t patience_ns;
	/* The two may meet on the LAN, with no server or beside it, whichever is first: whoever makes the code
	 * runs a small mailbox on a free port and tells the LAN, who joins asks there. "": on every interface
	 * that is on a LAN; names of interfaces with blanks or commas between: on these. NULL: not so. With
	 * BK_PATH_CHOICE_RELAY, or a mailbox, it is not looked at. */
	const char *lan;
	const char *lan_peer; /* HOST[:PORT]: the joining side asks there, too; NULL: nobody */
	/* The folder where our key as a member of groups is (bk_group_opts.state_dir): the other side can hold us to
	 * that key. NULL: one of this session's own, that nobody knows. */
	const char *key_dir;
	/* The key that the other side must have, as <bodkin/group.h> tells it, BK_GROUP_KEY_LEN bytes: with another one
	 * the session ends with BK_E_WRONG_KEY before a path is looked for. NULL: whoever has the code. */
	const uint8_t *peer_key;
	/* The code that is made, or wished for, is this one's, whichever that is by now. Not with a mailbox whose table
	 * lacks rejoin or release. NULL: it is for one. */
	struct bk_shared_code *shared_code;
	uint64_t without; /* what this session shall do without: a set of BK_WITHOUT_... */
};

enum {
	/* Else the router in front of this machine is asked to open ports of this session, by PCP, NAT-PMP or UPnP, where the
	 * server sees us behind one. They are given back when the session ends, at the latest with its loop. */
	BK_WITHOUT_PORT_MAPPING = 1,
	/* Else, where a NAT gives each connection another port and the other side's lets in none but those that it has
	 * called, the port is guessed: up to 2800 small packets in three seconds, or 256 sockets for that time. Both
	 * sides have to want it. */
	BK_WITHOUT_GUESSING = 2,
};

/* Who came. Its own words, so not to be shown on a terminal as they are; never NULL. */
struct bk_peer {
	const char *id;   /* new with each session */
	const char *name; /* may be empty */
	const char *nat;  /* classic type name over TCP */
};

/* All may be NULL but on_closed. */
struct bk_session_events {
	size_t size; /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	/* It may be told to the other person. Again, at most three times after wrong guesses: somebody used the one
	 * before up, as on_note says first, and this one is good now. Never for a code_wish, which ends then. */
	void (*on_code)(struct bk_session *s, void *arg, const char *code);
	/* The right code was used. */
	void (*on_peer)(struct bk_session *s, void *arg, const struct bk_peer *peer);
	/* Once for each path taken. */
	void (*on_path)(struct bk_session *s, void *arg, const struct bk_path *path);
	void (*on_open)(struct bk_session *s, void *arg); /* channels may be opened */
	/* The peer opened a channel: call bk_channel_listen on it before returning, or it is reset. */
	void (*on_channel)(struct bk_session *s, void *arg, struct bk_channel *channel, const char *kind);
	/* What happens, in sentences: what a person should know (-1), what is waited for, or is there again (0),
	 * and more for -v (1) and -vv (2). */
	void (*on_note)(struct bk_session *s, void *arg, int verbosity, const char *text);
	/* The end, once: 0 after an orderly end by either side, else why, with a sentence that says what
	 * failed, on what, and what to try. The session may be freed from inside. */
	void (*on_closed)(struct bk_session *s, void *arg, int error, const char *text);
	/* No path is left (why, in a sentence, which on_note says, too), and another one is looked for: on_path follows,
	 * or on_closed. */
	void (*on_lost)(struct bk_session *s, void *arg, const char *text);
};

/* Starts connecting to the server at once. BK_E_INVALID for options that cannot work (server or code
 * unreadable, a server and a mailbox, or neither and no LAN, no on_closed); BK_E_UNSUPPORTED as <bodkin/api.h> says;
 * BK_E_MALFORMED, BK_E_ACCESS and the like (what is in key_dir is no key, or cannot be read or made); BK_E_NOMEM. The
 * loop must outlive the session. */
BK_API int bk_session_new(struct bk_loop *loop, const struct bk_session_opts *opts,
	const struct bk_session_events *events, void *arg, struct bk_session **ret_session);

/* Orderly end: sends what is queued, tells the peer (error 0: all is well; BK_E_CANCELLED, BK_E_PEER_REFUSED,
 * ...: why), then on_closed, from the loop, with that error. Bounded by two seconds. The second time it does
 * nothing. */
BK_API void bk_session_close(struct bk_session *s, int error);

/* The server's key as it goes behind '#', once it is known: given there, or once the server has said hello
 * (from on_code on); NULL before, and with a mailbox. Lives as long as the session. */
BK_API const char *bk_session_server_pin(struct bk_session *s);

/* Of an error in on_closed: is it what the peer said, of itself, and not what was found here? A peer may say any, so
 * "cancelled" or "wrong code" are then none of ours. */
BK_API bool bk_session_is_peers_word(const struct bk_session *s);

/* At once and silently; the channels go with it, and no call may be made on them any more. NULL is fine. */
BK_API void bk_session_free(struct bk_session *s);

/* A channel carries a stream of bytes each way. */
struct bk_channel_events {
	size_t size; /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	/* Bytes came; borrowed for the call. Required. */
	void (*on_data)(struct bk_channel *c, void *arg, const uint8_t *data, size_t n);
	/* Room again after bk_channel_write said BK_E_AGAIN. May be NULL. */
	void (*on_writable)(struct bk_channel *c, void *arg);
	/* The peer will send no more. May be NULL. */
	void (*on_finished)(struct bk_channel *c, void *arg);
	/* The channel ended early: the peer reset it, or the session ended. Last. May be NULL. */
	void (*on_reset)(struct bk_channel *c, void *arg, int error);
};

enum { BK_CHANNEL_KIND_MAX = 64, BK_CHANNEL_WRITE_MAX = 1 << 20, BK_CHANNELS_MAX = 64 };

/* Opens a channel of a kind, such as "files/1" (1 to BK_CHANNEL_KIND_MAX bytes). It lives until
 * bk_channel_free or the session's end; after on_reset nothing more can be done with it but free it. BK_E_EOF while
 * the session is not open, BK_E_FULL beyond BK_CHANNELS_MAX, BK_E_INVALID (kind, no on_data), BK_E_NOMEM. */
BK_API int bk_channel_open(struct bk_session *s, const char *kind, const struct bk_channel_events *events,
	void *arg, struct bk_channel **ret_channel);
/* Takes a channel that the peer opened. BK_E_INVALID without on_data. */
BK_API int bk_channel_listen(struct bk_channel *c, const struct bk_channel_events *events, void *arg);

/* Takes all n bytes (at most BK_CHANNEL_WRITE_MAX; they are encrypted or copied before it returns) or, when
 * enough is queued already or the peer's reader has not kept up, none: BK_E_AGAIN, and on_writable comes
 * later, when there is room for as much. BK_E_EOF when the channel has ended. */
BK_API int bk_channel_write(struct bk_channel *c, const void *data, size_t n);
/* No more from this side; queued bytes still go out. */
BK_API void bk_channel_finish(struct bk_channel *c);
/* Stops on_data and on_finished of this channel, from inside on_data too, and resumes them; the other
 * channels go on. What arrives meanwhile is kept, up to what the peer had credit for, and comes from the loop
 * after bk_channel_resume; on_reset does not wait, and drops it. */
BK_API void bk_channel_pause(struct bk_channel *c);
BK_API void bk_channel_resume(struct bk_channel *c);
/* Ends the channel towards the peer if it has not ended (reset with `error`), and forgets it. NULL is
 * fine. */
BK_API void bk_channel_free(struct bk_channel *c, int error);

#ifdef __cplusplus
}
#endif
#endif
