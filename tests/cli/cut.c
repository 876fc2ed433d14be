/* SPDX-License-Identifier: Apache-2.0 */
/* A power cut, for LD_PRELOAD: after so many bytes ($CUT_AT) were written to files below $CUT_FOLDER, each of them is
 * as long as it was when it was synced last, and the program is gone. Names stay, which is the worst case. With
 * $CUT_SYNCS=0 no sync is one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 20000 };

static struct file {
	ino_t ino;
	int fd; /* of our own */
	off_t synced;
} files[FILES_MAX];
static size_t files_len;
static dev_t device;
static long long left = -1;
static int has_syncs = 1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void __attribute__((constructor)) begin(void)
{
	const char *at = getenv("CUT_AT"), *folder = getenv("CUT_FOLDER"), *syncs = getenv("CUT_SYNCS");
	struct rlimit most;
	struct stat st;

	if (!at || !folder || stat(folder, &st) < 0)
		return;
	device = st.st_dev;
	left = atoll(at);
	has_syncs = !syncs || *syncs != '0';
	if (getrlimit(RLIMIT_NOFILE, &most) == 0) {
		most.rlim_cur = most.rlim_max;
		setrlimit(RLIMIT_NOFILE, &most);
	}
}

/* A regular file of the folder's file system; the state of the program is elsewhere. NULL: none. */
static struct file *file_of(int fd)
{
	char link[64], path[4096];
	struct stat st;
	ssize_t n;

	if (left < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_dev != device)
		return NULL;
	for (size_t i = files_len; i-- > 0;)
		if (files[i].ino == st.st_ino)
			return &files[i];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = 0;
	if (strncmp(path, getenv("CUT_FOLDER"), strlen(getenv("CUT_FOLDER"))) != 0 || files_len == FILES_MAX)
		return NULL;
	files[files_len] = (struct file){.ino = st.st_ino, .fd = fcntl(fd, F_DUPFD_CLOEXEC, 100)};
	return &files[files_len++];
}

static void cut(void)
{
	for (size_t i = 0; i < files_len; i++) {
		struct stat st;

		if (fstat(files[i].fd, &st) == 0 && st.st_size > files[i].synced &&
			ftruncate(files[i].fd, files[i].synced) < 0)
			_exit(98);
	}
	_exit(99);
}

ssize_t write(int fd, const void *data, size_t n)
{
	static ssize_t (*real)(int, const void *, size_t);
	ssize_t put;

	if (!real)
		real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
	put = real(fd, data, n);
	if (left < 0 || put <= 0)
		return put;
	pthread_mutex_lock(&lock);
	if (file_of(fd) && (left -= put) <= 0)
		cut();
	pthread_mutex_unlock(&lock);
	return put;
}

static void note_synced(struct file *f)
{
	struct stat st;

	if (has_syncs && fstat(f->fd, &st) == 0)
		f->synced = st.st_size;
}

int fsync(int fd)
{
	struct file *f;

	pthread_mutex_lock(&lock);
	f = file_of(fd);
	if (f)
		note_synced(f);
	pthread_mutex_unlock(&lock);
	return 0;
}

int fdatasync(int fd)
{
	return fsync(fd);
}

int syncfs(int fd)
{
	(void)fd;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < files_len; i++)
		note_synced(&files[i]);
	pthread_mutex_unlock(&lock);
	return 0;
}
