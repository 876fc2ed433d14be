/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wire/file_list.h"

static void close_but(int fd, int dir)
{
	int code = errno;

	if (fd != dir)
		close(fd);
	errno = code;
}

/* In one step, where the system can: none where it cannot, or where it goes wrong, which is found out step by step. */
static int open_at_once(int dir, const char *path, size_t len, int flags)
{
	const struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	char name[BK_FILE_PATH_MAX + 1];

	if (len >= sizeof(name))
		return -1;
	memcpy(name, path, len);
	name[len] = 0;
	return (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

static int open_by_steps(int dir, const char *path, size_t len, int flags, bool follows)
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

int bk_inside_open(int dir, const char *path, size_t len, int flags, bool follows)
{
	int fd = follows ? -1 : open_at_once(dir, path, len, flags);

	return fd >= 0 ? fd : open_by_steps(dir, path, len, flags, follows);
}
