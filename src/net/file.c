/* SPDX-License-Identifier: Apache-2.0 */
/* Small state files. A reader sees the old content or the new, never half of one. */
#include "net/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

enum { LOCK_TRIES = 200 };

static int read_all(int fd, char *data, size_t cap, size_t *ret_len)
{
	size_t len = 0;
	ssize_t n;

	while (len < cap && (n = read(fd, data + len, cap - len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return bk_error_from_errno(errno);
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

int bk_file_read(const char *path, size_t max, char **ret_data, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	char *data;
	size_t len = 0;

	if (fd < 0)
		return bk_error_from_errno(errno);
	data = malloc(max + 2);
	err = data ? read_all(fd, data, max + 1, &len) : BK_E_NOMEM;
	close(fd);
	if (!err && len > max)
		err = BK_E_TOO_BIG;
	if (err < 0) {
		free(data);
		return err;
	}
	data[len] = 0;
	*ret_data = data;
	*ret_len = len;
	return 0;
}

static int write_all(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t w = write(fd, data, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return bk_error_from_errno(errno);
		data += w;
		n -= (size_t)w;
	}
	return fsync(fd) < 0 ? bk_error_from_errno(errno) : 0;
}

int bk_file_write(const char *path, const void *data, size_t n)
{
	char beside[PATH_MAX];
	int fd, err;

	if (snprintf(beside, sizeof(beside), "%s.%ld.new", path, (long)getpid()) >= (int)sizeof(beside))
		return BK_E_TOO_BIG;
	(void)unlink(beside); /* of one that died, or laid there for us: keys are not written into it */
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return bk_error_from_errno(errno);
	err = write_all(fd, data, n);
	if (close(fd) < 0 && !err)
		err = bk_error_from_errno(errno);
	if (!err && rename(beside, path) < 0)
		err = bk_error_from_errno(errno);
	if (err < 0)
		unlink(beside);
	return err;
}

/* The folder itself is locked: a lock on the file would stay with the old one when the new one takes its place. A lock
 * is held for one write, so trying again is not worth a timer. */
int bk_file_lock(const char *folder, int *ret_lock)
{
	const struct timespec pause = {.tv_nsec = 1000000000 / LOCK_TRIES};
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = -1;

	if (fd < 0)
		return bk_error_from_errno(errno);
	for (int tries = 0;
		tries < LOCK_TRIES && (rc = flock(fd, LOCK_EX | LOCK_NB)) < 0 && errno == EWOULDBLOCK;
		tries++)
		nanosleep(&pause, NULL);
	if (rc < 0) {
		rc = errno == EWOULDBLOCK ? BK_E_TIMEOUT : bk_error_from_errno(errno);
		close(fd);
		return rc;
	}
	*ret_lock = fd;
	return 0;
}

void bk_file_unlock(int lock)
{
	close(lock);
}

static int check_dir(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return bk_error_from_errno(errno);
	return S_ISDIR(st.st_mode) ? 0 : BK_E_EXISTS;
}

int bk_file_make_dir(const char *path)
{
	char part[PATH_MAX];

	if (!*path || strlen(path) >= sizeof(part))
		return BK_E_INVALID;
	for (size_t i = 1;; i++) {
		if (path[i] && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return bk_error_from_errno(errno);
		if (!path[i])
			return check_dir(path);
	}
}
