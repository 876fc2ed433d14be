/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/consent.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#include "cli/human.h"
#include "cli/what.h"

enum {
	ROWS_OTHER = 6, /* of the screen, for what stands above and below the names */
	ROWS_KINDS = 3, /* of what is said of all of them, where not all fit */
	ROWS_LEAST = 3,
	MARKED_MAX = 200, /* names that are shown whatever the screen holds */
	NAME_MAX_BYTES = 1024,
	ARROW = 4, /* " -> " */
	NAMES_MAX_BYTES = 2 * NAME_MAX_BYTES + ARROW,
};

/* So many rows of the screen are left beside so many others, with the question. */
static size_t names_room(unsigned others)
{
	unsigned rows = bk_cli_report_window().rows;

	return rows > others + ROWS_LEAST ? rows - others : ROWS_LEAST;
}

static bool all_fit(const struct bk_transfer_offer *offer)
{
	return offer->entries <= names_room(ROWS_OTHER);
}

static bool is_marked(const struct bk_transfer_entry *e)
{
	return e->is_hidden || e->is_executable || e->is_existing;
}

static bool is_existing(const struct bk_transfer_entry *e)
{
	return e->is_existing;
}

static bool is_hidden(const struct bk_transfer_entry *e)
{
	return e->is_hidden;
}

static bool is_executable(const struct bk_transfer_entry *e)
{
	return e->is_executable;
}

/* Names as they are shown, one a line. */
struct listing {
	const struct bk_transfer_offer *offer;
	unsigned columns;
	size_t room, shown, marked; /* marked: so many of those shown */
};

/* NAME, of a link NAME -> TARGET: at most half of the columns are the target's. */
static void fit_name(const char *path, const char *target, unsigned columns, char out[NAMES_MAX_BYTES])
{
	char name[NAME_MAX_BYTES], aim[NAME_MAX_BYTES] = "";
	unsigned taken = 0;

	if (target) {
		bk_cli_human_fit(target, columns / 2 > ARROW ? columns / 2 - ARROW : 1, aim, sizeof(aim));
		taken = bk_cli_human_width(aim) + ARROW;
	}
	bk_cli_human_fit(path, columns > taken ? columns - taken : 1, name, sizeof(name));
	snprintf(out, NAMES_MAX_BYTES, "%s%s%s", name, target ? " -> " : "", aim);
}

static void show_entry(const struct bk_transfer_entry *e, const char *target, unsigned columns)
{
	char size[BK_CLI_HUMAN_MAX], names[NAMES_MAX_BYTES], marks[64];
	int n;

	bk_cli_human_bytes(e->bytes, size);
	n = snprintf(marks, sizeof(marks), " (%s)%s%s%s",
		e->is_folder   ? "folder"
		: e->is_stream ? "size unknown"
		: e->is_link   ? "link"
			       : size,
		e->is_hidden ? " hidden" : "", e->is_executable ? " executable" : "",
		e->is_existing ? " exists here"
		: e->is_unfit  ? " cannot be had here"
			       : "");
	fit_name(e->path, target, columns > (unsigned)n + 3 ? columns - (unsigned)n - 3 : 1, names);
	bk_cli_output_put(BK_CLI_STDERR, BK_CLI_VERDICT, "  %s%s\n", names, marks);
}

/* What a person has to know of a name, the weightiest first. */
static const struct kind {
	const char *one, *many;
	bool (*is_one)(const struct bk_transfer_entry *e);
} kinds[] = {
	{"exists here", "exist here", is_existing},
	{"is hidden", "are hidden", is_hidden},
	{"is executable", "are executable", is_executable},
};

/* Of all that is offered: what stands far above is seen no more. */
static void show_kind(const struct kind *k, const struct bk_transfer_offer *offer, unsigned columns)
{
	char name[NAME_MAX_BYTES], head[64];
	size_t n = 0, first = 0;
	int len;

	for (size_t i = offer->entries; i-- > 0;)
		if (k->is_one(&offer->names[i])) {
			n++;
			first = i;
		}
	if (!n)
		return;
	len = snprintf(head, sizeof(head), "  %zu %s: ", n, n == 1 ? k->one : k->many);
	bk_cli_human_fit(offer->names[first].path,
		columns > (unsigned)len + 6 ? columns - (unsigned)len - 6 : 1, name, sizeof(name));
	bk_cli_output_put(BK_CLI_STDERR, BK_CLI_VERDICT, "%s%s%s\n", head, name, n > 1 ? ", ..." : "");
}

/* Those of one sort, in their order: existing ones, or the others. */
static void show_sort(struct listing *l, bool exist)
{
	for (size_t i = 0; i < l->offer->entries; i++) {
		const struct bk_transfer_entry *e = &l->offer->names[i];

		if (e->is_existing != exist)
			continue;
		if (l->shown >= l->room && (!is_marked(e) || l->marked == MARKED_MAX))
			continue;
		l->marked += is_marked(e);
		l->shown++;
		show_entry(e, bk_transfer_offer_target(l->offer, i), l->columns);
	}
}

