/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_GROUP_H
#define BK_WIRE_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* What a client and the server say to each other of a group: the body of a ClientGroupMessage and of a
 * ServerGroupMessage (docs/protocol/groups.md). Cards and posts are sealed for the members; here they are bytes with a
 * ceiling. One table in group.c says which type has which fields. Form only: what is in its place is for server/ and
 * rendezvous/. */
enum bk_group_type {
	/* from a member */
	BK_GROUP_JOIN = 1,  /* id life number bytes(card): the life and number it knows last; zero: none */
	BK_GROUP_CARD = 2,  /* bytes(card): instead of the one before */
	BK_GROUP_POST = 3,  /* ticket bytes(post) */
	BK_GROUP_LEAVE = 4, /* */
	/* to a member */
	BK_GROUP_JOINED =
		16, /* life member oldest number: its own handle; what is kept, from oldest to number */
	BK_GROUP_ROSTER = 17, /* is_last bytes(entries): who is there already */
	BK_GROUP_CAME = 18,   /* member bytes(card): a new one, or a new card of it */
	BK_GROUP_GONE = 19,   /* member code("": by its own word) */
	BK_GROUP_SAID = 20,   /* number bytes(post) */
	BK_GROUP_DENIED =
		21, /* type_denied ticket wait_ms code: that request failed; the connection goes on */
	BK_GROUP_ENDED = 22, /* code: it is no member any more */
};

enum {
	BK_GROUP_ID_LEN = 32,
	BK_GROUP_LIFE_LEN = 16,
	BK_GROUP_CARD_MAX = 512,
	BK_GROUP_POST_MAX = 65024,
	BK_GROUP_CODE_MAX = 32,      /* an error's name */
	BK_GROUP_ROSTER_MAX = 32768, /* bytes of entries in one message */
	BK_GROUP_MSG_MAX = 65280,    /* of any of them, encoded */
};

struct bk_group_msg {
	uint8_t type; /* one of the above, or a later version's: to be skipped */
	uint8_t id[BK_GROUP_ID_LEN];
	uint8_t life
		[BK_GROUP_LIFE_LEN]; /* which existence of the group: a server that lost it begins another one */
	uint64_t member, number, oldest;
	uint32_t ticket, wait_ms;
	uint8_t type_denied;
	bool is_last;
	char code[BK_GROUP_CODE_MAX + 1];
	const uint8_t *bytes; /* borrowed */
	size_t len;
};

/* Appends one. BK_E_INVALID (no such type, a code that is no name, a number above INT64_MAX), BK_E_TOO_BIG,
 * BK_E_FULL, BK_E_NOMEM; nothing is appended then. */
int bk_group_encode(struct bk_buf *out, const struct bk_group_msg *m);

/* Reads one; its bytes are borrowed from `data`. Of an unknown type nothing but that is read. BK_E_TRUNCATED,
 * BK_E_TOO_BIG, BK_E_MALFORMED; ret_msg is touched on success only. */
int bk_group_decode(const void *data, size_t len, struct bk_group_msg *ret_msg);

/* Entries of a roster: a member and its card. Append: BK_E_TOO_BIG for a card, BK_E_FULL where the roster is. */
int bk_group_entry_append(struct bk_buf *entries, uint64_t member, const void *card, size_t len);
/* Takes the next one off the front of the bytes of a decoded roster; false: that was all. */
bool bk_group_entry_next(
	const uint8_t **at, size_t *left, uint64_t *ret_member, const uint8_t **ret_card, size_t *ret_len);

#endif
