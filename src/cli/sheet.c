/* SPDX-License-Identifier: Apache-2.0 */
/* Rows are made whole and drawn whole. A window that was made narrower since has broken them, as most
 * terminals do: then each takes as many rows as its width needs. */
#include "cli/sheet.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/text.h"
#include "cli/human.h"

enum { TAB_COLUMNS = 4, COLUMNS_LEAST = 8, ROW_MAX = 4096 };

/* --- a row being made --- */

struct pen {
	struct bk_cli_sheet *sheet;
	size_t first, rows_max; /* the rows of the text begin at first */
	size_t indent;          /* of rows that go on */
	bool has_cursor, is_full;
};

static unsigned room_of(const struct bk_cli_sheet *s)
{
	return s->columns > COLUMNS_LEAST ? s->columns - 1 : COLUMNS_LEAST - 1;
}

static void add_row(struct bk_cli_sheet *s, const char *text, unsigned width)
{
	char *copy = s->len < BK_CLI_SHEET_ROWS_MAX ? strdup(text) : NULL;

	if (copy)
		s->rows[s->len++] = (struct bk_cli_row){copy, width};
}

/* The character as this terminal shows it; returns its columns. */
static unsigned show(wchar_t c, char out[MB_LEN_MAX + 1])
{
	mbstate_t state = {0};
	size_t n = c == L'\t' ? (size_t)-1 : wcrtomb(out, c, &state);
	int width = wcwidth(c);

	if (c == L'\t') {
		snprintf(out, MB_LEN_MAX + 1, "%*s", TAB_COLUMNS, "");
		return TAB_COLUMNS;
	}
	if (n == (size_t)-1 || width < 0) {
		strcpy(out, "?");
		return 1;
	}
	out[n] = 0;
	return (unsigned)width;
}

/* The next row. Those that are far above the cursor are given up, those far below it never made. */
static void next_row(struct pen *p)
{
	struct bk_cli_sheet *s = p->sheet;
	char indent[COLUMNS_LEAST + 1] = "";

	if (s->len - p->first == p->rows_max) {
		if (p->has_cursor && s->cursor_row - p->first <= p->rows_max / 2) {
			p->is_full = true;
			return;
		}
		free(s->rows[p->first].text);
		memmove(&s->rows[p->first], &s->rows[p->first + 1], (p->rows_max - 1) * sizeof(s->rows[0]));
		s->len--;
		s->cursor_row -= p->has_cursor ? 1 : 0;
	}
	snprintf(indent, sizeof(indent), "%*s", (int)p->indent, "");
	add_row(s, indent, (unsigned)p->indent);
}

static void put_cursor(struct pen *p)
{
	struct bk_cli_sheet *s = p->sheet;

	p->has_cursor = true;
	s->cursor_row = s->len - 1;
	s->cursor_column = s->rows[s->len - 1].width;
}

/* Rows are short, so each character may append by itself. */
static void put_character(struct pen *p, wchar_t c, bool is_cursor)
{
	struct bk_cli_sheet *s = p->sheet;
	char shown[MB_LEN_MAX + 1];
	unsigned width = c == L'\n' ? 0 : show(c, shown);
	struct bk_cli_row *row = &s->rows[s->len - 1];
	char *text;

	if (width && row->width + width > room_of(s)) {
		next_row(p);
		row = &s->rows[s->len - 1];
	}
	if (p->is_full)
		return;
	if (is_cursor)
		put_cursor(p);
	if (c == L'\n') {
		next_row(p);
		return;
	}
	text = realloc(row->text, strlen(row->text) + strlen(shown) + 1);
	if (!text)
		return;
	strcat(text, shown);
	row->text = text;
	row->width += width;
}

/* --- the sheet --- */

void bk_cli_sheet_begin(struct bk_cli_sheet *s, unsigned columns)
{
	*s = (struct bk_cli_sheet){.columns = columns};
}

