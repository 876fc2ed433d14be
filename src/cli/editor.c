/* SPDX-License-Identifier: Apache-2.0 */
/* One key at a time. A character is drawn with what stands upon it (combining marks, what a joiner joins), so
 * the cursor moves over such a cluster as a whole, and Backspace takes it as a whole. */
#include "cli/editor.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "base/text.h"

enum { ESCAPE = 27, DELETE = 127, CTRL = 0x1f, CAP_FIRST = 256, JOINER = 0x200d, UTF8_MAX = 4 };

/* --- characters --- */

static size_t utf8_len(wchar_t c)
{
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static size_t utf8_put(wchar_t c, char *out)
{
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t n = utf8_len(c);

	if (n == 1) {
		*out = (char)c;
		return 1;
	}
	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[n] | (unsigned char)c);
	return n;
}

static bool may_stand(wchar_t c)
{
	char s[UTF8_MAX + 1] = {0};

	if (c == L'\n' || c == L'\t')
		return true;
	utf8_put(c, s);
	return bk_text_is_plain(s);
}

static char *to_utf8(const wchar_t *text, size_t len)
{
	char *out = malloc(len * UTF8_MAX + 1), *at = out;

	for (size_t i = 0; out && i < len; i++)
		at += utf8_put(text[i], at);
	if (out)
		*at = 0;
	return out;
}

/* A new cluster begins at this place: nothing that stands upon the character before it. */
static bool is_border(const struct bk_cli_editor *e, size_t at)
{
	if (!at || at >= e->len)
		return true;
	return wcwidth(e->text[at]) != 0 && e->text[at - 1] != JOINER;
}

/* --- the text --- */

static bool has_room(struct bk_cli_editor *e, size_t more)
{
	size_t cap = e->cap ? e->cap : CAP_FIRST;
	wchar_t *text;

	while (cap < e->len + more)
		cap *= 2;
	if (cap == e->cap)
		return true;
	text = realloc(e->text, cap * sizeof(*text));
	if (!text)
		return false;
	e->text = text;
	e->cap = cap;
	return true;
}

static void insert(struct bk_cli_editor *e, const wchar_t *s, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += utf8_len(s[i]);
	if (!n || e->bytes + bytes > BK_CLI_EDITOR_BYTES_MAX || !has_room(e, n))
		return;
	wmemmove(e->text + e->cursor + n, e->text + e->cursor, e->len - e->cursor);
	wmemcpy(e->text + e->cursor, s, n);
	e->len += n;
	e->cursor += n;
	e->bytes += bytes;
}

static void cut(struct bk_cli_editor *e, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		e->bytes -= utf8_len(e->text[i]);
	if (from < to)
		wmemmove(e->text + from, e->text + to, e->len - to);
	e->len -= to - from;
	e->cursor = from;
}

static void kill_text(struct bk_cli_editor *e, size_t from, size_t to)
{
	wchar_t *killed = from < to ? malloc((to - from) * sizeof(*killed)) : NULL;

	if (!killed)
		return;
	wmemcpy(killed, e->text + from, to - from);
	free(e->killed);
	e->killed = killed;
	e->killed_len = to - from;
	cut(e, from, to);
}

static size_t left_of(const struct bk_cli_editor *e, size_t at)
{
	do
		at -= at ? 1 : 0;
	while (!is_border(e, at));
	return at;
}

static size_t right_of(const struct bk_cli_editor *e, size_t at)
{
	do
		at += at < e->len ? 1 : 0;
	while (!is_border(e, at));
	return at;
}

static size_t word_left(const struct bk_cli_editor *e, bool by_blanks)
{
	size_t at = e->cursor;

	while (at && (by_blanks ? iswspace((wint_t)e->text[at - 1]) : !iswalnum((wint_t)e->text[at - 1])))
		at--;
	while (at && (by_blanks ? !iswspace((wint_t)e->text[at - 1]) : iswalnum((wint_t)e->text[at - 1])))
		at--;
	return at;
}

static size_t word_right(const struct bk_cli_editor *e)
{
	size_t at = e->cursor;

	while (at < e->len && !iswalnum((wint_t)e->text[at]))
		at++;
	while (at < e->len && iswalnum((wint_t)e->text[at]))
		at++;
	return at;
}

static void set_text(struct bk_cli_editor *e, const char *utf8)
{
	e->len = e->cursor = e->bytes = 0;
	bk_cli_editor_insert(e, utf8);
}

void bk_cli_editor_insert(struct bk_cli_editor *e, const char *utf8)
{
	size_t n;

	for (unsigned c = 0; *utf8; utf8 += n) {
		wchar_t wide;

		n = bk_text_char(utf8, &c);
		if (!n)
			break;
		wide = (wchar_t)c;
		if (may_stand(wide))
			insert(e, &wide, 1);
	}
}

/* --- history --- */

