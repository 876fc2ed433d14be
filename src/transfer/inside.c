/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "wire/file_list.h"

static void close_but(int fd, int dir)
{
	int code = errno;

	if (fd != dir)
		close(fd);
	errno = code;
}

int bk_inside_open(int dir, const char *path, size_t len, int flags, bool follows)
{
	const int always = O_CLOEXEC | (follows ? 0 : O_NOFOLLOW);
	const char *end = path + len;
	char part[BK_FILE_NAME_MAX + 1];
	int at = dir, next = -1;

	errno = ENAMETOOLONG;
	for (; path < end; path++) {
		const char *slash = memchr(path, '/', (size_t)(end - path));
		size_t n = (size_t)((slash ? slash : end) - path);

		if (n >= sizeof(part))
			next = -1;
		else {
			snprintf(part, sizeof(part), "%.*s", (int)n, path);
			next = openat(at, part, (slash ? O_PATH | O_DIRECTORY : flags) | always);
		}
		close_but(at, dir);
		if (next < 0)
			return -1;
		at = next;
		path += n;
	}
	return next;
}
