/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_GROUP_H
#define BODKIN_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bodkin/api.h>
#include <bodkin/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A group: up to a thousand members who share an invite of seven words. A server hands what each says to all of them,
 * in one order, without being able to read it; each member holds what it is told against what the others were told, and
 * says what does not fit (docs/protocol/groups.md: what can be noticed, and what the server learns). A connection that
 * is lost, and a server that is away, are waited for: what was said meanwhile goes out then, once.
 *
 * Thread rule: a group belongs to the thread of its loop. No callback comes from inside a call. Ownership: options,
 * their strings and the events are copied; what a callback is handed is borrowed for its time. on_end comes exactly
 * once, last; the group may be freed from inside it, and from inside no other callback. */
struct bk_group;

enum {
	BK_GROUP_INVITE_MAX = 64, /* bytes of an invite, with its end */
	BK_GROUP_NAME_MAX = 64,   /* bytes of a name, without it */
	BK_GROUP_KEY_LEN = 32, /* a member's key (Ed25519); its certificate in a session has the same one */
	BK_GROUP_TEXT_MAX = 61440,
	BK_GROUP_WHISPER_MAX = 61000,
	BK_GROUP_ABOUT_MAX = 256,       /* bytes that a program says of its member */
	BK_GROUP_CALL_PURPOSE_MAX = 32, /* bytes of a call's purpose, and of its code; without their ends */
	BK_GROUP_CALL_CODE_MAX = 127,
	BK_GROUP_SENTENCE_MAX = 512,
};

/* A fresh invite, by chance: the group exists as soon as somebody joins by it. BK_E_CRYPTO. From any thread. */
BK_API int bk_group_invite_make(char ret_invite[BK_GROUP_INVITE_MAX]);
/* The invite that a person typed, as it is meant. BK_E_MALFORMED with a sentence that says which word is none, or how
 * many are missing. From any thread. */
BK_API int bk_group_invite_check(
	const char *typed, char ret_invite[BK_GROUP_INVITE_MAX], char ret_text[BK_GROUP_SENTENCE_MAX]);

/* Something said. It may grow at its end. */
struct bk_group_line {
	uint64_t number;    /* by which the server told it to everybody; one behind the other */
	const char *from;   /* the sender's name; harmless on a terminal */
	const uint8_t *key; /* the sender */
	uint64_t sent_ms;   /* since 1970, by the sender's clock */
	bool is_ours;
	bool is_history;      /* it was said before we came, or came back */
	bool is_private;      /* to us alone, or from us to one */
	bool has_others_name; /* somebody else had that name first: perhaps it is not who it seems */
	/* len bytes of UTF-8 (0 to BK_GROUP_TEXT_MAX) and a NUL; newlines and tabs are the only controls in it. */
	const char *text;
	size_t len;
};

/* Who is there, as the server says: it cannot make somebody up. It may grow at its end. */
struct bk_group_member {
	uint64_t handle;  /* of this coming */
	const char *name; /* harmless on a terminal */
	const uint8_t *key;
	bool is_us, has_others_name;
	const uint8_t *about; /* what its program says of it: any bytes */
	size_t about_len;     /* 0 to BK_GROUP_ABOUT_MAX */
};

/* on_line and on_end are required. */
struct bk_group_events {
	size_t size; /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	void (*on_open)(
		struct bk_group *group, void *arg); /* the first time that we are in; who is there was told */
	void (*on_line)(struct bk_group *group, void *arg, const struct bk_group_line *line);
	/* What the server told does not fit, or a name came with another key: a sentence. */
	void (*on_doubt)(struct bk_group *group, void *arg, const char *text);
	/* It came or (is_here false) left. It comes again, with the handle that it has, when it says something else of
	 * itself. */
	void (*on_member)(
		struct bk_group *group, void *arg, const struct bk_group_member *member, bool is_here);
	/* Of ours: it was told to all under that number. / It will not be: BK_E_TOO_BIG, ..., BK_E_SERVER_GONE: nobody can
	 * know whether it was. */
	void (*on_sent)(struct bk_group *group, void *arg, uint32_t ticket, uint64_t number);
	void (*on_unsent)(struct bk_group *group, void *arg, uint32_t ticket, int error);
	/* Somebody made another group for us and others: its invite. */
	void (*on_invite)(
		struct bk_group *group, void *arg, const struct bk_group_line *from, const char *invite);
	/* Verbosity -1: what a person should know; 0: what is waited for, or is there again; 1, 2: for those who ask. */
	void (*on_note)(struct bk_group *group, void *arg, int verbosity, const char *text);
	/* error 0: we left, and all that was said had gone out. text: a sentence. */
	void (*on_end)(struct bk_group *group, void *arg, int error, const char *text);
	/* Somebody wants to be met by us, for that purpose: a session with that code and his key meets him and nobody
	 * else (bk_session_opts.key_dir, peer_key). Calls that were made before we came, or came back, are not told:
	 * who is not there cannot be called. */
	void (*on_call)(struct bk_group *group, void *arg, const struct bk_group_line *from,
		const char *purpose, const char *code);
};

