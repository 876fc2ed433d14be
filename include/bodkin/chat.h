/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_CHAT_H
#define BODKIN_CHAT_H

#include <stddef.h>
#include <stdint.h>

#include <bodkin/call.h>
#include <bodkin/loop.h>
#include <bodkin/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Talk with one other person, by a code. Each side says numbered messages whenever it wants; nothing is lost, doubled
 * or reordered by a path that dies, and the program of the one who hears acknowledges what was handed to it. `bodkin
 * chat` is made of this.
 *
 * Thread rule: a chat belongs to the thread of its loop. No callback comes from inside a call. Ownership: options,
 * their strings and the events are copied; what a callback is handed is borrowed for its time, and what is said is
 * copied before bk_chat_say returns. on_end comes exactly once, last; the chat may be freed from inside it, and from
 * inside no other callback. */
struct bk_chat;

enum { BK_CHAT_TEXT_MAX = 65536, BK_CHAT_SENTENCE_MAX = 512 };

/* What the other person said. */
struct bk_chat_message {
	uint64_t number;  /* 1, 2, 3 ... */
	const char *from; /* the other person's name; harmless on a terminal, may be empty */
	/* len bytes of UTF-8 (0 to BK_CHAT_TEXT_MAX) and a NUL; nothing in it drives a terminal: newlines and tabs are
	 * the only controls that come through, the others are '?'. */
	const char *text;
	size_t len;
};

/* How far it came. */
struct bk_chat_result {
	uint64_t said;      /* messages of ours */
	uint64_t delivered; /* of these, the first so many reached the other side's program */
	uint64_t heard;     /* messages of the other side */
	double seconds;     /* since on_open; 0 when it never came */
};

/* on_message and on_end are required. */
struct bk_chat_events {
	size_t size;                     /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	const struct bk_call_news *news; /* NULL: none */
	void (*on_open)(struct bk_chat *chat, void *arg); /* now it can be talked */
	void (*on_message)(struct bk_chat *chat, void *arg, const struct bk_chat_message *message);
	/* The first `number` messages of ours have been handed to the other side's program. */
	void (*on_delivered)(struct bk_chat *chat, void *arg, uint64_t number);
	void (*on_writable)(struct bk_chat *chat, void *arg); /* room again after BK_E_AGAIN */
	void (*on_finished)(struct bk_chat *chat, void *arg); /* the other side says no more, but hears */
	/* The other side opened a channel for something else, as <bodkin/session.h> has it: bk_channel_listen on it
	 * before returning, or it is reset. */
	void (*on_channel)(struct bk_chat *chat, void *arg, struct bk_channel *channel, const char *kind);
	/* failure NULL: both sides had said all they wanted, and all of it was delivered. */
	void (*on_end)(struct bk_chat *chat, void *arg, const struct bk_chat_result *result,
		const struct bk_call_failure *failure);
};

struct bk_chat_opts {
	size_t size; /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	const struct bk_session_opts *session;
};

/* Starts a session at once. BK_E_INVALID (server or code unusable, an event that is missing), BK_E_UNSUPPORTED,
 * BK_E_NOMEM: ret_text (may be NULL) is a sentence then. */
BK_API int bk_chat_new(struct bk_loop *loop, const struct bk_chat_opts *opts,
	const struct bk_chat_events *events, void *arg, struct bk_chat **ret_chat,
	char ret_text[BK_CHAT_SENTENCE_MAX]);

/* Says len bytes of UTF-8, perhaps none; ret_number (may be NULL) is the message's. Nothing is said on
 * failure: BK_E_AGAIN before on_open, and while enough waits (on_writable comes then); BK_E_TOO_BIG,
 * BK_E_INVALID (no UTF-8, or a NUL in it), BK_E_EOF after bk_chat_finish, bk_chat_leave and the end,
 * BK_E_NOMEM. */
BK_API int bk_chat_say(struct bk_chat *chat, const char *text, size_t len, uint64_t *ret_number);

/* Stops on_message, from inside it too, and resumes it. What comes meanwhile is not acknowledged, is kept up to a
 * ceiling, and slows the other side down. */
BK_API void bk_chat_pause(struct bk_chat *chat);
BK_API void bk_chat_resume(struct bk_chat *chat);

/* No more from this side; before on_open nothing happens. The chat ends when the other side has finished,
 * too, and everything was delivered. */
BK_API void bk_chat_finish(struct bk_chat *chat);
/* The same, but it ends at once before on_open, and as soon as what was said here is delivered, whatever the
 * other side still wants to say. */
BK_API void bk_chat_leave(struct bk_chat *chat);
/* Ends it now: what is under way may be lost. The other side is told; on_end with BK_E_CANCELLED follows within two
 * seconds. */
BK_API void bk_chat_cancel(struct bk_chat *chat);

/* The session that it runs on, for other channels beside it; belongs to the chat and ends with it: not to be closed or
 * freed. NULL before it is there. */
BK_API struct bk_session *bk_chat_session(const struct bk_chat *chat);

/* At once and silently. NULL is fine. */
BK_API void bk_chat_free(struct bk_chat *chat);

#ifdef __cplusplus
}
#endif
#endif
