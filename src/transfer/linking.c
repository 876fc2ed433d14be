/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/linking.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "transfer/part.h"
#include "wire/file_list.h"

bool bk_linking_is_same(int dir, const char *leaf, const char *target)
{
	char said[BK_FILE_PATH_MAX + 1];
	ssize_t n = readlinkat(dir, leaf, said, sizeof(said));

	return n >= 0 && (size_t)n == strlen(target) && !memcmp(said, target, (size_t)n);
}

/* A new one under a name of its own, then over what is there. */
static int replace(int dir, const char *leaf, const char *target)
{
	char part[BK_PART_MAX];
	int res = -1, code;

	errno = EEXIST;
	for (unsigned i = 0; i < BK_PART_TRIES && res < 0 && errno == EEXIST; i++) {
		bk_part_name(part, leaf, i);
		res = symlinkat(target, dir, part);
	}
	if (res < 0 || renameat(dir, part, dir, leaf) == 0)
		return res;
	code = errno;
	(void)unlinkat(dir, part, 0);
	errno = code;
	return -1;
}

int bk_linking_make(int dir, const char *leaf, const char *target, bool may_replace)
{
	if (symlinkat(target, dir, leaf) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	if (bk_linking_is_same(dir, leaf, target))
		return 0;
	if (may_replace)
		return replace(dir, leaf, target);
	errno = EEXIST;
	return -1;
}
