/* SPDX-License-Identifier: Apache-2.0 */
/* A struct of another version becomes one of ours. A wish that this version does not know is refused, not
 * dropped: a program that asked for it would wait in vain. */
#include "base/opts.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"

static bool is_zero(const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (data[i])
			return false;
	return true;
}

int bk_opts_copy(void *to, size_t size, size_t first_size, const void *from)
{
	size_t theirs;

	bk_assert(first_size <= size);
	memset(to, 0, size);
	if (!from)
		return BK_E_INVALID;
	memcpy(&theirs, from, sizeof(theirs));
	theirs = theirs ? theirs : first_size;
	if (theirs < first_size || theirs > BK_OPTS_SIZE_MAX)
		return BK_E_INVALID;
	if (theirs > size && !is_zero((const uint8_t *)from + size, theirs - size))
		return BK_E_UNSUPPORTED;
	memcpy(to, from, theirs < size ? theirs : size);
	memcpy(to, &size, sizeof(size));
	return 0;
}

void bk_opts_fill(void *to, size_t size, size_t first_size, const void *from)
{
	size_t theirs, skip = sizeof(theirs);

	bk_assert(first_size <= size);
	memcpy(&theirs, to, sizeof(theirs));
	theirs = theirs < first_size ? first_size : theirs;
	memcpy((uint8_t *)to + skip, (const uint8_t *)from + skip, (theirs < size ? theirs : size) - skip);
}
