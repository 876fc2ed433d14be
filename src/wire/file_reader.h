/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_FILE_READER_H
#define BK_WIRE_FILE_READER_H

#include "wire/file.h"
#include "wire/packed.h"

/* The stream of file messages, incremental: lists are gathered, packed messages are unpacked, and file bytes are handed
 * on as they come. */
enum bk_file_event {
	BK_FILE_NOTHING, /* all input consumed */
	BK_FILE_MESSAGE, /* msg is set; for a list `list` holds its content. For content it comes
			    at the header, before any of its bytes */
	BK_FILE_PIECE,   /* `piece`, `piece_len`: bytes of the content message that msg names; borrowed */
};

struct bk_file_reader {
	struct bk_frame_decoder frames;
	struct bk_file_msg msg;
	struct bk_buf list; /* or the content of a packed message, until it is whole */
	const uint8_t *piece;
	size_t piece_len;
	uint64_t travelled;             /* bytes of files, as they came: packed or not */
	bool takes_packed;              /* set by who told the other side so; else it is out of place */
	bool is_inside;                 /* of a packed message, which has come */
	struct bk_frame_decoder inside; /* its messages */
	struct bk_unpacker *unpacker;
	uint8_t *raw;
	const uint8_t *raw_at;
	size_t raw_left;
};

void bk_file_reader_init(struct bk_file_reader *r);
void bk_file_reader_done(struct bk_file_reader *r);
/* Takes bytes from *data / *len until there is something to tell; call until BK_FILE_NOTHING, also with no bytes where
 * it was not called so far. A negative error is final for this reader. */
int bk_file_reader_next(struct bk_file_reader *r, const uint8_t **data, size_t *len);

#endif
