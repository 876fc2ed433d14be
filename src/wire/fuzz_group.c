/* SPDX-License-Identifier: Apache-2.0 */
/* One message between a member and the server. What decodes must encode to the same bytes, and its entries must be
 * there. */
#include <stdlib.h>
#include <string.h>

#include "wire/group.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entries(const struct bk_group_msg *m)
{
	const uint8_t *at = m->bytes, *card;
	size_t left = m->len, len, sum = 0;
	uint64_t member;

	while (bk_group_entry_next(&at, &left, &member, &card, &len)) {
		sum += 10 + len;
		if (len > BK_GROUP_CARD_MAX || card + len > m->bytes + m->len)
			abort();
	}
	if (sum != m->len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bk_group_msg m;
	struct bk_buf out;

	if (bk_group_decode(data, size, &m) < 0)
		return 0;
	if (m.type == BK_GROUP_ROSTER)
		check_entries(&m);
	bk_buf_init(&out, BK_GROUP_MSG_MAX + 128);
	if (bk_group_encode(&out, &m) == 0 && (out.len != size || memcmp(bk_buf_head(&out), data, size) != 0))
		abort();
	bk_buf_done(&out);
	return 0;
}
