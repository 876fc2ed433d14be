/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/test_kit.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *kit_path_in(const char *dir, const char *name)
{
	static char paths[4][512];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

void kit_for_each(const char *dir, void (*fn)(const char *path, void *arg), void *arg)
{
	struct dirent *e;
	DIR *d = opendir(dir);
	char path[512];

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
			fn(path, arg);
		}
	if (d)
		closedir(d);
}

static void count_it(const char *path, void *arg)
{
	(void)path;
	++*(int *)arg;
}

int kit_count(const char *dir)
{
	int n = 0;

	kit_for_each(dir, count_it, &n);
	return n;
}

static void remove_it(const char *path, void *arg)
{
	(void)arg;
	kit_remove(path);
}

void kit_remove(const char *path)
{
	if (unlink(path) < 0) {
		kit_for_each(path, remove_it, NULL);
		rmdir(path);
	}
}

bool kit_is_same_file(const char *a, const char *b)
{
	FILE *x = fopen(a, "r"), *y = fopen(b, "r");
	int c = 0, d = 0;

	while (x && y && c != EOF && c == d) {
		c = getc(x);
		d = getc(y);
	}
	if (x)
		fclose(x);
	if (y)
		fclose(y);
	return x && y && c == d;
}
