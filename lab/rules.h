/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_RULES_H
#define BK_LAB_RULES_H

#include "base/buf.h"
#include "lab/plan.h"

/* Appends the nft script that makes a kernel behave like r->type. BK_E_FULL or BK_E_NOMEM from the buffer. */
int bk_lab_rules_write(const struct bk_lab_router *r, enum bk_lab_answer answer, struct bk_buf *out);

#endif