struct bk_group_opts {
	size_t size;        /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	const char *server; /* HOST[:PORT][#PIN]; NULL with a LAN */
	const char *token;  /* of the server; NULL: none */
	const char *invite; /* as bk_group_invite_make or _check gave it */
	const char *name;   /* ours: UTF-8 without controls */
	const char *
		state_dir; /* where our key is kept (0600), and the servers met before; NULL: a key for this time */
	const void *about; /* what on_member tells the others of us; may be NULL */
	size_t about_len;

	/* The members may find each other on the LAN, with no server, or where it is out of reach: one of them keeps
	 * the board on a free port and tells the LAN by a beacon, and when he goes the next one does. "": on every
	 * interface that is on a LAN; names of interfaces with blanks or commas between: on these. NULL: not so. */
	const char *lan;
	const char *lan_peer; /* HOST[:PORT]: looked for there, too; NULL: nobody */
};

/* Joins. BK_E_INVALID (server, invite or name unusable, an event that is missing), BK_E_UNSUPPORTED, BK_E_NOMEM,
 * BK_E_ACCESS and the like (the key cannot be kept): ret_text (may be NULL) is a sentence then. */
BK_API int bk_group_new(struct bk_loop *loop, const struct bk_group_opts *opts,
	const struct bk_group_events *events, void *arg, struct bk_group **ret_group,
	char ret_text[BK_GROUP_SENTENCE_MAX]);

/* Says len bytes of UTF-8, perhaps none, to everybody, or to one; on_sent or on_unsent tells what became of the ticket
 * (ret_ticket may be NULL). Not before on_open: BK_E_AGAIN, and also while 64 wait (each on_sent makes room);
 * BK_E_TOO_BIG, BK_E_INVALID (no UTF-8, or a NUL in it), BK_E_EOF after bk_group_leave and the end, BK_E_NOMEM. */
BK_API int bk_group_say(struct bk_group *group, const char *text, size_t len, uint32_t *ret_ticket);
BK_API int bk_group_whisper(struct bk_group *group, const uint8_t to[BK_GROUP_KEY_LEN], const char *text,
	size_t len, uint32_t *ret_ticket);

/* Says something else of us; the others hear it at most once a second, the last of several. From the beginning on.
 * BK_E_TOO_BIG, BK_E_EOF. */
BK_API int bk_group_set_about(struct bk_group *group, const void *about, size_t len);

/* Asks one member, and nobody else learns of it, to meet us: purpose is 1 to BK_GROUP_CALL_PURPOSE_MAX of a-z, 0-9, '/'
 * and '-', code printable ASCII or "". As bk_group_say; on_unsent with BK_E_TIMEOUT: for a minute it could not go out.
 * That it was sent does not say that he has heard it; who comes back is to be called again. */
BK_API int bk_group_call(struct bk_group *group, const uint8_t to[BK_GROUP_KEY_LEN], const char *purpose,
	const char *code, uint32_t *ret_ticket);

/* Another group: makes its invite and gives it to everybody who is here, but not to those keys. Who reads in this group
 * goes on doing so; nobody is moved. Errors as above. */
BK_API int bk_group_rekey(struct bk_group *group, const uint8_t (*without)[BK_GROUP_KEY_LEN],
	size_t without_len, char ret_invite[BK_GROUP_INVITE_MAX]);

/* Who has that name now may have it: on_doubt was told, and somebody looked. */
BK_API void bk_group_forget_name(struct bk_group *group, const char *name);

/* The server's key as it goes behind '#', from on_open on; NULL before. Lives as long as the group. */
BK_API const char *bk_group_server_pin(struct bk_group *group);

/* Ends it when what was said is out (at most ten seconds: BK_E_TIMEOUT then); the others are told. */
BK_API void bk_group_leave(struct bk_group *group);
/* At once and silently. NULL is fine. */
BK_API void bk_group_free(struct bk_group *group);

#ifdef __cplusplus
}
#endif
#endif
