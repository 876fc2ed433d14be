/* SPDX-License-Identifier: Apache-2.0 */
/* Who we met before: one line for each, "NAME PIN". It is a small text that people may read and edit, so
 * lines we do not understand (comments, or fields of a newer version) keep their place and their
 * bytes. Refuses to trust a line that is not exactly two words; the first line of a name counts,
 * a second one for the same name is kept and ignored. No file is touched here. */
#include "secure/trust.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum {
	LINE_MAX_LEN = 1024,
	TEXT_MAX = 4 * 1024 * 1024,
};

struct line {
	char *text;    /* the whole line when it is not an entry, else the name */
	bool is_known; /* an entry that we trust */
	struct bk_pin pin;
};

struct bk_trust {
	struct line *lines;
	size_t count;
	size_t room;
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_name(const char *s, size_t n)
{
	if (!n || n > BK_TRUST_NAME_MAX || s[0] == '#')
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f)
			return false;
	return true;
}

/* Names of the net are the same in capitals, and with the dot of the root at their end, in front of the port. Other
 * names (without a port) are as they are. */
static size_t skip_root(const char *s)
{
	return s[0] == '.' && s[1] == ':' ? 1 : 0;
}

static bool is_same_name(const char *a, const char *b)
{
	if (!strchr(a, ':'))
		return !strcmp(a, b);
	for (;; a++, b++) {
		a += skip_root(a);
		b += skip_root(b);
		if (lower(*a) != lower(*b))
			return false;
		if (!*a)
			return true;
	}
}

static struct line *find(const struct bk_trust *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->lines[i].is_known && is_same_name(t->lines[i].text, name))
			return &t->lines[i];
	return NULL;
}

/* Takes a copy of n bytes of text as a new last line; the caller fills in the rest. */
static int add_line(struct bk_trust *t, const char *text, size_t n, struct line **ret_line)
{
	struct line *lines;
	char *copy;

	if (t->count == BK_TRUST_ENTRIES_MAX)
		return BK_E_FULL;
	if (t->count == t->room) {
		size_t room = t->room ? t->room * 2 : 16;

		lines = realloc(t->lines, room * sizeof(*lines));
		if (!lines)
			return BK_E_NOMEM;
		t->lines = lines;
		t->room = room;
	}
	copy = malloc(n + 1);
	if (!copy)
		return BK_E_NOMEM;
	memcpy(copy, text, n);
	copy[n] = '\0';
	*ret_line = &t->lines[t->count++];
	**ret_line = (struct line){.text = copy};
	return 0;
}

/* Splits "NAME PIN"; false for anything else. */
static bool parse_entry(const char *s, size_t n, size_t *ret_name_len, struct bk_pin *ret_pin)
{
	const char *space = memchr(s, ' ', n);
	char pin[BK_PIN_STR_MAX];
	size_t name_len = space ? (size_t)(space - s) : 0;

	if (!space || !is_name(s, name_len) || n - name_len - 1 != BK_PIN_STR_MAX - 1)
		return false;
	memcpy(pin, space + 1, BK_PIN_STR_MAX - 1);
	pin[BK_PIN_STR_MAX - 1] = '\0';
	*ret_name_len = name_len;
	return bk_pin_from_str(pin, ret_pin) == 0;
}

static int load_line(struct bk_trust *t, const char *s, size_t n)
{
	struct bk_pin pin;
	struct line *line;
	size_t name_len;
	char name[BK_TRUST_NAME_MAX + 1];
	bool known;
	int err;

	if (n > LINE_MAX_LEN)
		return BK_E_TOO_BIG;
	if (memchr(s, '\0', n))
		return BK_E_MALFORMED;
	known = parse_entry(s, n, &name_len, &pin);
	if (known) {
		memcpy(name, s, name_len);
		name[name_len] = '\0';
		known = !find(t, name);
	}
	err = add_line(t, s, known ? name_len : n, &line);
	if (err < 0 || !known)
		return err;
	line->is_known = true;
	line->pin = pin;
	return 0;
}

int bk_trust_from_text(const char *text, size_t len, struct bk_trust **ret_trust)
{
	struct bk_trust *t;
	int err = 0;

	if (len > TEXT_MAX)
		return BK_E_TOO_BIG;
	t = calloc(1, sizeof(*t));
	if (!t)
		return BK_E_NOMEM;
	for (size_t at = 0; at < len && !err;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end ? (size_t)(end - text) - at : len - at;

		err = load_line(t, text + at, n);
		at += n + 1;
	}
	if (err < 0) {
		bk_trust_free(t);
		return err;
	}
	*ret_trust = t;
	return 0;
}

int bk_trust_to_text(const struct bk_trust *t, char **ret_text)
{
	size_t len = 1;
	char *text, *p;

	for (size_t i = 0; i < t->count; i++)
		len += strlen(t->lines[i].text) + 1 + (t->lines[i].is_known ? BK_PIN_STR_MAX : 0);
	text = p = malloc(len);
	if (!text)
		return BK_E_NOMEM;
	for (size_t i = 0; i < t->count; i++) {
		p = stpcpy(p, t->lines[i].text);
		if (t->lines[i].is_known) {
			*p++ = ' ';
			p += strlen(bk_pin_to_str(&t->lines[i].pin, p));
		}
		*p++ = '\n';
	}
	*p = '\0';
	*ret_text = text;
	return 0;
}

void bk_trust_free(struct bk_trust *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		free(t->lines[i].text);
	free(t->lines);
	free(t);
}

enum bk_trust_verdict bk_trust_check(const struct bk_trust *t, const char *name, const struct bk_pin *pin)
{
	const struct line *line = find(t, name);

	if (!line)
		return BK_TRUST_NEW;
	return bk_pin_equal(&line->pin, pin) ? BK_TRUST_KNOWN : BK_TRUST_CHANGED;
}

int bk_trust_put(struct bk_trust *t, const char *name, const struct bk_pin *pin)
{
	struct line *line = find(t, name);
	int err = 0;

	if (!is_name(name, strlen(name)))
		return BK_E_INVALID;
	if (!line)
		err = add_line(t, name, strlen(name), &line);
	if (err < 0)
		return err;
	line->is_known = true;
	line->pin = *pin;
	return 0;
}
