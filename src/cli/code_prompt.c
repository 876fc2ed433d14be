/* SPDX-License-Identifier: Apache-2.0 */
/* A line for one code. It is edited here and not by the terminal, so that Tab can complete and nothing that is
 * typed but letters, digits and dashes gets in. */
#include "cli/code_prompt.h"

#include <bodkin/code.h>
#include <bodkin/error.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/human.h"

enum {
	CHOICES_MAX = 400,
	CTRL_C = 3,
	CTRL_D = 4,
	CTRL_U = 21,
	CTRL_W = 23,
	CTRL_Z = 26,
	ESCAPE = 27,
	DELETE = 127
};

static const char code_prompt[] = "Code (Enter: make one here): ",
		  invite_prompt[] = "Invite (it is not shown): ";

struct asking {
	const char *prompt;
	struct bk_cli_code_line line;
	bool is_plain, has_prompt;   /* the terminal knows no escapes; the prompt stands in the row */
	char shown[BK_CLI_CODE_MAX]; /* and this behind it */
	char asked[BK_CLI_CODE_MAX]; /* about this code already */
	struct termios before, raw;
};

/* --- the line --- */

static size_t word_start(const struct bk_cli_code_line *l)
{
	size_t at = l->len;

	while (at && l->text[at - 1] != '-')
		at--;
	return at;
}

static void cut(struct bk_cli_code_line *l, size_t len)
{
	l->len = len;
	l->text[len] = 0;
}

static void add(struct bk_cli_code_line *l, const char *s, size_t n)
{
	for (size_t i = 0; i < n && l->len + 1 < sizeof(l->text); i++)
		l->text[l->len++] = s[i];
	l->text[l->len] = 0;
}

static void add_dash(struct bk_cli_code_line *l)
{
	if (l->len && l->text[l->len - 1] != '-')
		add(l, "-", 1);
}

/* Several words fit: what they have in common is taken, and all are named. */
static size_t gather(const char *typed, const char **ret_first, size_t *ret_common, char *choices, size_t max)
{
	size_t n = strlen(typed), found = 0, used = 0;
	const char *word;

	choices[0] = 0;
	for (size_t i = 0; (word = bk_code_word(i)); i++) {
		if (strncmp(word, typed, n) != 0)
			continue;
		if (!found++) {
			*ret_first = word;
			*ret_common = strlen(word);
		}
		while (strncmp(word, *ret_first, *ret_common) != 0)
			--*ret_common;
		if (used + strlen(word) + 6 < max)
			used += (size_t)snprintf(choices + used, max - used, "%s%s", used ? " " : "", word);
		else if (used && choices[used - 1] != '.')
			used += (size_t)snprintf(choices + used, max - used, " ...");
	}
	return found;
}

static enum bk_cli_code_key complete(struct bk_cli_code_line *l, char *choices, size_t max)
{
	size_t start = word_start(l), n = l->len - start, shared = 0, found;
	const char *first = NULL;

	choices[0] = 0;
	if ((!start && !l->has_words_alone) || !n)
		return BK_CLI_CODE_MORE;
	found = gather(l->text + start, &first, &shared, choices, max);
	if (found && shared > n)
		add(l, first + n, shared - n);
	else if (found > 1)
		return BK_CLI_CODE_CHOICES;
	if (found == 1 && (l->has_words_alone || strcspn(l->text, "-") + 1 == start))
		add_dash(l);
	return BK_CLI_CODE_MORE;
}

/* Arrow keys and the like: ESC, [ or O, and bytes up to a letter or ~. */
static bool is_escape(struct bk_cli_code_line *l, char byte)
{
	if (byte == ESCAPE) {
		l->escape = 1;
		return true;
	}
	if (!l->escape)
		return false;
	l->escape = l->escape == 1 && (byte == '[' || byte == 'O') ? 2
		    : l->escape > 1 && byte < '@'                  ? l->escape + 1
								   : 0;
	return true;
}

/* Only what a code has is kept of its characters, so of an option's nothing is shown for long. */
static void take_blank(struct bk_cli_code_line *l)
{
	static const char name[] = "bodkin"; /* perhaps behind what was refused */
	size_t n = sizeof(name) - 1;

	if (!l->has_words_alone && l->len >= n && !strcmp(l->text + l->len - n, name)) {
		l->is_command = true;
		cut(l, 0);
	} else if (l->is_command) {
		l->is_word_over = true;
	} else {
		add_dash(l);
	}
}

