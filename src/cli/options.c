/* SPDX-License-Identifier: Apache-2.0 */
/* What an option means is its command's business; here is only how it is written and read. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/error.h>

#include "base/text.h"
#include "cli/amount.h"
#include "cli/option_table.h"
#include "cli/report.h"
#include "cli/unknown.h"

enum {
	HELP_LEFT = 30,
	HELP_NARROW = 60,
	HELP_LEFT_NARROW = 8,
	HELP_COLUMNS = 79,
	HELP_COLUMNS_MIN = 30,
	LONGS = 256 /* getopt's values behind all letters */
};

static int refuse_rate(char text[BK_CLI_TEXT_MAX], const struct bk_cli_option *row, const char *value)
{
	char bytes[BK_CLI_AMOUNT_STR_MAX];

	if (bk_cli_amount_of_bits(value, bytes) >= 0)
		snprintf(text, BK_CLI_TEXT_MAX,
			"--%s counts bytes a second, and '%.100s' bits; in bytes it is --%s %s", row->name,
			value, row->name, bytes);
	else
		snprintf(text, BK_CLI_TEXT_MAX,
			"--%s '%.100s' is not a rate such as 500K, 1.5M or 2M/s, in bytes a second",
			row->name, value);
	return BK_E_INVALID;
}

static int refuse(char text[BK_CLI_TEXT_MAX], const struct bk_cli_option *row, const char *value)
{
	if (row->kind == BK_CLI_OPTION_RATE)
		return refuse_rate(text, row, value);
	if (row->kind == BK_CLI_OPTION_NUMBER)
		snprintf(text, BK_CLI_TEXT_MAX, "--%s '%.200s' is not a number%s from %ld to %ld", row->name,
			value, !strcmp(row->value, "SECONDS") ? " of seconds" : "", row->min, row->max);
	else if (row->kind == BK_CLI_OPTION_SIZE)
		snprintf(text, BK_CLI_TEXT_MAX, "--%s '%.100s' is not a size such as 500K, 10M or 1.5G",
			row->name, value);
	else
		snprintf(text, BK_CLI_TEXT_MAX, "--%s '%.200s' is not one of %s", row->name, value,
			row->kind == BK_CLI_OPTION_CHOICE ? row->value : "yes|no");
	return BK_E_INVALID;
}

/* What a script wanted to say stood in a variable that is not set: whatever we took it for would be a guess. */
static int refuse_empty(char text[BK_CLI_TEXT_MAX], const struct bk_cli_option *row)
{
	snprintf(text, BK_CLI_TEXT_MAX, "--%s is empty; give it %s, or leave it out", row->name,
		row->value                         ? row->value
		: row->kind == BK_CLI_OPTION_COUNT ? "a number"
						   : "yes or no");
	return BK_E_INVALID;
}

static bool is_choice(const char *choices, const char *value)
{
	size_t n = strlen(value);

	for (const char *at = choices; n;) {
		size_t len = strcspn(at, "|");

		if (len == n && !memcmp(at, value, n))
			return true;
		if (!at[len])
			return false;
		at += len + 1;
	}
	return false;
}

static int set_number(
	const struct bk_cli_option *row, long *place, const char *value, char text[BK_CLI_TEXT_MAX])
{
	char *end;
	long v;

	errno = 0;
	v = strtol(value, &end, 10);
	if (errno || end == value || *end || v < row->min || v > row->max)
		return refuse(text, row, value);
	*place = v;
	return 0;
}

