/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVICE_COMPOSE_H
#define BK_SERVICE_COMPOSE_H

#include <bodkin/service.h>

#include "base/buf.h"

struct json_t;

/* What goes before the content of m, appended to `head`. BK_E_INVALID for a header or a content that the
 * framing does not know, BK_E_TOO_BIG, BK_E_NOMEM. */
int bk_compose_head(struct bk_buf *head, enum bk_framing framing, const struct bk_message *m);

/* Reads the two text fields of a JSON header into m; they live as long as *ret_tree, which the caller lets
 * go with json_decref. BK_E_MALFORMED. */
int bk_compose_read_json(struct bk_message *m, size_t header_len, struct json_t **ret_tree);

#endif
