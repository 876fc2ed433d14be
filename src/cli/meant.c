/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/meant.h"

#include <bodkin/code.h>
#include <bodkin/group.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/addr.h"

enum { JOINED_MAX = 256 };

static bool is_file(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_between(char c)
{
	return c == '-' || c == ' ' || c == '_';
}

/* A number and at least two words of letters, whatever they are: with a slip in them it is still meant as a code. */
static bool looks_like_code(const char *s)
{
	size_t words = 0;

	if (!strspn(s, "123456789"))
		return false;
	s += strspn(s, "0123456789");
	while (is_between(*s)) {
		s++;
		words += is_letter(*s);
		while (is_letter(*s))
			s++;
	}
	return !*s && words > 1;
}

static bool is_word(const char *typed, size_t n)
{
	const char *word;

	for (size_t i = 0; (word = bk_code_word(i)); i++)
		if (!strncasecmp(word, typed, n) && !word[n])
			return true;
	return false;
}

/* And its words are those of made codes, so that it is no name that somebody gave to something. */
static bool is_made_code(const char *s)
{
	if (!looks_like_code(s))
		return false;
	for (s += strspn(s, "0123456789"); *s; s += strcspn(s, "- _")) {
		s++;
		if (!is_word(s, strcspn(s, "- _")))
			return false;
	}
	return true;
}

/* "7 tulip anchor" is three words. */
static void join(const struct bk_cli_options *o, char out[JOINED_MAX])
{
	size_t n = 0;

	*out = 0;
	for (int i = 0; i < o->args_len && n < JOINED_MAX; i++)
		n += (size_t)snprintf(out + n, JOINED_MAX - n, "%s%s", i ? "-" : "", o->args[i]);
}

bool bk_cli_meant_receiver(
	const struct bk_cli_options *o, bool (*is_device)(const char *name), char ret_text[BK_CLI_TEXT_MAX])
{
	const char *last = o->args_len > 1 ? o->args[o->args_len - 1] : NULL;
	struct bk_addr addr;

	if (!last || is_file(last) || !strcmp(last, "-"))
		return false;
	if (is_device(last))
		snprintf(ret_text, BK_CLI_TEXT_MAX,
			"cannot send '%.100s': there is no such file, and one of your devices is called so; "
			"did you mean --to '%.100s'?",
			last, last);
	else if (strchr(last, '@') || bk_addr_from_ip(last, 0, &addr) >= 0 || last[strlen(last) - 1] == ':')
		snprintf(ret_text, BK_CLI_TEXT_MAX,
			"cannot send '%.100s': there is no such file, and who is to have it is not named: "
			"whoever types the code gets it; leave that out",
			last);
	else
		return false;
	return true;
}

bool bk_cli_meant_code(const struct bk_cli_options *o, char ret_text[BK_CLI_TEXT_MAX])
{
	const char *code = NULL;
	char joined[JOINED_MAX];
	int files = 0;

	for (int i = 0; i < o->args_len; i++) {
		files += is_file(o->args[i]) || !strcmp(o->args[i], "-");
		if (!is_file(o->args[i]) && looks_like_code(o->args[i]))
			code = o->args[i];
	}
	join(o, joined);
	if (!code && !files && looks_like_code(joined))
		code = joined;
	if (!code)
		return false;
	if (files)
		snprintf(ret_text, BK_CLI_TEXT_MAX,
			"cannot send '%.100s': there is no such file, and it looks like a code; "
			"did you mean --code %.100s?",
			code, code);
	else
		snprintf(ret_text, BK_CLI_TEXT_MAX,
			"cannot send '%.100s': there is no such file, and it looks like a code; "
			"did you mean 'bodkin recv %.100s', or 'bodkin send --code %.100s FILE'?",
			code, code, code);
	return true;
}

static bool is_invite(const char *typed)
{
	char invite[BK_GROUP_INVITE_MAX], why[BK_GROUP_SENTENCE_MAX];

	return bk_group_invite_check(typed, invite, why) >= 0;
}

bool bk_cli_meant_other(
	const struct bk_cli_options *o, enum bk_cli_command_bit command, char ret_text[BK_CLI_TEXT_MAX])
{
	char joined[JOINED_MAX], why[BK_CODE_TEXT_MAX];
	const char *typed = o->args_len ? o->args[0] : "";

	join(o, joined);
	if (o->args_len == 2 && command == BK_CLI_CMD_RECV && bk_code_check(typed, why) >= 0 &&
		is_folder(o->args[1])) {
		snprintf(ret_text, BK_CLI_TEXT_MAX,
			"one code is enough, '%.100s' is too much; did you mean -o %.100s?", o->args[1],
			o->args[1]);
		return true;
	}
	if (!o->args_len || bk_code_check(joined, why) >= 0)
		return false;
	if (is_invite(joined)) /* which is not said aloud */
		snprintf(ret_text, BK_CLI_TEXT_MAX,
			"that is no code but an invite, which 'bodkin chat --room' and 'bodkin devices join' ask for");
	else if (command == BK_CLI_CMD_RECV && o->args_len == 1 && is_folder(typed))
		snprintf(ret_text, BK_CLI_TEXT_MAX,
			"'%.100s' is a folder, and what comes is asked for by a code; "
			"did you mean -o %.100s, or 'bodkin send %.100s'?",
			typed, typed, typed);
	else if (command == BK_CLI_CMD_RECV && o->args_len == 1 && is_file(typed))
		snprintf(ret_text, BK_CLI_TEXT_MAX,
			"'%.100s' is a file, and what comes is asked for by a code; did you mean 'bodkin send %.100s'?",
			typed, typed);
	else
		return false;
	return true;
}

bool bk_cli_meant_argument(const struct bk_cli_options *o, bool wants_file, char ret_text[BK_CLI_TEXT_MAX])
{
	const char *taken = o->last_value;

	if (o->args_len || !taken || !strcmp(o->last_option, "code") ||
		!(wants_file ? is_file(taken) : is_made_code(taken)))
		return false;
	snprintf(ret_text, BK_CLI_TEXT_MAX,
		"--%s has taken '%.100s' as its %s; give it one before that, or leave it out", o->last_option,
		taken, o->last_value_name);
	return true;
}
