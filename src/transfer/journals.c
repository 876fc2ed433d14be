/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/journals.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "transfer/birth.h"
#include "wire/file_list.h"

enum {
	LISTED_MAX = 4096, /* in one folder */
	WIDE_FIRST = 0xff01,
	WIDE_LAST = 0xff5e, /* of U+0021 to U+007E */
	LETTERS_MAX = 3,    /* that one character is taken for: a ligature */
	LOST_MAX = 4,       /* what has fewer of our name's characters is another name */
};

static const char name_start[] = ".bodkin-", name_end[] = ".journal";

void bk_journals_name(char out[BK_JOURNALS_NAME_MAX], uint64_t identity, int number)
{
	if (number)
		snprintf(out, BK_JOURNALS_NAME_MAX, "%s%016llx.%d%s", name_start,
			(unsigned long long)identity, number, name_end);
	else
		snprintf(out, BK_JOURNALS_NAME_MAX, "%s%016llx%s", name_start, (unsigned long long)identity,
			name_end);
}

bool bk_journals_is_name(const char *leaf)
{
	size_t n = strlen(leaf), end = sizeof(name_end) - 1;

	return n > end && !strncasecmp(leaf, name_start, sizeof(name_start) - 1) &&
	       !strcasecmp(leaf + n - end, name_end);
}

/* --- names that are found as ours --- */

/* What is left of a name without the characters that a file system may drop, or take for others; and without the dots
 * at its end, which those of FAT, exFAT and NTFS do not keep. */
struct bare {
	char text[BK_FILE_NAME_MAX + 1]; /* in small letters; the wide forms of ASCII are ASCII */
	size_t len, strange;             /* so many other characters stood between */
};

static void make_bare(const char *leaf, struct bare *b)
{
	unsigned c;

	*b = (struct bare){0};
	for (size_t n; *leaf && b->len < BK_FILE_NAME_MAX; leaf += n) {
		n = bk_text_char(leaf, &c);
		if (!n)
			c = n = 1; /* no UTF-8 */
		if (c >= WIDE_FIRST && c <= WIDE_LAST)
			c -= WIDE_FIRST - '!';
		if (c < '!' || c > '~')
			b->strange++;
		else
			b->text[b->len++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	while (b->len && b->text[b->len - 1] == '.')
		b->text[--b->len] = 0;
}

/* One end of a name of ours, read from its outer side (step 1: from the front, -1: from the back): how many of its
 * characters are not there; *len: how many are. */
static size_t missing(const struct bare *b, const char *part, int step, size_t *ret_len)
{
	size_t n = strlen(part), got = 0;

	for (size_t i = 0; i < n; i++) {
		char want = step > 0 ? part[i] : part[n - 1 - i];

		got += got < b->len && want == (step > 0 ? b->text[got] : b->text[b->len - 1 - got]);
	}
	*ret_len = got;
	return n - got;
}

bool bk_journals_may_be_found_as(const char *leaf)
{
	size_t front, back, lost;
	struct bare b;

	if (bk_journals_is_name(leaf))
		return true;
	make_bare(leaf, &b);
	lost = missing(&b, name_start, 1, &front) + missing(&b, name_end, -1, &back);
	if (lost > LOST_MAX || lost > b.strange * LETTERS_MAX || front + back > b.len)
		return false;
	b.text[b.len - back] = 0;
	return strspn(b.text + front, "0123456789abcdef.") == b.len - back - front;
}

/* --- those in a folder --- */

/* NULL: it cannot be listed. */
static DIR *open_folder(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

bool bk_journals_has(int dir, const char *name)
{
	DIR *d = open_folder(dir);
	const struct dirent *e = NULL;

	while (d && (e = readdir(d)) && strcmp(e->d_name, name) != 0)
		;
	if (d)
		closedir(d);
	return e;
}

struct listed {
	char *name;
	int64_t time;
	uint64_t size, inode;
};

/* Those written last first; by name where that says nothing. */
static int compare(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return x->time != y->time ? (x->time < y->time) - (x->time > y->time) : strcmp(x->name, y->name);
}

static void free_all(struct listed *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(all[i].name);
	free(all);
}

/* malloc'd. BK_E_NOMEM: none of them is known then. */
static int list_all(int dir, struct listed **ret_all, size_t *ret_n)
{
	struct listed *all = calloc(LISTED_MAX, sizeof(*all));
	DIR *d = all ? open_folder(dir) : NULL;
	int err = all ? 0 : BK_E_NOMEM;
	const struct dirent *e;
	struct statx st;
	size_t n = 0;

	while (d && !err && n < LISTED_MAX && (e = readdir(d))) {
		if (!bk_journals_is_name(e->d_name) || !bk_birth_look(dir, e->d_name, &st))
			continue;
		all[n] = (struct listed){strdup(e->d_name), st.stx_mtime.tv_sec, st.stx_size, st.stx_ino};
		err = all[n++].name ? 0 : BK_E_NOMEM;
	}
	if (d)
		closedir(d);
	if (err < 0) {
		free_all(all, n);
		return err;
	}
	*ret_all = all;
	*ret_n = n;
	return 0;
}

char **bk_journals_list(int dir, size_t max, uint64_t bytes, size_t *ret_n)
{
	char **names = calloc(max + 1, sizeof(*names));
	struct listed *all;
	size_t n;

	*ret_n = 0;
	if (!names || list_all(dir, &all, &n) < 0) {
		free(names);
		return NULL;
	}
	qsort(all, n, sizeof(*all), compare);
	for (size_t i = 0; i < n; i++) {
		if (*ret_n == max || all[i].size > bytes)
			continue;
		bytes -= all[i].size;
		names[(*ret_n)++] = all[i].name;
		all[i].name = NULL;
	}
	free_all(all, n);
	return names;
}

int bk_journals_inodes(int dir, uint64_t **ret_inodes, size_t *ret_n)
{
	struct listed *all;
	uint64_t *inodes = NULL;
	size_t n;
	int err = list_all(dir, &all, &n);

	if (err < 0)
		return err;
	if (n)
		inodes = calloc(n, sizeof(*inodes));
	for (size_t i = 0; inodes && i < n; i++)
		inodes[i] = all[i].inode;
	free_all(all, n);
	if (n && !inodes)
		return BK_E_NOMEM;
	*ret_inodes = inodes;
	*ret_n = n;
	return 0;
}
