/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "path/remembered.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read is written the same way, but for rows that were there twice; and never more than there is room for. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct bk_remembered_pair networks = {{1, 2, 3}};
	static const struct bk_memo memo = {.technique = "punch", .port = 7};
	static struct bk_remembered r, again;
	static char text[BK_REMEMBERED_TEXT_MAX];
	struct bk_memo found;
	size_t len;

	if (bk_remembered_from_text((const char *)data, size, &r) < 0)
		return 0;
	len = bk_remembered_to_text(&r, text);
	if (len >= sizeof(text) || strlen(text) != len || bk_remembered_from_text(text, len, &again) < 0 ||
		again.len != r.len || memcmp(again.rows, r.rows, r.len * sizeof(r.rows[0])))
		abort();
	bk_remembered_put(&r, &networks, &memo);
	if (r.len > BK_REMEMBERED_ROWS_MAX || !bk_remembered_find(&r, &networks, &found) ||
		found.port != memo.port)
		abort();
	return 0;
}
