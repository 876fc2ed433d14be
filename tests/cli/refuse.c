/* SPDX-License-Identifier: Apache-2.0 */
/* For LD_PRELOAD: a file system on which no name has a ':', as those that Windows made. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refuse(const char *path)
{
	if (!strchr(path, ':'))
		return 0;
	errno = EINVAL;
	return -1;
}

int openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (flags & O_CREAT && refuse(path) < 0)
		return -1;
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...) __attribute__((alias("openat64")));

int mkdirat(int dir, const char *path, mode_t mode)
{
	return refuse(path) < 0 ? -1 : (int)syscall(SYS_mkdirat, dir, path, mode);
}
