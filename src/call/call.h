/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CALL_CALL_H
#define BK_CALL_CALL_H

#include <bodkin/call.h>
#include <bodkin/loop.h>
#include <stdarg.h>
#include <stddef.h>

#include "net/turn.h"

/* A call: one session with one other machine, and everything that is the same whatever the two then do. What
 * others chose is made harmless before it is told on; a code that was wished for and exists already is joined
 * instead; the first thing that goes wrong is the verdict, with who. Embedded; its owner says what channels
 * mean. No callback comes from inside a call of ours. */
enum { BK_CALL_TEXT_MAX = 512, BK_CALL_NAME_MAX = 256 };

/* The other side does something else with this code. */
#define BK_CALL_NO_PART                                                                                      \
	"the other side runs another command: 'send' and 'recv' belong together, 'ping' and 'chat' run on "  \
	"both sides"

struct bk_call_ops {
	void (*on_open)(void *owner); /* channels may be opened */
	void (*on_channel)(void *owner, struct bk_channel *channel, const char *kind);
	/* The session is over, once; error is the session's, 0 in good order. A verdict that is missing can
	 * still be given. The owner tells it on, and may free the call from inside. */
	void (*on_end)(void *owner, int error);
};

struct bk_call {
	struct bk_loop *loop;
	const struct bk_call_ops *ops;
	void *owner;
	struct bk_call_news news;
	void *arg;
	struct bk_session_opts opts; /* its strings are owned below */
	struct bk_mailbox mailbox;
	struct bk_mailbox_ops mailbox_ops;
	char *strings[9];
	uint8_t peer_key[32];
	struct bk_session *session;
	/* A guest's session is somebody else's: it is open already, and goes on when this call has ended. */
	bool is_guest, is_guest_ending;
	int guest_error;
	struct bk_turn guest_turn; /* what a session would tell */
	bool has_code, has_peer;
	char peer_name[BK_CALL_NAME_MAX]; /* harmless; empty before the peer is there */
	/* the verdict */
	int error; /* 0: nothing is wrong so far */
	enum bk_call_who who;
	char text[BK_CALL_TEXT_MAX];
	/* To everybody, last: once is enough, though another session finds it out again. */
	char said[BK_CALL_TEXT_MAX];
};

/* Everything is copied; news may be NULL. BK_E_NOMEM, BK_E_INVALID and BK_E_UNSUPPORTED as <bodkin/api.h> says;
 * bk_call_done is due in any case. */
int bk_call_init(struct bk_call *c, struct bk_loop *loop, const struct bk_session_opts *opts,
	const struct bk_call_news *news, void *arg);
/* The same inside a session that is open; peer: the other person's name, NULL: none. The owner ends its channels itself
 * before it closes the call. The session lives longer than the call. */
int bk_call_init_guest(struct bk_call *c, struct bk_loop *loop, struct bk_session *session, const char *peer,
	const struct bk_call_news *news, void *arg);
/* BK_E_INVALID, BK_E_NOMEM. */
int bk_call_start(struct bk_call *c, const struct bk_call_ops *ops, void *owner);
/* Orderly; on_end follows within two seconds. A guest's session is not closed. */
void bk_call_close(struct bk_call *c, int error);
void bk_call_done(struct bk_call *c);

/* Came with the other side's code (else: the code was made here). */
bool bk_call_is_joiner(const struct bk_call *c);

/* The first verdict stays: false when there was one. */
bool bk_call_vdecide(struct bk_call *c, int error, enum bk_call_who who, const char *fmt, va_list ap);
bool bk_call_decide(struct bk_call *c, int error, enum bk_call_who who, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The verdict to tell on; its text lives in the call. */
/* More of what is wrong, behind the sentence that was given. */
void bk_call_add(struct bk_call *c, const char *more);
struct bk_call_failure bk_call_failure(const struct bk_call *c);

/* The sentence for a start that failed, unless ret_text has one. act: "send". */
void bk_call_explain(
	int error, const char *act, const struct bk_session_opts *opts, char ret_text[BK_CALL_TEXT_MAX]);

/* A copy without what would drive a terminal, cut to max at a character's end. NULL is "". Returns out. */
const char *bk_call_harmless(char *out, size_t max, const char *text);
/* What was cut at the end of a buffer may end inside a character: takes its beginning away. */
void bk_call_trim(char *s);

#endif