static void take_letter(struct bk_cli_code_line *l, char byte)
{
	if (l->is_word_over)
		cut(l, 0);
	l->is_word_over = false;
	add(l, &byte, 1);
}

enum bk_cli_code_key bk_cli_code_line_take(
	struct bk_cli_code_line *l, char byte, char *ret_choices, size_t choices_max)
{
	if (is_escape(l, byte))
		return BK_CLI_CODE_MORE;
	if (l->is_refused && (l->has_words_alone || (byte >= '0' && byte <= '9')))
		cut(l, 0);
	l->is_refused = false;
	if (byte == '\t')
		return complete(l, ret_choices, choices_max);
	if (byte == '\r' || byte == '\n')
		return BK_CLI_CODE_ENTER;
	if (byte == CTRL_C || (byte == CTRL_D && !l->len))
		return BK_CLI_CODE_CANCEL;
	if ((byte == DELETE || byte == '\b') && l->len)
		cut(l, l->len - 1);
	else if (byte == CTRL_U)
		*l = (struct bk_cli_code_line){.has_words_alone = l->has_words_alone};
	else if (byte == CTRL_W)
		cut(l, word_start(l) ? word_start(l) - 1 : 0);
	else if (byte == ' ')
		take_blank(l);
	else if (byte == '-' || byte == '_')
		add_dash(l);
	else if (byte >= 'A' && byte <= 'Z')
		take_letter(l, (char)(byte - 'A' + 'a'));
	else if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9'))
		take_letter(l, byte);
	return BK_CLI_CODE_MORE;
}

/* --- the terminal --- */

static void put(const char *s, size_t n)
{
	while (n) {
		ssize_t done = write(STDERR_FILENO, s, n);

		if (done < 0 && errno != EINTR)
			return;
		s += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
}

static unsigned columns(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

static unsigned words_of(const char *text)
{
	unsigned words = 0;

	for (const char *at = text; *at; at += *at == '-') {
		words++;
		at += strcspn(at, "-");
	}
	return words;
}

/* What was typed is added; where it became another one it stands in another row. */
static void draw_plain(struct asking *a)
{
	const struct bk_cli_code_line *l = &a->line;
	const char *text = l->has_words_alone ? "" : l->text;
	size_t n = strlen(a->shown);

	if (!a->has_prompt || strncmp(text, a->shown, n) != 0) {
		if (a->has_prompt)
			put("\n", 1);
		put(a->prompt, strlen(a->prompt));
		n = 0;
	}
	put(text + n, strlen(text + n));
	snprintf(a->shown, sizeof(a->shown), "%s", text);
	a->has_prompt = true;
}

/* The end of what was typed is what the person looks at, where not all of it fits. */
static void draw(struct asking *a)
{
	const struct bk_cli_code_line *l = &a->line;
	size_t wide = columns(), used = strlen(a->prompt) + 1, room = wide > used ? wide - used : 1;
	char line[BK_CLI_CODE_MAX + CHOICES_MAX];
	unsigned words = words_of(l->text);
	int n;

	if (a->is_plain) {
		draw_plain(a);
		return;
	}
	if (l->has_words_alone)
		n = snprintf(line, sizeof(line), "\r%.200s%u word%s\033[K", a->prompt, words,
			words == 1 ? "" : "s");
	else
		n = snprintf(line, sizeof(line), "\r%.200s%s\033[K", a->prompt,
			l->text + (l->len > room ? l->len - room : 0));
	put(line, (size_t)n);
}

static void say(const char *text)
{
	char line[CHOICES_MAX + BK_GROUP_SENTENCE_MAX];

	snprintf(line, sizeof(line), "%s\n", text);
	bk_cli_human_wrap(line, columns());
	put(line, strlen(line));
}

/* Ctrl-Z, as the terminal does it: for all of the command line. */
static void stop(struct asking *a)
{
	put("\n", 1);
	a->has_prompt = false;
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &a->before);
	(void)kill(0, SIGTSTP);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &a->raw);
}

