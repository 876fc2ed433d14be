/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_INTAKE_H
#define BK_STREAM_INTAKE_H

#include <stdbool.h>

#include "wire/frame.h"

/* Cuts what arrives on a link into frames, the only time that a header is read. Payload is handed on in the
 * pieces in which it arrives. Embedded by value; a zeroed one begins, and none need be ended. It calls nobody and
 * owns nothing: a piece points into what was handed in. One loop's thread. */
struct bk_intake {
	struct bk_sframe frame; /* the one being read */
	uint32_t left;          /* of its payload */
	uint8_t head[BK_SFRAME_HEADER_LEN];
	size_t head_len;
};

struct bk_intake_piece {
	bool is_head; /* a frame begins; else some of its payload, never empty */
	const uint8_t *data;
	size_t len;
};

/* Takes the next piece from the front of data. 1: there is one; in->frame and in->left say of what and how
 * much is left after it. 0: all was taken. Negative: what bk_sframe_decode says. */
int bk_intake_next(struct bk_intake *in, const uint8_t **data, size_t *n, struct bk_intake_piece *ret_piece);

#endif
