/* SPDX-License-Identifier: Apache-2.0 */
/* Prefaces and session frame headers. What decodes must encode to the same bytes (reserved ones aside), and a
 * preface that is refused at n bytes is refused at n + 1. */
#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "wire/frame.h"
#include "wire/preface.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_preface(const uint8_t *data, size_t size)
{
	uint8_t out[BK_PREFACE_LEN];
	struct bk_preface p;
	int before = BK_E_TRUNCATED, err;

	for (size_t n = 0; n <= size && n <= BK_PREFACE_LEN; n++) {
		err = bk_preface_decode(data, n, &p);
		assert(before == BK_E_TRUNCATED || err == before);
		before = err;
	}
	if (before == 0) {
		bk_preface_encode(&p, out);
		assert(!memcmp(out, data, sizeof(out)));
	}
}

static void try_frame(const uint8_t *data, size_t size)
{
	uint8_t out[BK_SFRAME_HEADER_LEN];
	struct bk_sframe f;

	if (bk_sframe_decode(data, size, &f) < 0)
		return;
	assert(f.length <= BK_SFRAME_PAYLOAD_MAX);
	bk_sframe_encode(&f, out);
	assert(!memcmp(out, data, 2) && !memcmp(out + 4, data + 4, 8));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_preface(data, size);
	try_frame(data, size);
	return 0;
}
