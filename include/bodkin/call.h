/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_CALL_H
#define BODKIN_CALL_H

#include <stdbool.h>
#include <stddef.h>

#include <bodkin/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What everything that is done with one other machine (a transfer and whatever comes) tells on its way, and
 * how its failure is told. Strings are borrowed for the call and harmless on a terminal, whatever the other
 * side chose. Thread rule: everything comes on the thread of the loop it was started with. */

struct bk_call; /* opaque: which of several */

/* All may be NULL. Copied by whoever takes it. */
struct bk_call_news {
	size_t size; /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	/* Tell it to the other person. Not where one came with a code. Again: the one before was used up by
	 * somebody who was not the one. */
	void (*on_code)(struct bk_call *call, void *arg, const char *code);
	/* The right code was used. */
	void (*on_peer)(struct bk_call *call, void *arg, const struct bk_peer *peer);
	/* Once for each path taken. */
	void (*on_path)(struct bk_call *call, void *arg, const struct bk_path *path);
	/* What happens. Verbosity -1: what a person should know (a server met for the first time, nothing can be
	 * remembered), once; 0: what is waited for (the server is away) or is there again; 1 or 2: for those who
	 * ask. */
	void (*on_note)(struct bk_call *call, void *arg, int verbosity, const char *text);
	/* No path is left, and another one is looked for, until the next on_path or the end. */
	void (*on_lost)(struct bk_call *call, void *arg, const char *text);
};

/* Where the fault was found. */
enum bk_call_who {
	BK_CALL_WHO_HERE,    /* this machine, this user: a file, a wish to stop, the options */
	BK_CALL_WHO_SERVER,  /* not reached, refused, ended */
	BK_CALL_WHO_PEER,    /* the other side said it about itself: its file, its disk, its refusal */
	BK_CALL_WHO_BETWEEN, /* neither alone: a wrong code, nobody there, no path, a path that broke */
};

struct bk_call_failure {
	int error;        /* BK_E_... */
	const char *text; /* a full sentence */
	enum bk_call_who who;
	bool has_code; /* a code had been made, so the server was reached */
	bool has_peer; /* the other side had been met; before, it is about the server or the code */
};

/* The server's key as it goes behind '#', from on_code on; NULL before, without a server, and for a NULL call. */
BK_API const char *bk_call_server_pin(const struct bk_call *call);

#ifdef __cplusplus
}
#endif
#endif
