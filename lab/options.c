/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the lab's commands. Numbers are plain decimals within a range; a name of a lab becomes a file
 * name, so only letters, digits, '-' and '_' are taken. */
#include "lab/options.h"

#include "base/error.h"
#include "base/text.h"
#include "lab/say.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 256 };

static const char *const answer_names[] = {
	[BK_LAB_DROP] = "drop",
	[BK_LAB_REJECT] = "reject",
	[BK_LAB_RESET] = "reset",
	[BK_LAB_ACCEPT] = "accept",
};

const char *bk_lab_answer_name(enum bk_lab_answer a)
{
	return answer_names[a];
}

static int set_number(double *ret_value, const char *name, const char *text, double max)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !isfinite(v) || v < 0 || v > max)
		return bk_lab_say(
			BK_E_INVALID, "--%s wants a number from 0 to %g, not '%s'", name, max, text);
	*ret_value = v;
	return 0;
}

static int set_name(struct bk_lab_options *o, const char *text)
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

	if (n == 0 || text[n] || n >= sizeof(o->name))
		return bk_lab_say(BK_E_INVALID,
			"a lab's name has 1 to %zu letters, digits, '-' or '_', not '%s'",
			sizeof(o->name) - 1, text);
	memcpy(o->name, text, n + 1);
	return 0;
}

static int set_answer(struct bk_lab_options *o, const char *text)
{
	for (int i = BK_LAB_DROP; i <= BK_LAB_ACCEPT; i++)
		if (strcmp(answer_names[i], text) == 0) {
			o->answer = (enum bk_lab_answer)i;
			return 0;
		}
	return bk_lab_say(BK_E_INVALID, "--answer is drop, reject, reset or accept, not '%s'", text);
}

/* All types, or those of one kind that have a number behind it: "symblock:". */
static void list_types(const char *beginning, size_t n, char list[LIST_MAX])
{
	const struct bk_lab_nat_type *t;
	size_t used = 0;

	list[0] = '\0';
	for (size_t i = 0; (t = bk_lab_nat_type_at(i)); i++)
		if (strncmp(t->name, beginning, n) == 0 && (n == 0 || t->name[n] == ':') && used < LIST_MAX)
			used += (size_t)snprintf(
				list + used, LIST_MAX - used, "%s%s", used ? ", " : "", t->name);
}

static const struct bk_lab_nat_type *nearest_type(const char *text)
{
	const struct bk_lab_nat_type *t, *best = NULL;
	unsigned least = 3;

	for (size_t i = 0; (t = bk_lab_nat_type_at(i)); i++) {
		unsigned slips = bk_text_slips(text, t->name);

		if (slips < least && slips + 1 < strlen(t->name)) {
			least = slips;
			best = t;
		}
	}
	return best;
}

static int refuse_type(const char *text)
{
	size_t n = strcspn(text, ":");
	const struct bk_lab_nat_type *meant = nearest_type(text);
	char list[LIST_MAX] = "";

	if (n)
		list_types(text, n, list);
	if (list[0])
		return bk_lab_say(BK_E_INVALID,
			"%.*s has a number of ports behind it, and '%s' is none of those there are: %s",
			(int)n, text, text, list);
	if (meant)
		return bk_lab_say(
			BK_E_INVALID, "'%s' is no type of NAT; did you mean '%s'?", text, meant->name);
	list_types("", 0, list);
	return bk_lab_say(BK_E_INVALID, "'%s' is no type of NAT; there are %s", text, list);
}

static int set_type(struct bk_lab_options *o, int side, const char *text)
{
	const struct bk_lab_nat_type *t = bk_lab_nat_type_find(text);

	if (!t)
		return refuse_type(text);
	o->type[side] = t;
	return 0;
}

static int check_with(const struct bk_lab_with *w, const struct bk_lab_nat_type *t)
{
	if (bk_lab_with_is_any(w) && !t->translates)
		return bk_lab_say(BK_E_INVALID, "%s has no NAT that --with could change", t->name);
	if (w->habits & BK_LAB_HAIRPIN && t->allocation != BK_LAB_PRESERVING)
		return bk_lab_say(BK_E_INVALID,
			"%s gives every flow a new port, so nobody behind it has one for a hairpin", t->name);
	if (w->habits & BK_LAB_FW6 && t->inner)
		return bk_lab_say(BK_E_INVALID, "%s has two routers, and IPv6 passes one", t->name);
	return 0;
}

int bk_lab_options_check(const struct bk_lab_options *o)
{
	int rc = check_with(&o->with[0], o->type[0]);

	return rc == 0 ? check_with(&o->with[1], o->type[1]) : rc;
}

int bk_lab_options_init(struct bk_lab_options *o)
{
	const char *name = getenv("BODKIN_LAB_NAME");

	*o = (struct bk_lab_options){0};
	return set_name(o, name && *name ? name : "default");
}

int bk_lab_options_set(struct bk_lab_options *o, const char *name, const char *value)
{
	if (strcmp(name, "a") == 0 || strcmp(name, "b") == 0)
		return set_type(o, name[0] == 'b', value);
	if (strcmp(name, "answer") == 0)
		return set_answer(o, value);
	if (strcmp(name, "delay") == 0)
		return set_number(&o->delay_ms, name, value, 10000);
	if (strcmp(name, "jitter") == 0)
		return set_number(&o->jitter_ms, name, value, 10000);
	if (strcmp(name, "loss") == 0)
		return set_number(&o->loss_percent, name, value, 100);
	if (strcmp(name, "rate") == 0)
		return set_number(&o->rate_mbit, name, value, 100000);
	if (strcmp(name, "with") == 0)
		return bk_lab_with_set(o->with, value);
	if (strcmp(name, "name") == 0)
		return set_name(o, value);
	return bk_lab_say(BK_E_INVALID, "there is no option --%s", name);
}

int bk_lab_options_take(struct bk_lab_options *o, int argc, char **argv, int *i)
{
	const char *text = argv[*i] + 2;
	const char *equals = strchr(text, '=');
	char name[16] = "";

	if (strcmp(text, "replace") == 0) {
		o->replace = true;
		return 0;
	}
	if (strcmp(text, "json") == 0) {
		o->json = true;
		return 0;
	}
	/* "--a" and "--b" are words of the state file, not options. */
	if (strncmp(argv[*i], "--", 2) != 0 || strcspn(text, "=") >= sizeof(name) || strcspn(text, "=") < 2)
		return bk_lab_say(BK_E_INVALID, "there is no option %s", argv[*i]);
	memcpy(name, text, strcspn(text, "="));
	if (equals)
		return bk_lab_options_set(o, name, equals + 1);
	if (*i + 1 >= argc)
		return bk_lab_say(BK_E_INVALID, "--%s wants a value", name);
	return bk_lab_options_set(o, name, argv[++*i]);
}

bool bk_lab_options_shaped(const struct bk_lab_options *o)
{
	return o->delay_ms > 0 || o->jitter_ms > 0 || o->loss_percent > 0 || o->rate_mbit > 0;
}
