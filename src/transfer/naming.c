/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/naming.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/text.h"

enum { TAKEN = 1, REFUSED, CONTROLS = ' ', LONG_ANYWHERE = 128 };

static const char refused_by_some[] = "\"*:<>?\\|";

/* A folder that is gone, or a disk that is full, says nothing of names. */
static bool is_refusal(int dir, int code)
{
	struct stat st;

	if (code == ENOENT)
		return fstat(dir, &st) == 0 && st.st_nlink;
	return code == EINVAL || code == EILSEQ || code == EPERM || code == EACCES;
}

static bool is_refused(int dir, const char *middle, const char *end)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), ".bodkin-%08x%sx%s", (unsigned)randombytes_random(), middle, end);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return is_refusal(dir, errno);
	close(fd);
	(void)unlinkat(dir, name, 0);
	return false;
}

static bool ask(struct bk_naming *n, int dir, int kind)
{
	const char odd[] = {(char)(kind == BK_NAMING_ODD ? 0xff : kind), 0};

	if (!n->said[kind] && kind == BK_NAMING_BLANK_END)
		n->said[kind] = is_refused(dir, "", " ") ? REFUSED : TAKEN;
	else if (!n->said[kind] && kind == BK_NAMING_DOT_END)
		n->said[kind] = is_refused(dir, "", ".") ? REFUSED : TAKEN;
	else if (!n->said[kind])
		n->said[kind] = is_refused(dir, odd, "") ? REFUSED : TAKEN;
	return n->said[kind] == REFUSED;
}

static const char *fault_of(int c)
{
	static const char *const texts[] = {"takes no '\"' in a name", "takes no '*' in a name",
		"takes no ':' in a name", "takes no '<' in a name", "takes no '>' in a name",
		"takes no '?' in a name", "takes no '\\' in a name", "takes no '|' in a name"};

	return c < CONTROLS ? "takes no control characters in a name"
			    : texts[strchr(refused_by_some, c) - refused_by_some];
}

/* Some that are laid over others. */
static bool is_too_long(struct bk_naming *n, int dir, size_t len)
{
	struct statvfs fs;

	if (len > LONG_ANYWHERE && !n->longest)
		n->longest = fstatvfs(dir, &fs) == 0 && fs.f_namemax ? fs.f_namemax : ULONG_MAX;
	return len > LONG_ANYWHERE && len > n->longest;
}

const char *bk_naming_fault(struct bk_naming *n, int dir, const char *leaf)
{
	const size_t len = strlen(leaf);
	const char end = len ? leaf[len - 1] : 0;

	for (const char *at = leaf; *at; at++)
		if (((unsigned char)*at < CONTROLS || strchr(refused_by_some, *at)) && ask(n, dir, *at))
			return fault_of(*at);
	if (end == ' ' && ask(n, dir, BK_NAMING_BLANK_END))
		return "takes no name that ends in a blank";
	if (end == '.' && ask(n, dir, BK_NAMING_DOT_END))
		return "takes no name that ends in a dot";
	if (!bk_text_is_utf8(leaf, len) && ask(n, dir, BK_NAMING_ODD))
		return "takes no name that is not UTF-8";
	return is_too_long(n, dir, len) ? "takes no name of that length" : NULL;
}
