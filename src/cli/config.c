/* SPDX-License-Identifier: Apache-2.0 */
/* The config file and the environment. A line that is not understood is an error with its number, never a
 * setting that is silently not there. */
#include "cli/config.h"

#include <bodkin/error.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exclusions.h"
#include "cli/option_table.h"
#include "cli/paths.h"

enum { LINE_MAX_LEN = 4096 };

static char *trim(char *s)
{
	size_t n;

	while (isspace((unsigned char)*s))
		s++;
	n = strlen(s);
	while (n && isspace((unsigned char)s[n - 1]))
		n--;
	s[n] = 0;
	return s;
}

static int apply_setting(
	struct bk_cli_options *o, enum bk_cli_command_bit command, char *line, char text[BK_CLI_TEXT_MAX])
{
	char *equals = strchr(line, '='), *name, *value;
	int err;

	if (!equals) {
		snprintf(text, BK_CLI_TEXT_MAX, "'%.100s' is not 'name = value'", line);
		return BK_E_INVALID;
	}
	*equals = 0;
	name = trim(line);
	value = trim(equals + 1);
	if (bk_cli_exclusions_bar(o, command, name, value))
		return 0;
	err = bk_cli_options_set(o, command, name, value, text);
	if (err == BK_E_NOT_FOUND)
		snprintf(text, BK_CLI_TEXT_MAX, "there is no option '%.100s'", name);
	else if (err < 0 && err != BK_E_INVALID)
		snprintf(text, BK_CLI_TEXT_MAX, "%s", bk_error_text(err));
	return err < 0 ? BK_E_INVALID : 0;
}

/* A setting that is silently not there is believed to be: a section that nobody reads is said, and left out. */
static unsigned read_section(const char *line, int number, char ret_warning[BK_CLI_TEXT_MAX])
{
	size_t end = strlen(line) - 1;
	unsigned commands = line[end] == ']' ? bk_cli_option_command_find(line + 1, end - 1) : 0;

	if (!commands && !*ret_warning)
		snprintf(ret_warning, BK_CLI_TEXT_MAX,
			"line %d: '%.60s' is no section; there are [send], [recv], [chat], [devices], [ping], "
			"[nat] and [serve]; what stands below it is left out",
			number, line);
	return commands;
}

static int apply_lines(struct bk_cli_options *o, enum bk_cli_command_bit command, FILE *f, int *ret_line,
	char ret_warning[BK_CLI_TEXT_MAX], char text[BK_CLI_TEXT_MAX])
{
	char buffer[LINE_MAX_LEN];
	unsigned commands = ~0u;
	int err = 0;

	for (*ret_line = 1; err >= 0 && fgets(buffer, sizeof(buffer), f); ++*ret_line) {
		char *line = trim(buffer);

		if (!*line || *line == '#' || *line == ';')
			continue;
		if (*line == '[')
			commands = read_section(line, *ret_line, ret_warning);
		else if (commands & command)
			err = apply_setting(o, command, line, text);
	}
	--*ret_line;
	return err;
}

static int leave_out(const char *path, char text[BK_CLI_TEXT_MAX])
{
	snprintf(text, BK_CLI_TEXT_MAX, "going on without '%.300s', which cannot be read: %s", path,
		strerror(errno));
	return 1;
}

static int apply_file(struct bk_cli_options *o, enum bk_cli_command_bit command, char text[BK_CLI_TEXT_MAX])
{
	char path[BK_CLI_PATHS_MAX], why[BK_CLI_TEXT_MAX], warning[BK_CLI_TEXT_MAX] = "";
	int err, line;
	FILE *f;

	if (bk_cli_paths_config(path) < 0)
		return 0;
	f = fopen(path, "re");
	if (!f && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (!f)
		return leave_out(path, text);
	errno = 0;
	err = apply_lines(o, command, f, &line, warning, why);
	if (err >= 0 && ferror(f))
		err = leave_out(path, text);
	fclose(f);
	if (err < 0)
		snprintf(text, BK_CLI_TEXT_MAX, "'%.200s' line %d: %.200s", path, line, why);
	else if (!err && *warning)
		err = snprintf(text, BK_CLI_TEXT_MAX, "'%.200s' %.250s", path, warning) > 0;
	return err;
}

int bk_cli_config_apply(
	struct bk_cli_options *o, enum bk_cli_command_bit command, char ret_text[BK_CLI_TEXT_MAX])
{
	const char *server = getenv("BODKIN_SERVER");
	int err = 0;

	if (server)
		err = bk_cli_options_set(o, command, "server", server, ret_text);
	if (err < 0 && !*server)
		snprintf(ret_text, BK_CLI_TEXT_MAX,
			"$BODKIN_SERVER is empty; give it HOST[:PORT][#PIN], or unset it");
	return err < 0 ? err : apply_file(o, command, ret_text);
}
