/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/sheet.h"

#include "lab/marks.h"

#include <string.h>

#define NUMBERS      3 /* "12 " in front of a name, and over its column */
#define WIDE         13
#define MEDIUM       4
#define NARROW       2
#define PERCENT      100
#define MS_OF_SECOND 1000
#define CELL_MAX     48

static char letter_of(const struct bk_lab_cell *c)
{
	const struct bk_lab_mark *m = bk_lab_mark_of(c->technique);

	return m ? m->letter : '?';
}

const char *bk_lab_short_ms(double ms, int width, char out[BK_LAB_SHORT_MAX])
{
	if (ms < MS_OF_SECOND - 0.5)
		snprintf(out, BK_LAB_SHORT_MAX, "%.0f", ms);
	else
		snprintf(out, BK_LAB_SHORT_MAX, "%.*fs", width > 3, ms / MS_OF_SECOND);
	return out;
}

int bk_lab_cell_percent(const struct bk_lab_cell *c)
{
	return c->runs > 0 ? PERCENT * c->direct / c->runs : 0;
}

static bool is_all_direct(const struct bk_lab_cell *c)
{
	return c->direct == c->runs;
}

static void write_wide(const struct bk_lab_cell *c, char out[CELL_MAX])
{
	char ms[BK_LAB_SHORT_MAX];

	if (c->failed)
		snprintf(out, CELL_MAX, "%d failed", c->failed);
	else if (c->direct == 0)
		snprintf(out, CELL_MAX, "relay %s", bk_lab_short_ms(c->median_ms, 4, ms));
	else if (is_all_direct(c))
		snprintf(out, CELL_MAX, "%.8s %.6s", c->technique, bk_lab_short_ms(c->median_ms, 3, ms));
	else
		snprintf(out, CELL_MAX, "%.8s %d%%", c->technique, bk_lab_cell_percent(c));
}

static void write_medium(const struct bk_lab_cell *c, char out[CELL_MAX])
{
	char ms[BK_LAB_SHORT_MAX], letter = letter_of(c);

	if (c->failed || c->direct == 0)
		snprintf(out, CELL_MAX, "%c", c->failed ? '!' : '-');
	else if (is_all_direct(c))
		snprintf(out, CELL_MAX, "%c%.8s", letter, bk_lab_short_ms(c->median_ms, 3, ms));
	else
		snprintf(out, CELL_MAX, "%c%d%%", letter, bk_lab_cell_percent(c));
}

/* Small, where not all of them were direct. */
static void write_narrow(const struct bk_lab_cell *c, char out[CELL_MAX])
{
	char letter = letter_of(c);

	if (c->failed)
		letter = '!';
	else if (c->direct == 0)
		letter = '-';
	else if (!is_all_direct(c) && letter >= 'A' && letter <= 'Z')
		letter = (char)(letter - 'A' + 'a');
	snprintf(out, CELL_MAX, "%c", letter);
}

static int longest_name(const struct bk_lab_matrix *m)
{
	int longest = 0;

	for (int i = 0; i < m->types_len; i++)
		if ((int)strlen(m->types[i]->name) > longest)
			longest = (int)strlen(m->types[i]->name);
	return longest;
}

/* As much as there is room for; a line that is cut off helps nobody, so never less than the narrow one. */
static int width_of(const struct bk_lab_matrix *m, int columns)
{
	int room = (columns - NUMBERS - longest_name(m) - 1) / m->types_len;

	return room >= WIDE ? WIDE : room >= MEDIUM ? MEDIUM + (room > MEDIUM) : NARROW;
}

/* Padded to `width`, without what would stand at the end of a line. */
static void put(const char *text, int width, bool is_last, FILE *f)
{
	fprintf(f, "%-*s", is_last ? 0 : width, text);
}

static void print_head(const struct bk_lab_matrix *m, int width, FILE *f)
{
	char text[CELL_MAX];

	fprintf(f, "%*s", NUMBERS + longest_name(m) + 1, "");
	for (int b = 0; b < m->types_len; b++) {
		if (width >= WIDE && (int)strlen(m->types[b]->name) < WIDE)
			snprintf(text, sizeof(text), "%s", m->types[b]->name);
		else
			snprintf(text, sizeof(text), "%d", (b + 1) % (width > NARROW ? PERCENT : 10));
		put(text, width, b + 1 == m->types_len, f);
	}
	fputc('\n', f);
}

static void print_over(const struct bk_lab_matrix *m, enum bk_lab_over over, int width, FILE *f)
{
	char text[CELL_MAX];

	print_head(m, width, f);
	for (int a = 0; a < m->types_len; a++) {
		fprintf(f, "%2d %-*s ", a + 1, longest_name(m), m->types[a]->name);
		for (int b = 0; b < m->types_len; b++) {
			const struct bk_lab_cell *c = bk_lab_matrix_at(m, over, a, b);

			(width >= WIDE ? write_wide : width > NARROW ? write_medium : write_narrow)(c, text);
			put(text, width, b + 1 == m->types_len, f);
		}
		fputc('\n', f);
	}
}

/* --- the legend --- */

static void print_letters(const struct bk_lab_matrix *m, bool has_letters, FILE *f)
{
	for (const struct bk_lab_mark *mark = bk_lab_marks; mark->technique; mark++) {
		if (!bk_lab_matrix_has(m, mark->technique))
			continue;
		if (has_letters)
			fprintf(f, "%c ", mark->letter);
		fprintf(f, "%s: %s\n", mark->technique, mark->about);
	}
}

static void print_legend(const struct bk_lab_matrix *m, int width, FILE *f)
{
	print_letters(m, width < WIDE, f);
	if (width > NARROW)
		fputs("times: ms, the median\n", f);
	fputs(width > NARROW ? "%: so many runs were direct, the others relayed\n"
			     : "small: not every run was direct\n",
		f);
	fputs("!: neither direct nor relayed\n", f);
}

void bk_lab_sheet_print(const struct bk_lab_matrix *m, int columns, FILE *f)
{
	int width = width_of(m, columns);

	for (int over = 0; over < BK_LAB_OVERS; over++) {
		if (!m->has_over[over])
			continue;
		fprintf(f, "over %s, %d run%s each; down: who made the code\n",
			over == BK_LAB_UDP ? "UDP" : "TCP", m->runs, m->runs == 1 ? "" : "s");
		print_over(m, (enum bk_lab_over)over, width, f);
		fputc('\n', f);
	}
	print_legend(m, width, f);
}
