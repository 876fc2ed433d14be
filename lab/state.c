/* SPDX-License-Identifier: Apache-2.0 */
/* State files: "word value" lines under a lock of the open file (F_OFD_SETLK), which dies with its holder. */
#include "lab/state.h"

#include "base/buf.h"
#include "base/error.h"
#include "lab/say.h"
#include "lab/script.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_MAX  256
#define FILE_MAX 1024

static void choose_dir(char dir[DIR_MAX])
{
	const char *own = getenv("BODKIN_LAB_DIR"), *runtime = getenv("XDG_RUNTIME_DIR");

	if (own && *own)
		snprintf(dir, DIR_MAX, "%s", own);
	else if (geteuid() == 0)
		snprintf(dir, DIR_MAX, "/run/bodkin-lab");
	else if (runtime && *runtime)
		snprintf(dir, DIR_MAX, "%s/bodkin-lab", runtime);
	else
		snprintf(dir, DIR_MAX, "/tmp/bodkin-lab-%u", (unsigned)geteuid());
}

int bk_lab_state_dir(const char **ret_dir)
{
	static char dir[DIR_MAX];
	struct stat st;

	choose_dir(dir);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return bk_lab_say(bk_error_from_errno(errno),
			"cannot make '%s': %s; set BODKIN_LAB_DIR to a folder of yours", dir,
			strerror(errno));
	/* In /tmp somebody else may have been first. */
	if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
		return bk_lab_say(
			BK_E_ACCESS, "'%s' is not a folder that only you can write; set BODKIN_LAB_DIR", dir);
	*ret_dir = dir;
	return 0;
}

static int state_path(const char *name, char path[DIR_MAX + BK_LAB_NAME_MAX + 8])
{
	const char *dir;
	int rc = bk_lab_state_dir(&dir);

	if (rc == 0)
		snprintf(path, DIR_MAX + BK_LAB_NAME_MAX + 8, "%s/%s.lab", dir, name);
	return rc;
}

static bool still_named(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

int bk_lab_state_claim(const char *name, int *ret_fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[DIR_MAX + BK_LAB_NAME_MAX + 8];
	int rc = state_path(name, path);

	while (rc == 0) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return bk_lab_say(
				bk_error_from_errno(errno), "cannot make '%s': %s", path, strerror(errno));
		if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
			rc = errno == EAGAIN || errno == EACCES ? BK_E_EXISTS : bk_error_from_errno(errno);
			close(fd);
			return rc;
		}
		/* The former holder may have removed the file between our open and our lock. */
		if (still_named(fd, path)) {
			*ret_fd = fd;
			return ftruncate(fd, 0) < 0 ? bk_error_from_errno(errno) : 0;
		}
		close(fd);
	}
	return rc;
}

int bk_lab_state_write(int fd, const struct bk_lab_options *o)
{
	char with[BK_LAB_WITH_MAX];
	struct bk_buf out;
	int rc;

	bk_buf_init(&out, FILE_MAX);
	rc = bk_lab_printf(&out,
		"holder %d\na %s\nb %s\nanswer %s\ndelay %.17g\njitter %.17g\nloss %.17g\nrate %.17g\n",
		(int)getpid(), o->type[0]->name, o->type[1]->name, bk_lab_answer_name(o->answer), o->delay_ms,
		o->jitter_ms, o->loss_percent, o->rate_mbit);
	for (size_t i = 0; rc == 0 && bk_lab_with_at(o->with, i, with); i++)
		if (*with)
			rc = bk_lab_printf(&out, "with %s\n", with);
	if (rc == 0 && pwrite(fd, bk_buf_head(&out), out.len, 0) != (ssize_t)out.len)
		rc = BK_E_IO;
	bk_buf_done(&out);
	return rc;
}

void bk_lab_state_remove(const char *name)
{
	char path[DIR_MAX + BK_LAB_NAME_MAX + 8];

	if (state_path(name, path) == 0)
		unlink(path);
}

static int parse(char *text, struct bk_lab_state *s)
{
	for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ' ');
		int rc = 0;

		if (!value)
			return BK_E_MALFORMED;
		*value++ = '\0';
		if (strcmp(line, "holder") == 0)
			s->holder = (pid_t)atoi(value);
		else
			rc = bk_lab_options_set(&s->options, line, value);
		if (rc < 0)
			return rc;
	}
	return s->holder > 1 && s->options.type[0] && s->options.type[1] ? 0 : BK_E_MALFORMED;
}

static int read_locked(int fd, const char *name, struct bk_lab_state *ret_state)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char text[FILE_MAX];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	if (n < 0 || fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return bk_error_from_errno(errno);
	if (lock.l_type == F_UNLCK)
		return BK_E_NOT_FOUND;
	if (n == 0)
		return BK_E_AGAIN;
	text[n] = '\0';
	*ret_state = (struct bk_lab_state){0};
	snprintf(ret_state->options.name, sizeof(ret_state->options.name), "%s", name);
	return parse(text, ret_state);
}

int bk_lab_state_read(const char *name, struct bk_lab_state *ret_state)
{
	char path[DIR_MAX + BK_LAB_NAME_MAX + 8];
	int rc = state_path(name, path), fd;

	if (rc < 0)
		return rc;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? BK_E_NOT_FOUND : bk_error_from_errno(errno);
	rc = read_locked(fd, name, ret_state);
	close(fd);
	return rc;
}
