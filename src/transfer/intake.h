/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_INTAKE_H
#define BK_TRANSFER_INTAKE_H

#include "wire/file.h"

/* An offer as it comes, in one message or in many. Embedded; zeroed but for the list it is ready. */
struct bk_intake {
	struct bk_file_list *list;
	uint32_t entries; /* that were announced, of an offer in pieces */
};

/* An offer or entries message, with its content. 0: all is there; BK_E_AGAIN: more comes; else it cannot be used. */
int bk_intake_read(struct bk_intake *i, const struct bk_file_msg *msg, const struct bk_buf *content);
#endif