static void remember(struct bk_cli_editor *e, const char *line)
{
	char *copy = *line ? strdup(line) : NULL;

	free(e->draft);
	e->draft = NULL;
	if (copy && e->history_len && !strcmp(e->history[e->history_len - 1], copy)) {
		free(copy);
		copy = NULL;
	}
	if (copy && e->history_len == BK_CLI_EDITOR_HISTORY_MAX) {
		free(e->history[0]);
		memmove(e->history, e->history + 1, (BK_CLI_EDITOR_HISTORY_MAX - 1) * sizeof(*e->history));
		e->history_len--;
	}
	if (copy)
		e->history[e->history_len++] = copy;
	e->history_at = e->history_len;
}

static void look_back(struct bk_cli_editor *e)
{
	if (!e->history_at)
		return;
	if (e->history_at == e->history_len) {
		free(e->draft);
		e->draft = to_utf8(e->text, e->len);
	}
	set_text(e, e->history[--e->history_at]);
}

static void look_on(struct bk_cli_editor *e)
{
	if (e->history_at == e->history_len)
		return;
	e->history_at++;
	set_text(e, e->history_at < e->history_len ? e->history[e->history_at] : e->draft ? e->draft : "");
}

/* --- keys --- */

typedef void act_fn(struct bk_cli_editor *e);

static void go_left(struct bk_cli_editor *e)
{
	e->cursor = left_of(e, e->cursor);
}

static void go_right(struct bk_cli_editor *e)
{
	e->cursor = right_of(e, e->cursor);
}

static void go_word_left(struct bk_cli_editor *e)
{
	e->cursor = word_left(e, false);
}

static void go_word_right(struct bk_cli_editor *e)
{
	e->cursor = word_right(e);
}

static void go_home(struct bk_cli_editor *e)
{
	e->cursor = 0;
}

static void go_last(struct bk_cli_editor *e)
{
	e->cursor = e->len;
}

static void cut_left(struct bk_cli_editor *e)
{
	cut(e, left_of(e, e->cursor), e->cursor);
}

static void cut_right(struct bk_cli_editor *e)
{
	cut(e, e->cursor, right_of(e, e->cursor));
}

static void kill_end(struct bk_cli_editor *e)
{
	kill_text(e, e->cursor, e->len);
}

static void kill_start(struct bk_cli_editor *e)
{
	kill_text(e, 0, e->cursor);
}

static void kill_word(struct bk_cli_editor *e)
{
	kill_text(e, word_left(e, true), e->cursor);
}

static void kill_letters(struct bk_cli_editor *e)
{
	kill_text(e, word_left(e, false), e->cursor);
}

static void yank(struct bk_cli_editor *e)
{
	insert(e, e->killed, e->killed_len);
}

static void break_line(struct bk_cli_editor *e)
{
	insert(e, L"\n", 1);
}

static void begin_paste(struct bk_cli_editor *e)
{
	e->is_pasting = true;
	e->was_return = false;
}

static void end_paste(struct bk_cli_editor *e)
{
	e->is_pasting = false;
}

/* What stands behind an Escape. */
static const struct {
	const char *sequence;
	act_fn *act;
} sequences[] = {
	{"[D", go_left},
	{"OD", go_left},
	{"[C", go_right},
	{"OC", go_right},
	{"[1;5D", go_word_left},
	{"[1;3D", go_word_left},
	{"b", go_word_left},
	{"[1;5C", go_word_right},
	{"[1;3C", go_word_right},
	{"f", go_word_right},
	{"[H", go_home},
	{"OH", go_home},
	{"[1~", go_home},
	{"[7~", go_home},
	{"[F", go_last},
	{"OF", go_last},
	{"[4~", go_last},
	{"[8~", go_last},
	{"[A", look_back},
	{"OA", look_back},
	{"[B", look_on},
	{"OB", look_on},
	{"[3~", cut_right},
	{"\x7f", kill_letters},
	{"\r", break_line},
	{"\n", break_line},
	{"[200~", begin_paste},
	{"[201~", end_paste},
};

static const struct {
	char byte;
	act_fn *act;
} controls[] = {
	{'A' & CTRL, go_home},
	{'B' & CTRL, go_left},
	{'D' & CTRL, cut_right},
	{'E' & CTRL, go_last},
	{'F' & CTRL, go_right},
	{'H' & CTRL, cut_left},
	{'K' & CTRL, kill_end},
	{'N' & CTRL, look_on},
	{'P' & CTRL, look_back},
	{'U' & CTRL, kill_start},
	{'W' & CTRL, kill_word},
	{'Y' & CTRL, yank},
	{DELETE, cut_left},
};

static enum bk_cli_editor_news perform(struct bk_cli_editor *e, act_fn *act)
{
	if (!act)
		return BK_CLI_EDITOR_NOTHING;
	act(e);
	return BK_CLI_EDITOR_CHANGED;
}

/* [ or O begins one that goes on; of [ parameters follow up to a letter or ~. */
static bool is_whole(const char *sequence, size_t n)
{
	char last = sequence[n - 1];

	if (n == 1)
		return last != '[' && last != 'O';
	return sequence[0] == 'O' || (last >= '@' && last <= '~') || n == BK_CLI_EDITOR_SEQUENCE_MAX;
}