void bk_cli_sheet_done(struct bk_cli_sheet *s)
{
	for (size_t i = 0; i < s->len; i++)
		free(s->rows[i].text);
	s->len = 0;
}

static unsigned width_of(const char *text)
{
	unsigned width = 0;
	char shown[MB_LEN_MAX + 1];
	mbstate_t state = {0};
	wchar_t c;

	for (size_t n; *text; text += n) {
		n = mbrtowc(&c, text, MB_LEN_MAX, &state);
		if (n >= (size_t)-2) {
			state = (mbstate_t){0};
			n = 1;
			c = L'?';
		}
		width += show(c, shown);
	}
	return width;
}

void bk_cli_sheet_add(struct bk_cli_sheet *s, const char *text)
{
	char row[ROW_MAX];

	bk_cli_human_fit(text, room_of(s), row, sizeof(row));
	bk_text_sanitize(row);
	add_row(s, row, width_of(row));
}

/* As it will stand there: one character for each of the text. */
static wchar_t *shown_text(const struct bk_cli_editor *e)
{
	struct bk_cli_editor all = *e;
	wchar_t *out = calloc(e->len + 1, sizeof(*out));
	char *utf8, *at;
	size_t i = 0;

	all.cursor = e->len;
	at = utf8 = bk_cli_editor_head(&all);
	if (utf8)
		bk_text_sanitize_lines(utf8);
	for (unsigned c = 0; utf8 && out && i < e->len && *at; i++) {
		at += bk_text_char(at, &c);
		out[i] = (wchar_t)c;
	}
	free(utf8);
	return out;
}

void bk_cli_sheet_add_text(
	struct bk_cli_sheet *s, const char *prompt, const struct bk_cli_editor *e, size_t rows_max)
{
	struct pen p = {
		.sheet = s, .first = s->len, .indent = s->columns > 2 * COLUMNS_LEAST ? strlen(prompt) : 0};
	wchar_t *text = shown_text(e);

	p.rows_max = BK_CLI_SHEET_ROWS_MAX - s->len;
	if (rows_max < p.rows_max)
		p.rows_max = rows_max;
	if (!text || !p.rows_max) {
		free(text);
		return;
	}
	add_row(s, p.indent ? prompt : "", (unsigned)p.indent);
	for (size_t i = 0; i < e->len && !p.is_full && s->len > p.first; i++)
		put_character(&p, text[i], i == e->cursor);
	if (!p.has_cursor && s->len > p.first)
		put_cursor(&p);
	free(text);
}

/* --- on the terminal --- */

char *bk_cli_sheet_draw(const struct bk_cli_sheet *s)
{
	size_t size = 64, used = 0;
	char *out;

	for (size_t i = 0; i < s->len; i++)
		size += strlen(s->rows[i].text) + 2;
	out = s->len ? malloc(size) : NULL;
	if (!out)
		return NULL;
	for (size_t i = 0; i < s->len; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", i ? "\r\n" : "", s->rows[i].text);
	if (s->cursor_row + 1 < s->len)
		used += (size_t)snprintf(out + used, size - used, "\033[%zuA", s->len - 1 - s->cursor_row);
	used += (size_t)snprintf(out + used, size - used, "\r");
	if (s->cursor_column)
		snprintf(out + used, size - used, "\033[%uC", s->cursor_column);
	return out;
}

char *bk_cli_sheet_erase(const struct bk_cli_sheet *s, unsigned columns)
{
	size_t up = columns ? s->cursor_column / columns : 0;
	char *out = NULL;

	if (!s->len)
		return NULL;
	for (size_t i = 0; i < s->cursor_row; i++)
		up += columns && s->rows[i].width ? (s->rows[i].width + columns - 1) / columns : 1;
	if (asprintf(&out, up ? "\r\033[%zuA\033[J" : "\r\033[J", up) < 0)
		return NULL;
	return out;
}