/* A flag on the command line has no value. */
static int set_flag(
	const struct bk_cli_option *row, bool *place, const char *value, char text[BK_CLI_TEXT_MAX])
{
	if (!value || !strcmp(value, "yes") || !strcmp(value, "true") || !strcmp(value, "1"))
		*place = true;
	else if (strcmp(value, "no") != 0 && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
		return refuse(text, row, value);
	return 0;
}

/* Repeated on the command line, a number in the file. */
static int set_count(
	const struct bk_cli_option *row, int *place, const char *value, char text[BK_CLI_TEXT_MAX])
{
	if (value && (value[0] < '0' || value[0] > '9' || value[1])) {
		snprintf(
			text, BK_CLI_TEXT_MAX, "--%s '%.100s' is not a number from 0 to 9", row->name, value);
		return BK_E_INVALID;
	}
	*place = value ? value[0] - '0' : *place + 1;
	return 0;
}

static int add_name(const struct bk_cli_option *row, struct bk_cli_names *place, const char *value,
	char text[BK_CLI_TEXT_MAX])
{
	if (place->len == BK_CLI_NAMES_MAX) {
		snprintf(text, BK_CLI_TEXT_MAX, "--%s '%.100s' is one too many", row->name, value);
		return BK_E_INVALID;
	}
	place->items[place->len++] = value;
	return 0;
}

static int set_row(struct bk_cli_options *o, const struct bk_cli_option *row, const char *value,
	char text[BK_CLI_TEXT_MAX])
{
	void *place = (char *)o + row->offset;
	int err;

	if (value ? !*value : row->kind >= BK_CLI_OPTION_CHOICE)
		return refuse_empty(text, row);
	o->given |= UINT64_C(1) << bk_cli_option_index(row);
	switch (row->kind) {
	case BK_CLI_OPTION_FLAG:
		return set_flag(row, place, value, text);
	case BK_CLI_OPTION_COUNT:
		return set_count(row, place, value, text);
	case BK_CLI_OPTION_NUMBER:
		return set_number(row, place, value, text);
	case BK_CLI_OPTION_SIZE:
		err = bk_cli_amount_from_str(value, place);
		return err < 0 ? refuse(text, row, value) : 0;
	case BK_CLI_OPTION_RATE:
		err = bk_cli_amount_rate_from_str(value, place);
		return err < 0 ? refuse(text, row, value) : 0;
	case BK_CLI_OPTION_NAMES:
		return add_name(row, place, value, text);
	case BK_CLI_OPTION_CHOICE:
		if (!is_choice(row->value, value))
			return refuse(text, row, value);
		break;
	case BK_CLI_OPTION_TEXT:
	case BK_CLI_OPTION_OPTIONAL:
		break;
	}
	*(const char **)place = value ? value : "";
	return 0;
}

/* What was said before wins; but names are gathered from lines of one place. */
static bool is_settled(const struct bk_cli_options *o, const struct bk_cli_option *row)
{
	return (row->kind == BK_CLI_OPTION_NAMES ? o->typed : o->given) >> bk_cli_option_index(row) & 1;
}

bool bk_cli_options_has(const struct bk_cli_options *o, const char *name, const char *value)
{
	const struct bk_cli_option *row = bk_cli_option_find(name);
	const void *place;

	if (!row || !(o->given >> bk_cli_option_index(row) & 1))
		return false;
	place = (const char *)o + row->offset;
	if (row->kind == BK_CLI_OPTION_FLAG)
		return *(const bool *)place;
	return !value || !strcmp(*(const char *const *)place, value);
}

const char *bk_cli_options_next_typed(const struct bk_cli_options *o, size_t *at)
{
	const struct bk_cli_option *row;

	while ((row = bk_cli_option_at((*at)++)))
		if (o->typed >> bk_cli_option_index(row) & 1)
			return row->name;
	return NULL;
}

bool bk_cli_options_is_typed(const struct bk_cli_options *o, const char *name)
{
	const struct bk_cli_option *row = bk_cli_option_find(name);

	return row && o->typed >> bk_cli_option_index(row) & 1;
}

bool bk_cli_options_is_to_stdout(const struct bk_cli_options *o)
{
	return o->output && !strcmp(o->output, "-");
}

int bk_cli_options_set(struct bk_cli_options *o, enum bk_cli_command_bit command, const char *name,
	const char *value, char ret_text[BK_CLI_TEXT_MAX])
{
	const struct bk_cli_option *row = bk_cli_option_find(name);
	char *copy;

	if (!row || !strcmp(name, "help"))
		return BK_E_NOT_FOUND;
	if (!(row->commands & command) || is_settled(o, row))
		return 0;
	if (o->owned_len == BK_CLI_OPTIONS_OWNED_MAX)
		return BK_E_FULL;
	copy = strdup(value);
	if (!copy)
		return BK_E_NOMEM;
	o->owned[o->owned_len++] = copy;
	return set_row(o, row, copy, ret_text);
}

static int argument_of(const struct bk_cli_option *row)
{
	if (row->kind == BK_CLI_OPTION_OPTIONAL)
		return optional_argument;
	return row->value ? required_argument : no_argument;
}

static void make_tables(enum bk_cli_command_bit command, struct option longs[BK_CLI_OPTION_ROWS_MAX + 1],
	char shorts[2 * BK_CLI_OPTION_ROWS_MAX + 2])
{
	const struct bk_cli_option *row;
	size_t n = 0;

	*shorts++ = ':';
	for (size_t i = 0; (row = bk_cli_option_at(i)); i++) {
		if (!(row->commands & command))
			continue;
		longs[n++] = (struct option){row->name, argument_of(row), NULL, LONGS + (int)i};
		if (row->letter)
			*shorts++ = row->letter;
		if (row->letter && row->value)
			*shorts++ = ':';
	}
	longs[n] = (struct option){0};
	*shorts = 0;
}

/* --- what getopt has just read --- */

/* The word of that option. Of several letters in a word the last one has been passed, the others not. */
static const char *word_of(char **argv, int argc, bool is_long, char letter)
{
	const char *last = argv[optind - 1];

	if (optarg && optarg == last)
		return argv[optind - 2];
	if (!is_long && optind < argc && argv[optind][0] == '-' && argv[optind][1] != '-' &&
		strchr(argv[optind], letter))
		return argv[optind];
	return last;
}

/* getopt's two complaints, about a short or a long option, and ours about one that is cut short. */
static int complain(enum bk_cli_command_bit command, int c, int argc, char **argv, char text[BK_CLI_TEXT_MAX])
{
	const char letter[] = {'-', optopt < LONGS ? (char)optopt : 0, 0};
	const char *word = word_of(argv, argc, !letter[1], letter[1]);
	bool is_long = !letter[1];
	char typed[BK_TEXT_SLIPS_MAX + 2], more[BK_CLI_UNKNOWN_MAX];
	const struct bk_cli_option *row;

	snprintf(typed, sizeof(typed), "%.*s", is_long ? (int)strcspn(word + 2, "=") : 0,
		is_long ? word + 2 : "");
	row = is_long ? bk_cli_option_find(typed) : bk_cli_option_of_letter(letter[1]);
	if (row && !(row->commands & command))
		row = NULL;
	if (c == ':' && row)
		snprintf(more, sizeof(more), " needs a value: %s", row->value);
	else if (row && !row->value)
		snprintf(more, sizeof(more), " takes no value");
	else
		bk_cli_unknown_suggest(command, typed, letter[1], word, more);
	snprintf(text, BK_CLI_TEXT_MAX, "%s '%.200s'%s", row ? "option" : "unknown option",
		is_long ? word : letter, more);
	return BK_E_INVALID;
}

/* "-c=3": a letter's value stands behind a blank, or at once. */
static int refuse_equals(const struct bk_cli_option *row, char text[BK_CLI_TEXT_MAX])
{
	snprintf(text, BK_CLI_TEXT_MAX, "-%c takes its value behind a blank, without '=': -%c %.200s",
		row->letter, row->letter, optarg + 1);
	return BK_E_INVALID;
}

/* A name is typed whole, since what is cut short today may be another one's tomorrow. */
static int take(struct bk_cli_options *o, enum bk_cli_command_bit command, int c, int argc, char **argv,
	char text[BK_CLI_TEXT_MAX])
{
	const struct bk_cli_option *row =
		c < LONGS ? bk_cli_option_of_letter(c) : bk_cli_option_at((size_t)(c - LONGS));
	const char *word = row ? word_of(argv, argc, c >= LONGS, (char)c) : NULL;

	if (!row)
		return complain(command, c, argc, argv, text);
	if (c >= LONGS && strcspn(word + 2, "=") != strlen(row->name)) {
		optopt = c;
		return complain(command, '?', argc, argv, text);
	}
	if (c < LONGS && optarg && optarg != argv[optind - 1] && *optarg == '=' && optarg[1])
		return refuse_equals(row, text);
	if (optarg && optarg == argv[optind - 1]) {
		o->last_option = row->name;
		o->last_value_name = row->value;
		o->last_value = optarg;
	}
	return set_row(o, row, optarg, text);
}

int bk_cli_options_parse(struct bk_cli_options *o, enum bk_cli_command_bit command, int argc, char **argv,
	char ret_text[BK_CLI_TEXT_MAX])
{
	struct option longs[BK_CLI_OPTION_ROWS_MAX + 1];
	char shorts[2 * BK_CLI_OPTION_ROWS_MAX + 2];
	int c, err = 0;

	*o = (struct bk_cli_options){.alt_port = -1};
	make_tables(command, longs, shorts);
	optind = 0;
	opterr = 0;
	while (err >= 0 && (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
		err = take(o, command, c, argc, argv, ret_text);
	o->is_server_typed = o->server;
	o->is_from_typed = o->from.len;
	o->typed = o->given;
	o->args = argv + optind;
	o->args_len = argc - optind;
	return err;
}

void bk_cli_options_done(struct bk_cli_options *o)
{
	for (size_t i = 0; i < o->owned_len; i++)
		free(o->owned[i]);
	o->owned_len = 0;
}

/* A pipe has as many as most windows. */
static int help_columns(void)
{
	int wide = isatty(STDOUT_FILENO) ? (int)bk_cli_report_window().columns - 1 : HELP_COLUMNS;

	return wide > HELP_COLUMNS ? HELP_COLUMNS : wide < HELP_COLUMNS_MIN ? HELP_COLUMNS_MIN : wide;
}

void bk_cli_options_wrap(const char *text, int indent)
{
	int column = indent, wide = help_columns();

	while (*text) {
		int n = (int)strcspn(text, " \n");

		if (column > indent && column + 1 + n > wide) {
			printf("\n%*s", indent, "");
			column = indent;
		}
		column += printf("%s%.*s", column > indent ? " " : "", n, text);
		text += n;
		text += strspn(text, " \n");
	}
	putchar('\n');
}

void bk_cli_options_print(enum bk_cli_command_bit command)
{
	const struct bk_cli_option *row;
	int indent = help_columns() < HELP_NARROW ? HELP_LEFT_NARROW : HELP_LEFT;

	for (size_t i = 0; (row = bk_cli_option_at(i)); i++) {
		char left[64], letter[] = {'-', row->letter, ',', ' ', 0};

		if (!(row->commands & command) ||
			(!strcmp(row->name, "plain") && !(command & (BK_CLI_CMD_SERVE | BK_CLI_CMD_PING))))
			continue;
		snprintf(left, sizeof(left), "%s--%s%s%s", row->letter ? letter : "    ", row->name,
			row->value ? " " : "", row->value ? row->value : "");
		if ((int)strlen(left) < indent - 3)
			printf("  %-*s", indent - 2, left);
		else
			printf("  %s\n%*s", left, indent, "");
		bk_cli_options_wrap(row->help, indent);
	}
}