static int read_line(struct asking *a)
{
	char choices[CHOICES_MAX], byte;

	for (;;) {
		ssize_t n;
		enum bk_cli_code_key key;

		draw(a);
		n = read(STDIN_FILENO, &byte, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0 && byte == CTRL_Z) {
			stop(a);
			continue;
		}
		key = n <= 0 ? BK_CLI_CODE_CANCEL
			     : bk_cli_code_line_take(&a->line, byte, choices, sizeof(choices));
		if (key == BK_CLI_CODE_MORE)
			continue;
		put("\n", 1);
		a->has_prompt = false;
		if (key == BK_CLI_CODE_ENTER)
			return 0;
		if (key == BK_CLI_CODE_CANCEL)
			return BK_E_CANCELLED;
		say(choices);
	}
}

/* Until it is what is asked for, or empty. */
static int ask(
	struct asking *a, int check(struct asking *a, const char *text, char ret_why[BK_GROUP_SENTENCE_MAX]))
{
	char why[BK_GROUP_SENTENCE_MAX];
	int err = tcgetattr(STDIN_FILENO, &a->before) < 0 ? BK_E_CANCELLED : 0;
	const char *term = getenv("TERM");

	a->is_plain = !term || !strcmp(term, "dumb");

	a->raw = a->before;
	a->raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	a->raw.c_cc[VMIN] = 1;
	a->raw.c_cc[VTIME] = 0;
	if (err >= 0 && tcsetattr(STDIN_FILENO, TCSADRAIN, &a->raw) < 0)
		err = BK_E_CANCELLED;
	while (err >= 0) {
		err = read_line(a);
		if (err < 0 || !a->line.len || check(a, a->line.text, why) >= 0)
			break;
		say(why);
		a->line.is_refused = true;
	}
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &a->before);
	return err;
}

static bool is_in_list(const char *typed, size_t n)
{
	const char *word;

	for (size_t i = 0; (word = bk_code_word(i)); i++)
		if (!strncmp(word, typed, n) && !word[n])
			return true;
	return false;
}

/* The first of its words that is not in the list, which codes that are made here are of; NULL: all are. */
static const char *strange_word(const char *code, size_t *ret_n)
{
	for (const char *at = strchr(code, '-'); at && at[1]; at = strchr(at, '-')) {
		at++;
		*ret_n = strcspn(at, "-");
		if (*ret_n && !is_in_list(at, *ret_n))
			return at;
	}
	return NULL;
}

/* What two agreed on looks like what one misheard: it is asked once, since it costs the code at the server. */
static int check_code(struct asking *a, const char *text, char ret_why[BK_GROUP_SENTENCE_MAX])
{
	_Static_assert((int)BK_GROUP_SENTENCE_MAX >= (int)BK_CODE_TEXT_MAX, "room for either sentence");
	int err = bk_code_check(text, ret_why);
	size_t n;
	const char *strange = err < 0 ? NULL : strange_word(text, &n);

	if (!strange || !strcmp(a->asked, text))
		return err;
	snprintf(a->asked, sizeof(a->asked), "%s", text);
	snprintf(ret_why, BK_GROUP_SENTENCE_MAX,
		"'%.*s' is not a word that codes have, unless the two of you chose this one: Enter again takes it. "
		"Nothing was used up",
		(int)n, strange);
	return BK_E_MALFORMED;
}

static int check_invite(struct asking *a, const char *text, char ret_why[BK_GROUP_SENTENCE_MAX])
{
	char invite[BK_GROUP_INVITE_MAX];

	(void)a;
	return bk_group_invite_check(text, invite, ret_why);
}

int bk_cli_code_prompt(char ret_code[BK_CLI_CODE_MAX])
{
	struct asking a = {.prompt = code_prompt};
	int err = ask(&a, check_code);

	memcpy(ret_code, a.line.text, BK_CLI_CODE_MAX);
	return err < 0 ? err : !a.line.len;
}

int bk_cli_invite_prompt(char ret_invite[BK_GROUP_INVITE_MAX])
{
	struct asking a = {.prompt = invite_prompt, .line = {.has_words_alone = true}};
	char why[BK_GROUP_SENTENCE_MAX];
	int err = ask(&a, check_invite);

	if (err >= 0)
		err = a.line.len ? bk_group_invite_check(a.line.text, ret_invite, why) : BK_E_CANCELLED;
	explicit_bzero(a.line.text, sizeof(a.line.text));
	return err;
}