void bk_cli_consent_names(const struct bk_cli_report *r, const struct bk_transfer_offer *offer)
{
	struct listing l = {.offer = offer,
		.columns = bk_cli_report_window().columns,
		.room = names_room(all_fit(offer) ? ROWS_OTHER : ROWS_OTHER + ROWS_KINDS)};

	if (offer->entries == 1 && !is_marked(offer->names) && !r->is_quiet && !r->is_json)
		return; /* the line above says it all */
	show_sort(&l, true);
	show_sort(&l, false);
	if (l.shown < offer->entries)
		bk_cli_output_put(
			BK_CLI_STDERR, BK_CLI_VERDICT, "  and %zu more\n", offer->entries - l.shown);
	for (size_t i = 0; !all_fit(offer) && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		show_kind(&kinds[i], offer, l.columns);
}

/* What stands above no more is said again. */
static void name_offer(const struct bk_transfer_offer *offer, char out[NAME_MAX_BYTES])
{
	const struct bk_cli_what what = bk_cli_what_of(offer);

	if (all_fit(offer))
		snprintf(out, NAME_MAX_BYTES, "%s", offer->entries == 1 ? "it" : "them");
	else
		bk_cli_what_to_str(&what, out, NAME_MAX_BYTES);
}

void bk_cli_consent_ask_again(
	struct bk_cli_report *r, enum bk_transfer_question question, const struct bk_transfer_offer *offer)
{
	char name[NAME_MAX_BYTES];

	bk_cli_report_wipe(r);
	if (question == BK_TRANSFER_ASK_ACCEPT) {
		name_offer(offer, name);
		bk_cli_output_put(BK_CLI_STDERR, BK_CLI_VERDICT, "Take %s from %s? [Y/n] ", name,
			bk_cli_report_whom(r));
	} else {
		bk_cli_human_fit(offer->asked->path, bk_cli_report_window().columns - 8, name, sizeof(name));
		bk_cli_output_put(BK_CLI_STDERR, BK_CLI_VERDICT,
			"%s exists.\nOverwrite (o or y), rename the new one (r), skip (s or n)?\n"
			"For all that follow: oa, ra, sa. [o/r/S] ",
			name);
	}
	r->is_question_open = true;
}

void bk_cli_consent_ask(
	struct bk_cli_report *r, enum bk_transfer_question question, const struct bk_transfer_offer *offer)
{
	/* Before the words, which another thread writes: what comes after them is an answer. */
	(void)tcflush(STDIN_FILENO, TCIFLUSH);
	bk_cli_report_wipe(r);
	if (question == BK_TRANSFER_ASK_ACCEPT)
		bk_cli_consent_names(r, offer);
	bk_cli_consent_ask_again(r, question, offer);
}

bool bk_cli_consent_has_modes(const struct bk_transfer_offer *offer)
{
	size_t i = 0;

	while (i < offer->entries && !offer->names[i].is_executable)
		i++;
	return i < offer->entries;
}

void bk_cli_consent_say_modes(struct bk_cli_report *r, const char *from)
{
	bk_cli_report_say(r, BK_CLI_EVENT,
		"What was executable came%s%s without its x bits; --executable keeps them",
		from ? " from " : "", from ? from : "");
}

enum bk_transfer_conflict bk_cli_consent_conflict(
	const struct bk_cli_options *o, enum bk_transfer_conflict usual)
{
	static const char *const names[] = {[BK_TRANSFER_CONFLICT_ASK] = "ask",
		[BK_TRANSFER_CONFLICT_FAIL] = "fail",
		[BK_TRANSFER_CONFLICT_SKIP] = "skip",
		[BK_TRANSFER_CONFLICT_OVERWRITE] = "overwrite",
		[BK_TRANSFER_CONFLICT_RENAME] = "rename"};

	for (int i = BK_TRANSFER_CONFLICT_FAIL; o->conflict && i <= BK_TRANSFER_CONFLICT_RENAME; i++)
		if (!strcmp(names[i], o->conflict))
			return (enum bk_transfer_conflict)i;
	return o->overwrite && !o->conflict ? BK_TRANSFER_CONFLICT_OVERWRITE : usual;
}

/* The word in a line, without the blanks around it. */
static const char *word_of(const char *line, char out[16])
{
	line += strspn(line, " \t");
	snprintf(out, 16, "%.*s", (int)strcspn(line, "\r\n"), line);
	for (size_t n = strlen(out); n && (out[n - 1] == ' ' || out[n - 1] == '\t'); n--)
		out[n - 1] = 0;
	return out;
}

enum bk_cli_answer bk_cli_consent_read(const char *line)
{
	char word[16];

	word_of(line, word);
	if (!*word || !strcasecmp(word, "y") || !strcasecmp(word, "yes"))
		return BK_CLI_ANSWER_YES;
	if (!strcasecmp(word, "n") || !strcasecmp(word, "no"))
		return BK_CLI_ANSWER_NO;
	return BK_CLI_ANSWER_UNCLEAR;
}

bool bk_cli_consent_read_conflict(const char *line, enum bk_transfer_conflict *ret_how, bool *ret_for_all)
{
	static const struct {
		const char *one, *all, *word;
		enum bk_transfer_conflict how;
	} rows[] = {
		{"y", "ya", "yes", BK_TRANSFER_CONFLICT_OVERWRITE},
		{"o", "oa", "overwrite", BK_TRANSFER_CONFLICT_OVERWRITE},
		{"r", "ra", "rename", BK_TRANSFER_CONFLICT_RENAME},
		{"n", "na", "no", BK_TRANSFER_CONFLICT_SKIP},
		{"s", "sa", "skip", BK_TRANSFER_CONFLICT_SKIP},
		{"", "", "", BK_TRANSFER_CONFLICT_SKIP},
	};
	char word[16];

	word_of(line, word);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is_all = *word && !strcasecmp(word, rows[i].all);

		if (!is_all && strcasecmp(word, rows[i].one) != 0 && strcasecmp(word, rows[i].word) != 0)
			continue;
		*ret_how = rows[i].how;
		*ret_for_all = is_all;
		return true;
	}
	return false;
}
