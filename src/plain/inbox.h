/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PLAIN_INBOX_H
#define BK_PLAIN_INBOX_H

#include "base/buf.h"
#include "wire/framing.h"
#include "wire/rdv.h"

/* Bytes of a server become messages, however they are cut. */
struct bk_plain_inbox {
	struct bk_frame_decoder decoder;
	struct bk_buf content;
};

void bk_plain_inbox_init(struct bk_plain_inbox *in);
void bk_plain_inbox_done(struct bk_plain_inbox *in);

/* Takes bytes from *data / *len (advancing both) until a message is whole: 1, and ret_msg is filled and due
 * to bk_rdv_done; 0: all bytes are taken. A negative error is final. */
int bk_plain_inbox_next(
	struct bk_plain_inbox *in, const uint8_t **data, size_t *len, struct bk_rdv_msg *ret_msg);

#endif
