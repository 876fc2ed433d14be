/* SPDX-License-Identifier: Apache-2.0 */
/* Between a message as its user sees it and the header that stands before it on the wire. */
#include "service/compose.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "service/queue.h"
#include "wire/framing.h"
#include "wire/json.h"

static int append_json(struct bk_buf *head, const struct bk_message *m)
{
	json_t *fields = NULL;
	int err;

	if (m->header && bk_json_load(m->header, strlen(m->header), BK_JSON_HEADER_DEPTH_MAX,
				 BK_JSON_HEADER_MEMBERS_MAX, &fields) < 0)
		return BK_E_INVALID;
	err = bk_frame_append_json(head, fields, m->content_type, m->content_encoding, m->content_len);
	json_decref(fields);
	return err;
}

static int append_head(struct bk_buf *head, enum bk_framing framing, const struct bk_message *m)
{
	switch (framing) {
	case BK_FRAMING_RAW:
		return m->header ? BK_E_INVALID : 0;
	case BK_FRAMING_LENGTH:
		return m->header ? BK_E_INVALID : bk_frame_append_length_prefix(head, m->content_len);
	case BK_FRAMING_KEY_VALUE:
		return bk_frame_append_key_value(head, m->header, m->content_len);
	case BK_FRAMING_JSON:
		return append_json(head, m);
	}
	return BK_E_INVALID;
}

int bk_compose_head(struct bk_buf *head, enum bk_framing framing, const struct bk_message *m)
{
	int err;

	if (m->content_len && !m->content)
		return BK_E_INVALID;
	if (m->content_len > BK_QUEUE_MESSAGE_MAX)
		return BK_E_TOO_BIG;
	err = append_head(head, framing, m);
	return err == BK_E_FULL ? BK_E_TOO_BIG : err;
}

static const char *text_of(const json_t *tree, const char *key)
{
	const char *text = json_string_value(json_object_get(tree, key));

	return text ? text : "";
}

int bk_compose_read_json(struct bk_message *m, size_t header_len, json_t **ret_tree)
{
	int err = bk_json_load(
		m->header, header_len, BK_JSON_HEADER_DEPTH_MAX, BK_JSON_HEADER_MEMBERS_MAX, ret_tree);

	if (err < 0)
		return err;
	m->content_type = text_of(*ret_tree, "content-type");
	m->content_encoding = text_of(*ret_tree, "content-encoding");
	return 0;
}
