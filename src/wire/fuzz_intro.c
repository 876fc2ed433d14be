/* SPDX-License-Identifier: Apache-2.0 */
/* What decodes must encode, and decode to the same again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wire/intro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bk_intro in, again;
	char *a, *b;
	size_t a_len, b_len;

	if (bk_intro_decode(data, size, &in) < 0)
		return 0;
	assert(bk_intro_encode(&in, &a, &a_len) == 0);
	assert(a_len <= BK_INTRO_BYTES_MAX);
	assert(bk_intro_decode(a, a_len, &again) == 0);
	assert(bk_intro_encode(&again, &b, &b_len) == 0);
	assert(a_len == b_len && !memcmp(a, b, a_len));
	free(a);
	free(b);
	return 0;
}
