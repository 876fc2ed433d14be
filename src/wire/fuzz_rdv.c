/* SPDX-License-Identifier: Apache-2.0 */
/* What decodes must encode, and decode to the same again. */
#include <assert.h>
#include <string.h>

#include "wire/rdv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bk_buf encode(const struct bk_rdv_msg *m)
{
	struct bk_buf out;

	bk_buf_init(&out, BK_RDV_MESSAGE_MAX + 4);
	assert(bk_rdv_append(&out, m) == 0);
	assert(out.len > 4);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bk_rdv_msg m, again;
	struct bk_buf a, b;

	if (bk_rdv_decode(data, size, &m) < 0)
		return 0;
	if (m.type != BK_RDV_UNKNOWN) {
		a = encode(&m);
		assert(bk_rdv_decode(bk_buf_head(&a) + 4, a.len - 4, &again) == 0);
		b = encode(&again);
		assert(a.len == b.len && !memcmp(bk_buf_head(&a), bk_buf_head(&b), a.len));
		bk_rdv_done(&again);
		bk_buf_done(&a);
		bk_buf_done(&b);
	}
	bk_rdv_done(&m);
	return 0;
}
