/* SPDX-License-Identifier: Apache-2.0 */
/* In this order: what another command takes is not misspelt; what is cut short is told whole; else what is like it. */
#include "cli/unknown.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/option_table.h"

enum { NAME_MAX = 32 };

/* One more of a list: the first, between, or the last one. */
static void add_to_list(
	char out[BK_CLI_UNKNOWN_MAX], const char *name, bool is_first, const char *before_last, bool is_last)
{
	size_t n = strlen(out);

	snprintf(out + n, BK_CLI_UNKNOWN_MAX - n, "%s%s", is_first ? "" : is_last ? before_last : ", ", name);
}

static bool tell_whose(const char *typed, char letter, char out[BK_CLI_UNKNOWN_MAX])
{
	const struct bk_cli_option *o = *typed ? bk_cli_option_find(typed) : bk_cli_option_of_letter(letter);
	unsigned left = o ? o->commands : 0, bit, others = 0;
	const char *name;

	for (size_t i = 0; (name = bk_cli_option_command_at(i, &bit)); i++) {
		if (!(left & bit))
			continue;
		left &= ~bit;
		if (*out)
			add_to_list(out, name, !others++, " and ", !left);
		else
			snprintf(out, BK_CLI_UNKNOWN_MAX, "; 'bodkin %s' takes it%s", name,
				!left               ? ""
				: left & (left - 1) ? ", as do "
						    : ", as does ");
	}
	return o;
}

static bool begins(const struct bk_cli_option *o, enum bk_cli_command_bit command, const char *typed)
{
	return o->commands & command && !strncmp(o->name, typed, strlen(typed));
}

/* Or all that it may be. */
static bool tell_whole(enum bk_cli_command_bit command, const char *typed, char out[BK_CLI_UNKNOWN_MAX])
{
	const struct bk_cli_option *o;
	size_t left = 0, told = 0;
	char name[NAME_MAX];

	for (size_t i = 0; strlen(typed) > 1 && (o = bk_cli_option_at(i)); i++)
		left += begins(o, command, typed);
	if (!left)
		return false;
	snprintf(out, BK_CLI_UNKNOWN_MAX, "; did you mean ");
	for (size_t i = 0; (o = bk_cli_option_at(i)); i++) {
		if (!begins(o, command, typed))
			continue;
		snprintf(name, sizeof(name), "--%s", o->name);
		add_to_list(out, name, !told++, " or ", !--left);
	}
	strncat(out, "?", BK_CLI_UNKNOWN_MAX - strlen(out) - 1);
	return true;
}

static void tell_nearest(enum bk_cli_command_bit command, const char *typed, char out[BK_CLI_UNKNOWN_MAX])
{
	const struct bk_cli_option *o;
	unsigned least = 3;

	for (size_t i = 0; (o = bk_cli_option_at(i)); i++) {
		unsigned slips = o->commands & command ? bk_text_slips(typed, o->name) : BK_TEXT_SLIPS_MAX;

		if (slips >= least || slips + 1 >= strlen(o->name))
			continue;
		least = slips;
		snprintf(out, BK_CLI_UNKNOWN_MAX, "; did you mean --%s?", o->name);
	}
}

static bool tell_dash(enum bk_cli_command_bit command, const char *word, char out[BK_CLI_UNKNOWN_MAX])
{
	const struct bk_cli_option *o = word[0] && word[1] && word[2] ? bk_cli_option_find(word + 1) : NULL;

	if (!o || !(o->commands & command))
		return false;
	snprintf(out, BK_CLI_UNKNOWN_MAX, "; did you mean --%s, with two dashes?", o->name);
	return true;
}

void bk_cli_unknown_suggest(enum bk_cli_command_bit command, const char *typed, char letter, const char *word,
	char ret_text[BK_CLI_UNKNOWN_MAX])
{
	*ret_text = 0;
	if (!*typed && tell_dash(command, word, ret_text))
		return;
	if (tell_whose(typed, letter, ret_text) || !*typed || tell_whole(command, typed, ret_text))
		return;
	tell_nearest(command, typed, ret_text);
}
