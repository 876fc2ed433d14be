/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_APPS_TRANSFER_H
#define BK_APPS_TRANSFER_H

#include <bodkin/session.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a file transfer tells the one who started it, the same for both directions. Strings are borrowed for
 * the call and harmless on a terminal whatever the other side sent. No callback comes from inside a call.
 * Exactly one of on_done and on_error comes, last; the transfer may be freed from inside it. All are
 * required. */
enum { BK_TRANSFER_TEXT_MAX = 512 };

enum bk_transfer_question {
	BK_TRANSFER_ASK_ACCEPT,    /* take what is offered? */
	BK_TRANSFER_ASK_OVERWRITE, /* replace the files that exist? */
};

struct bk_transfer_offer {
	size_t entries;
	uint64_t bytes;
	const char *first; /* path of the first entry */
	size_t existing;   /* receiver: so many of the names are taken already */
	const char *existing_first;
	const char *from; /* receiver: the other person's name */
};

struct bk_transfer_result {
	size_t entries;
	uint64_t bytes;
	double seconds;     /* from the answer to the offer to the last file in its place */
	const char *digest; /* XXH3-128 in hexadecimal; of several files: of their digests in order */
	const char *first;
};

struct bk_transfer_failure {
	int error;
	const char *text; /* a full sentence */
	bool is_remote;   /* the other side said it about itself: its file, its disk, its refusal */
	bool has_code;    /* a code had been made, so the server was reached */
	bool has_peer;    /* the other side had been met; before, it is about the server or the code */
};

struct bk_transfer_events {
	void (*on_code)(void *arg, const char *code);
	void (*on_peer)(void *arg, const struct bk_peer *peer);
	void (*on_path)(void *arg, const struct bk_path *path);
	void (*on_note)(void *arg, int verbosity, const char *text);
	void (*on_offer)(void *arg, const struct bk_transfer_offer *offer);
	/* Receiver, and only where its options say ask: answer with bk_recv_answer, now or later. */
	void (*on_ask)(void *arg, enum bk_transfer_question question, const struct bk_transfer_offer *offer);
	void (*on_progress)(void *arg, uint64_t bytes, uint64_t total, double rate); /* at most 5 a second */
	void (*on_done)(void *arg, const struct bk_transfer_result *result);
	void (*on_error)(void *arg, const struct bk_transfer_failure *failure);
};

#endif
