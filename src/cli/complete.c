/* SPDX-License-Identifier: Apache-2.0 */
/* What fits is gathered one by one: what they have in common, and as many names as there is room for. */
#include "cli/complete.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"

struct gathering {
	const char *typed;
	char common[NAME_MAX + 1];
	size_t found;
	char *choices;
	size_t max, used;
};

static void gather(struct gathering *g, const char *word)
{
	size_t n = 0;

	if (strncmp(word, g->typed, strlen(g->typed)) != 0 || strlen(word) > NAME_MAX ||
		!bk_text_is_plain(word))
		return;
	if (!g->found++)
		strcpy(g->common, word);
	while (g->common[n] && g->common[n] == word[n])
		n++;
	while (n && ((unsigned char)word[n] & 0xc0) == 0x80)
		n--; /* not half a character */
	g->common[n] = 0;
	if (g->used + strlen(word) + 8 < g->max)
		g->used += (size_t)snprintf(
			g->choices + g->used, g->max - g->used, "%s%s", g->used ? "  " : "", word);
	else if (g->used && g->choices[g->used - 1] != '.')
		g->used += (size_t)snprintf(g->choices + g->used, g->max - g->used, " ...");
}

static void settle(struct gathering *g, const char *end, char *more, size_t more_max)
{
	size_t n = strlen(g->common), typed = strlen(g->typed);

	*more = 0;
	if (g->found)
		snprintf(more, more_max, "%.*s%s", (int)(n - typed), g->common + typed,
			g->found == 1 ? end : "");
	if (*more || !g->found)
		*g->choices = 0;
}

void bk_cli_complete_word(const char *typed, const char *const *words, char *more, size_t more_max,
	char *choices, size_t choices_max)
{
	struct gathering g = {.typed = typed, .choices = choices, .max = choices_max};

	*choices = 0;
	for (; *words; words++)
		gather(&g, *words);
	settle(&g, " ", more, more_max);
}

static void name_folder(const char *typed, size_t n, char folder[PATH_MAX])
{
	const char *home = getenv("HOME");

	if (!strncmp(typed, "~/", 2) && home)
		snprintf(folder, PATH_MAX, "%s/%.*s", home, (int)(n - 2), typed + 2);
	else
		snprintf(folder, PATH_MAX, "%.*s", (int)n, n ? typed : ".");
	if (!n)
		strcpy(folder, "./");
}

void bk_cli_complete_path(const char *typed, char *more, size_t more_max, char *choices, size_t choices_max)
{
	const char *slash = strrchr(typed, '/');
	size_t n = slash ? (size_t)(slash - typed) + 1 : 0;
	struct gathering g = {.typed = typed + n, .choices = choices, .max = choices_max};
	char folder[PATH_MAX], path[PATH_MAX + NAME_MAX + 1];
	const struct dirent *entry;
	struct stat st;
	DIR *dir;

	*choices = *more = 0;
	name_folder(typed, n, folder);
	dir = opendir(folder);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' || typed[n] == '.')
			gather(&g, entry->d_name);
	if (dir)
		closedir(dir);
	snprintf(path, sizeof(path), "%s%s", folder, g.common);
	settle(&g, stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? "/" : "", more, more_max);
}
