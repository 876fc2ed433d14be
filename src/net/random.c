/* SPDX-License-Identifier: Apache-2.0 */
#include "net/random.h"

#include <stdint.h>

#include <sodium.h>

#include "base/assert.h"

enum { BYTES_MAX = 32 };

void bk_random_name(size_t bytes, char *out)
{
	uint8_t random[BYTES_MAX];

	bk_assert(bytes <= BYTES_MAX);
	randombytes_buf(random, bytes);
	sodium_bin2hex(out, 2 * bytes + 1, random, bytes);
}
