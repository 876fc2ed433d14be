/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/journals.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "transfer/birth.h"

enum { LISTED_MAX = 4096 }; /* in one folder */

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
	uint64_t size;
};

/* Those written last first; by name where that says nothing. */
static int compare(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return x->time != y->time ? (x->time < y->time) - (x->time > y->time) : strcmp(x->name, y->name);
}

static size_t list_all(int dir, struct listed *all)
{
	DIR *d = open_folder(dir);
	const struct dirent *e;
	struct statx st;
	size_t n = 0;

	while (d && n < LISTED_MAX && (e = readdir(d))) {
		if (!bk_journals_is_name(e->d_name) || !bk_birth_look(dir, e->d_name, &st) ||
			!(all[n].name = strdup(e->d_name)))
			continue;
		all[n].time = st.stx_mtime.tv_sec;
		all[n++].size = st.stx_size;
	}
	if (d)
		closedir(d);
	return n;
}

char **bk_journals_list(int dir, size_t max, uint64_t bytes, size_t *ret_n)
{
	struct listed *all = calloc(LISTED_MAX, sizeof(*all));
	char **names = calloc(max + 1, sizeof(*names));
	size_t n = all && names ? list_all(dir, all) : 0;

	*ret_n = 0;
	if (n)
		qsort(all, n, sizeof(*all), compare);
	for (size_t i = 0; i < n; i++) {
		if (*ret_n == max || all[i].size > bytes) {
			free(all[i].name);
			continue;
		}
		bytes -= all[i].size;
		names[(*ret_n)++] = all[i].name;
	}
	free(all);
	return names;
}
