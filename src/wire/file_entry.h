/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_FILE_ENTRY_H
#define BK_WIRE_FILE_ENTRY_H

#include <jansson.h>

#include "base/buf.h"
#include "wire/file_list.h"

/* An entry of an offer as JSON (ENTRY in docs/protocol/files.md), both ways. */

/* Appends its text, as a tree of JSON would print it. BK_E_FULL, BK_E_NOMEM. */
int bk_file_entry_append(struct bk_buf *out, const struct bk_file_entry *e);
/* At least as many bytes as its text has, with a comma. */
size_t bk_file_entry_room(const struct bk_file_entry *e);
/* Adds it to the list. BK_E_MALFORMED (also for a second one of its path, and one whose folder is not before it),
 * BK_E_UNSAFE_PATH, BK_E_TOO_BIG, BK_E_NOMEM. */
int bk_file_entry_from_json(const json_t *o, struct bk_file_list *l);

#endif
