/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_ROOM_VENUE_H
#define BK_ROOM_VENUE_H

#include <bodkin/group.h>

/* Where the board of a group is: at a server, on the LAN, or, with both, at the server as long as it is in reach and on
 * the LAN while it is not. A place that is lost is come back to, or another one is, by itself. The loop's thread
 * only. */
struct bk_venue;

enum { BK_VENUE_SECRET_LEN = 32 };

/* From the loop; inside, the venue may be stopped, and not freed. */
struct bk_venue_events {
	void (*on_ready)(void *arg); /* we are there: join */
	void (*on_group)(void *arg, const uint8_t *body, size_t n);
	/* We are not there any more, or could not come; on_ready follows, unless it is stopped. error 0: it is for the
	 * better. */
	void (*on_lost)(void *arg, int error, const char *text);
	void (*on_note)(void *arg, int verbosity, const char *text);
};

struct bk_venue_opts {
	const char *server, *token, *state_dir, *lan, *lan_peer; /* as struct bk_group_opts has them */
};

/* Copies the options; BK_E_INVALID and BK_E_NOMEM with a sentence. */
int bk_venue_new(struct bk_loop *loop, const struct bk_venue_opts *opts, const struct bk_venue_events *events,
	void *arg, struct bk_venue **ret_venue, char text[BK_GROUP_SENTENCE_MAX]);
void bk_venue_free(struct bk_venue *v); /* NULL is fine */

/* secret: of the members alone; copied. BK_E_NOMEM and the like. */
int bk_venue_start(struct bk_venue *v, const uint8_t secret[BK_VENUE_SECRET_LEN]);
void bk_venue_again(struct bk_venue *v);   /* something is wrong there: away, and come again after a while */
void bk_venue_settled(struct bk_venue *v); /* we are in, and the board knows what we know */
void bk_venue_stop(struct bk_venue *v);    /* nothing comes any more, but what leave was asked for */

bool bk_venue_is_ours(const struct bk_venue *v); /* the board is kept here */
bool bk_venue_is_on_lan(const struct bk_venue *v);

/* The server's key, once it is known; NULL before, and where none is named. Lives as long as the venue. */
const char *bk_venue_server_pin(struct bk_venue *v);

int bk_venue_send(struct bk_venue *v, const void *body, size_t n);
void bk_venue_flush(struct bk_venue *v, void (*fn)(void *fn_arg), void *fn_arg);
/* For good: whoever came to us has been told all when fn comes. It may come from inside. */
void bk_venue_leave(struct bk_venue *v, void (*fn)(void *fn_arg), void *fn_arg);

#endif