static enum bk_cli_editor_news take_sequence(struct bk_cli_editor *e, char byte)
{
	act_fn *act = NULL;

	e->sequence[e->sequence_len++] = byte;
	e->sequence[e->sequence_len] = 0;
	if (!is_whole(e->sequence, e->sequence_len))
		return BK_CLI_EDITOR_NOTHING;
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++)
		if (!strcmp(sequences[i].sequence, e->sequence))
			act = sequences[i].act;
	e->is_escaped = false;
	return perform(e, e->is_pasting && act != end_paste ? NULL : act);
}

/* A line's end in a paste may be a return, a newline or both. */
static enum bk_cli_editor_news paste_control(struct bk_cli_editor *e, char byte)
{
	bool is_second = byte == '\n' && e->was_return;

	e->was_return = byte == '\r';
	if (byte == '\t')
		insert(e, L"\t", 1);
	else if ((byte == '\r' || byte == '\n') && !is_second)
		insert(e, L"\n", 1);
	return BK_CLI_EDITOR_CHANGED;
}

static enum bk_cli_editor_news take_control(struct bk_cli_editor *e, char byte)
{
	if (e->is_pasting)
		return paste_control(e, byte);
	if (byte == '\r' || byte == '\n')
		return BK_CLI_EDITOR_ENTER;
	if (byte == '\t')
		return BK_CLI_EDITOR_TAB;
	if (byte == ('L' & CTRL))
		return BK_CLI_EDITOR_REDRAW;
	if (byte == ('D' & CTRL) && !e->len)
		return BK_CLI_EDITOR_END;
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++)
		if (controls[i].byte == byte)
			return perform(e, controls[i].act);
	return BK_CLI_EDITOR_NOTHING;
}

/* 1: a character; 0: not yet; -1: none. */
static int decode_local(struct bk_cli_editor *e, char byte, wchar_t *ret_c)
{
	size_t n = mbrtowc(ret_c, &byte, 1, &e->state);

	if (n == (size_t)-1)
		e->state = (mbstate_t){0};
	return n == (size_t)-1 ? -1 : n != (size_t)-2;
}

static int decode_utf8(struct bk_cli_editor *e, char byte, wchar_t *ret_c)
{
	unsigned char lead;
	unsigned c = 0;

	e->cut[e->cut_len++] = byte;
	lead = (unsigned char)e->cut[0];
	if (bk_text_char_within(e->cut, e->cut_len, &c)) {
		*ret_c = (wchar_t)c;
		e->cut_len = 0;
		return 1;
	}
	if ((e->cut_len == 1 || ((unsigned char)byte & 0xc0) == 0x80) && lead >= 0xc2 && lead < 0xf5 &&
		e->cut_len < (lead < 0xe0          ? 2u
				     : lead < 0xf0 ? 3u
						   : 4u))
		return 0;
	e->cut_len = 0;
	return -1;
}

static enum bk_cli_editor_news take_character(struct bk_cli_editor *e, char byte)
{
	bool was_midway = e->is_local ? !mbsinit(&e->state) : e->cut_len > 0;
	int (*decode)(struct bk_cli_editor *, char, wchar_t *) = e->is_local ? decode_local : decode_utf8;
	wchar_t c = 0;
	int got = decode(e, byte, &c);

	if (got < 0 && was_midway) /* the one before was cut */
		got = decode(e, byte, &c);
	if (got <= 0)
		return BK_CLI_EDITOR_NOTHING;
	e->was_return = false;
	if (!may_stand(c))
		return BK_CLI_EDITOR_NOTHING;
	insert(e, &c, 1);
	return BK_CLI_EDITOR_CHANGED;
}

enum bk_cli_editor_news bk_cli_editor_key(struct bk_cli_editor *e, char byte)
{
	unsigned char b = (unsigned char)byte;

	if (byte == ESCAPE) {
		e->is_escaped = true;
		e->sequence_len = 0;
		return BK_CLI_EDITOR_NOTHING;
	}
	if (e->is_escaped)
		return take_sequence(e, byte);
	if (b < ' ' || b == DELETE)
		return take_control(e, byte);
	return take_character(e, byte);
}

/* --- life --- */

void bk_cli_editor_init(struct bk_cli_editor *e)
{
	const char *charset = nl_langinfo(CODESET);

	*e = (struct bk_cli_editor){
		.is_local = strcmp(charset, "UTF-8") != 0 && strcmp(charset, "ANSI_X3.4-1968") != 0};
}

void bk_cli_editor_done(struct bk_cli_editor *e)
{
	free(e->text);
	free(e->killed);
	free(e->draft);
	for (size_t i = 0; i < e->history_len; i++)
		free(e->history[i]);
	bk_cli_editor_init(e);
}

char *bk_cli_editor_take(struct bk_cli_editor *e)
{
	char *line = to_utf8(e->text, e->len);

	if (!line)
		return NULL;
	remember(e, line);
	e->len = e->cursor = e->bytes = 0;
	return line;
}

char *bk_cli_editor_head(const struct bk_cli_editor *e)
{
	return to_utf8(e->text, e->cursor);
}
