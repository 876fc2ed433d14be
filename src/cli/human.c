/* SPDX-License-Identifier: Apache-2.0 */
/* Three significant digits are what a person reads; a unit is never 1000 of the smaller one. */
#include "cli/human.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum { FOLD_INDENT = 2 };

static const char *scaled(double value, const char *suffix, char out[BK_CLI_HUMAN_MAX])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	size_t i = 0;

	while (value >= 999.5 && i + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1000;
		i++;
	}
	if (i == 0 || value >= 99.95)
		snprintf(out, BK_CLI_HUMAN_MAX, "%.0f %s%s", value, units[i], suffix);
	else if (value >= 9.995)
		snprintf(out, BK_CLI_HUMAN_MAX, "%.1f %s%s", value, units[i], suffix);
	else
		snprintf(out, BK_CLI_HUMAN_MAX, "%.2f %s%s", value, units[i], suffix);
	return out;
}

const char *bk_cli_human_bytes(uint64_t bytes, char out[BK_CLI_HUMAN_MAX])
{
	if (bytes < 1000)
		snprintf(out, BK_CLI_HUMAN_MAX, "%u byte%s", (unsigned)bytes, bytes == 1 ? "" : "s");
	else
		scaled((double)bytes, "", out);
	return out;
}

const char *bk_cli_human_rate(double rate, char out[BK_CLI_HUMAN_MAX])
{
	return scaled(rate < 0 ? 0 : rate, "/s", out);
}

const char *bk_cli_human_seconds(double seconds, char out[BK_CLI_HUMAN_MAX])
{
	unsigned long long whole = (unsigned long long)(seconds + 0.5);

	if (seconds < 0.0095)
		snprintf(out, BK_CLI_HUMAN_MAX, "%.1f ms", seconds < 0 ? 0 : seconds * 1000);
	else if (seconds < 0.095)
		snprintf(out, BK_CLI_HUMAN_MAX, "%.0f ms", seconds * 1000);
	else if (seconds < 9.95)
		snprintf(out, BK_CLI_HUMAN_MAX, "%.1f s", seconds);
	else if (whole < 60)
		snprintf(out, BK_CLI_HUMAN_MAX, "%llu s", whole);
	else if (whole < 3600)
		snprintf(out, BK_CLI_HUMAN_MAX, "%llu min %llu s", whole / 60, whole % 60);
	else
		snprintf(out, BK_CLI_HUMAN_MAX, "%llu h %llu min", whole / 3600, whole / 60 % 60);
	return out;
}

const char *bk_cli_human_left(double seconds, char out[BK_CLI_HUMAN_MAX])
{
	const double most = 99 * 3600 + 3599;
	unsigned long whole = (unsigned long)((seconds < most ? seconds : most) + 0.5);

	if (whole < 3600)
		snprintf(out, BK_CLI_HUMAN_MAX, "%lu:%02lu", whole / 60, whole % 60);
	else
		snprintf(out, BK_CLI_HUMAN_MAX, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
	return out;
}

/* Bytes of the character at s, and its columns. */
static size_t measure(const char *s, unsigned *ret_columns)
{
	mbstate_t state = {0};
	wchar_t c = 0;
	size_t n = mbrtowc(&c, s, MB_LEN_MAX, &state);
	int width = n < (size_t)-2 ? wcwidth(c) : 1;

	*ret_columns = width < 0 ? 1 : (unsigned)width;
	return n && n < (size_t)-2 ? n : 1;
}

unsigned bk_cli_human_width(const char *s)
{
	unsigned sum = 0, columns;

	for (; *s; sum += columns)
		s += measure(s, &columns);
	return sum;
}

const char *bk_cli_human_fit(const char *text, unsigned columns, char *out, size_t max)
{
	unsigned all = bk_cli_human_width(text), used = 0, w, room = columns > 3 ? columns - 3 : 0;
	const char *head = text, *tail;

	if (all <= columns && strlen(text) < max) {
		snprintf(out, max, "%s", text);
		return out;
	}
	if (room > (max - 4) / 2 / MB_LEN_MAX * 2)
		room = (unsigned)((max - 4) / 2 / MB_LEN_MAX * 2);
	while (used < room / 2) {
		head += measure(head, &w);
		used += w;
	}
	for (tail = head;
		*tail && all - bk_cli_human_width(text) + bk_cli_human_width(tail) > room - room / 2;)
		tail += measure(tail, &w);
	snprintf(out, max, "%.*s...%s", (int)(head - text), text, tail);
	return out;
}

/* Of one of our own sequences, which no column belongs to; 0: none begins here. */
static size_t sequence_len(const char *s)
{
	size_t n = s[0] == '\033' && s[1] == '[' ? 2 + strspn(s + 2, ";0123456789") : 0;

	return n && s[n] ? n + 1 : n;
}

static void unglue(char *text)
{
	for (; *text; text++)
		if (*text == BK_CLI_HUMAN_GLUE)
			*text = ' ';
}

/* Bytes up to the next blank or line end, and their columns. */
static size_t measure_word(const char *s, unsigned *ret_columns)
{
	size_t len = 0, n;
	unsigned columns;

	for (*ret_columns = 0; s[len] && s[len] != ' ' && s[len] != '\n'; len += n) {
		n = sequence_len(s + len);
		if (n)
			continue;
		n = measure(s + len, &columns);
		*ret_columns += columns;
	}
	return len;
}

/* Does the word behind this blank belong on a row of its own? */
static bool breaks_at(const char *blank, unsigned at, unsigned columns)
{
	unsigned width;

	measure_word(blank + 1, &width);
	return columns && at + 1 + width > columns && width + FOLD_INDENT <= columns;
}

char *bk_cli_human_fold(const char *text, unsigned at, unsigned columns)
{
	static const char next[] = "\n  ", tab[] = "    ";
	char *out = malloc(8 * strlen(text) + 1), *end = out;
	unsigned width;

	for (size_t n; out && *text; text += n) {
		const char *put = text;
		size_t len = n = measure(text, &width);

		if (*text == '\n' || (*text == ' ' && breaks_at(text, at, columns))) {
			put = next;
			len = sizeof(next) - 1;
			at = width = 0;
		} else if (*text == '\t') {
			put = tab;
			len = width = sizeof(tab) - 1;
		}
		if (put != next && columns && at + width > columns) {
			end = stpcpy(end, next);
			at = FOLD_INDENT;
		}
		memcpy(end, put, len);
		end += len;
		at += put == next ? FOLD_INDENT : width;
	}
	if (out)
		*end = 0;
	return out;
}

void bk_cli_human_wrap(char *text, unsigned columns)
{
	unsigned at = 0, width;
	bool has_word = false;

	for (char *s = text; columns && *s;) {
		size_t n = measure_word(s, &width);

		if (n) {
			at = at + width > columns ? (at + width) % columns : at + width;
			has_word = true;
			s += n;
			continue;
		}
		n = *s == ' ' ? measure_word(s + 1, &width) : 0;
		if (n && has_word && at + 1 + width > columns && width <= columns)
			*s = '\n';
		has_word = has_word && *s != '\n';
		at = *s++ == '\n' ? 0 : at + 1;
	}
	unglue(text);
}

char *bk_cli_human_glue(char *text)
{
	for (char *s = text; *s; s++)
		if (*s == ' ')
			*s = BK_CLI_HUMAN_GLUE;
	return text;
}
