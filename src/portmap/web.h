/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PORTMAP_WEB_H
#define BK_PORTMAP_WEB_H

#include <bodkin/addr.h>
#include <stdbool.h>
#include <stddef.h>

/* HTTP/1.1 as far as a UPnP router needs it: where a page is, and what came back. All of it is the router's word, so
 * it has a ceiling. */
enum { BK_WEB_ANSWER_MAX = 64 * 1024, BK_WEB_PATH_MAX = 512 };

struct bk_web_place {
	struct bk_addr at;
	char path[BK_WEB_PATH_MAX]; /* nothing in it that would end a line or a word of a request */
};

/* "http://IP[:PORT][/PATH]"; never a name. BK_E_MALFORMED, BK_E_TOO_BIG. */
int bk_web_place_read(const char *url, struct bk_web_place *ret_place);

/* Is that a page on the machine of that address, whatever the port? Whoever answers a search may name any. NULL: no. */
bool bk_web_is_at(const char *url, const struct bk_addr *ip);

/* Does that line begin so, whatever the case? */
bool bk_web_begins(const char *line, const char *end, const char *with);

struct bk_web_answer {
	char bytes[BK_WEB_ANSWER_MAX + 1];
	size_t len; /* of what came */
	unsigned status;
	char *body; /* inside bytes, with a NUL after it */
	size_t body_len;
	/* The reader's: no byte is read twice, however few come at a time. */
	size_t at, searched; /* read up to here; no line ends before that */
	size_t length;       /* of the body, as the head says */
	size_t chunk_left;
	bool is_chunked, is_in_chunk;
};

void bk_web_answer_init(struct bk_web_answer *a);
/* Once more has come (a->len has grown), or nothing will (is_end; a body that is cut short then is what there
 * is). 0: all is there, read no more; BK_E_AGAIN: wait; BK_E_TOO_BIG, BK_E_MALFORMED. */
int bk_web_answer_read(struct bk_web_answer *a, bool is_end);

#endif
