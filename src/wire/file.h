/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_FILE_H
#define BK_WIRE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bodkin/transfer.h>

#include "base/buf.h"
#include "wire/file_list.h"
#include "wire/framing.h"

/* The messages of a channel of kind BK_TRANSFER_CHANNEL_KIND (docs/protocol/files.md): JSON-header messages whose
 * header has a `type`. Lists (offer, accept) travel as JSON content, file bytes as raw content, all else is header
 * only. */
#define BK_FILE_TAKER_KIND "takes-" BK_TRANSFER_CHANNEL_KIND /* a receiver's sign, which nobody takes */

enum {
	BK_FILE_ENTRIES_MAX = 10000, /* of one message */
	BK_FILE_PIECE_MAX = 1 << 20, /* bytes of the content of entries, choices or have, as they are sent */
	BK_FILE_LIST_MAX = 4 << 20,  /* bytes of an offer's or an accept's content */
	BK_FILE_CONTENT_MAX = 4 << 20, /* bytes of one content message */
	BK_FILE_HEADER_MAX = 4096,
	BK_FILE_CODE_MAX = 32,
	BK_FILE_ENCODING_MAX = 16,
	BK_FILE_TEXT_MAX = 256,
	BK_FILE_DIGEST_LEN = 16, /* XXH3-128, canonical (big-endian) */
	BK_FILE_VERSION = 2,     /* ours, in offer and accept; who says none is of before there were any */
};

enum bk_file_type {
	BK_FILE_OFFER,
	BK_FILE_ACCEPT,
	BK_FILE_REFUSE,
	BK_FILE_CONTENT,
	BK_FILE_DIGEST,
	BK_FILE_DONE,
	BK_FILE_ERROR,
	BK_FILE_ENTRIES,
	BK_FILE_CHOICES,
	BK_FILE_HAVE,     /* content: records (have.h) */
	BK_FILE_COUNTING, /* the offer is still being made, which who is of before skips */
	BK_FILE_PACKED,   /* other messages inside; the reader unpacks it and never hands it out */
	BK_FILE_UNKNOWN,  /* of a later version: skipped by the reader, never handed out */
};

const char *bk_file_type_name(enum bk_file_type type);

/* Which fields mean something is the type's business: counting {entries: so far}; offer {entries, bytes, version,
 * more}; entries {more}; accept {version, encoding, passes}; refuse, error {code, text}; content {entry, offset, hole};
 * digest {entry, digest}; done {entries, bytes, digest}; packed {encoding, bytes: unpacked}. */
struct bk_file_msg {
	enum bk_file_type type;
	uint32_t entry, entries, version;
	uint32_t more;   /* 1: what was begun goes on with an entries message */
	uint32_t passes; /* 1: what comes is not kept but handed on, and does not go on another time */
	uint64_t offset, bytes;
	uint64_t
		hole; /* so many zero bytes instead of content, at most BK_FILE_CONTENT_MAX; to version 2 only */
	uint8_t digest[BK_FILE_DIGEST_LEN];
	char encoding[BK_FILE_ENCODING_MAX]; /* "zstd": taken by who accepts; of what is packed */
	char code[BK_FILE_CODE_MAX];         /* an error's name (bodkin/error.h) */
	char text[BK_FILE_TEXT_MAX];         /* for a person; harmless on a terminal */
	uint64_t content_len;                /* set when read */
};

struct bk_file_choice {
	/* There are as many as entries. */
	bool is_taken : 1;
	uint64_t offset : 62; /* so much of it is there already; version 2 */
	bool is_said : 1;     /* when read */
};

/* Each appends one whole message (of content: the header only, whose content_len bytes follow by the caller).
 * BK_E_TOO_BIG, BK_E_FULL, BK_E_NOMEM; BK_E_INVALID for text that is not UTF-8. */
int bk_file_msg_encode(struct bk_buf *out, const struct bk_file_msg *m, uint64_t content_len);
/* The next message of an offer, from entry *at on, which is moved on; it was the last when *at is the list's length.
 * What fits into one message is one that every receiver knows. */
int bk_file_offer_encode(struct bk_buf *out, const struct bk_file_list *l, size_t *at);
/* What is chosen about each entry: asked for and not listed, since there may be millions. */
struct bk_file_choices {
	struct bk_file_choice (*get)(const void *arg, size_t entry);
	const void *arg;
	size_t len;
};
/* The same of an answer. header: what it says besides its choices; its type is set here, and version 0 is what a
 * sender of before understands: one message, if there are no more than BK_FILE_ENTRIES_MAX. */
int bk_file_accept_encode(struct bk_buf *out, const struct bk_file_msg *header,
	const struct bk_file_choices *choices, size_t *at);

/* Reads a header. Numbers out of range, fields missing, text too long: BK_E_MALFORMED; a type that carries no
 * content with content: BK_E_PROTOCOL; BK_E_TOO_BIG; BK_E_NOMEM. */
int bk_file_msg_decode(const void *header, size_t len, uint64_t content_len, struct bk_file_msg *ret_msg);

/* Reads the content of an offer that has no more, or of entries, behind what the list has. BK_E_MALFORMED (also for two
 * entries of one path, for one whose folder is not offered before it, and for none), BK_E_UNSAFE_PATH, BK_E_TOO_BIG,
 * BK_E_NOMEM; the list may have more then. Whether all links lead to an entry is known when all are there. */
int bk_file_offer_decode(const void *content, size_t len, struct bk_file_list *l);
/* Reads the content of choices, or of an accept, for n entries; *said: how many have been chosen about. BK_E_MALFORMED
 * also where one is for the second time. */
int bk_file_accept_decode(
	const void *content, size_t len, size_t n, struct bk_file_choice *choices, size_t *said);

#endif
