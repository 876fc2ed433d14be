/* SPDX-License-Identifier: Apache-2.0 */
/* The lab as a picture: both sides left and right, the internet in the middle, the server below it; in a narrow window
 * the same from top to bottom. */
#include "lab/picture.h"

#include "lab/window.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WIDE         14
#define PICTURE      79 /* columns */
#define MARGIN       4
#define LINE_MAX_LEN 512

static void row(const char *const cell[5], const char *between)
{
	char line[256];
	size_t used = 0;

	for (int i = 0; i < 5; i++) {
		int n = (int)strlen(cell[i]), left = (WIDE - n) / 2;

		used += (size_t)snprintf(line + used, sizeof(line) - used, "%*s%s%*s%s", left, "", cell[i],
			WIDE - n - left, "", i < 4 ? between : "");
	}
	while (used > 0 && line[used - 1] == ' ')
		line[--used] = '\0';
	puts(line);
}

static const char *router_title(const struct bk_lab_plan *p, int side)
{
	const struct bk_lab_nat_type *t = p->options.type[side];

	if (!t->translates)
		return side ? "rb: router" : "ra: router";
	if (t->inner)
		return side ? "cb: carrier" : "ca: carrier";
	return side ? "rb: NAT" : "ra: NAT";
}

static const char *wan_of(const struct bk_lab_plan *p, int side)
{
	return p->options.type[side]->translates ? bk_lab_plan_public(p, side) : "no filter";
}

static void print_side(const struct bk_lab_plan *p, int side, int columns)
{
	const struct bk_lab_nat_type *t = p->options.type[side];
	char letter = side ? 'b' : 'a', line[LINE_MAX_LEN], routers[64] = "", does[160] = "";

	if (t->inner)
		snprintf(
			routers, sizeof(routers), " (home router r%c, carrier's router c%c)", letter, letter);
	if (t->translates)
		snprintf(does, sizeof(does), "; mapping %s, filtering %s, ports %s",
			bk_lab_depends_name(t->mapping), bk_lab_depends_name(t->filtering),
			bk_lab_allocation_name(t->allocation));
	snprintf(line, sizeof(line), "  %c is %s: %s%s%s", letter, t->name, t->title, routers, does);
	bk_lab_window_fold(line, columns, MARGIN, stdout);
}

static void append(char line[LINE_MAX_LEN], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void append(char line[LINE_MAX_LEN], const char *fmt, ...)
{
	size_t n = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + n, LINE_MAX_LEN - n, fmt, ap);
	va_end(ap);
}

static void print_wire(const struct bk_lab_options *o, int columns)
{
	char line[LINE_MAX_LEN] = "  links:";

	if (!bk_lab_options_shaped(o))
		append(line, " plain and fast");
	if (o->delay_ms > 0)
		append(line, " %g ms one way from a to b (round trip %g ms, to the server %g ms)",
			o->delay_ms, 2 * o->delay_ms, o->delay_ms);
	if (o->jitter_ms > 0)
		append(line, " jitter up to %g ms", o->jitter_ms);
	if (o->loss_percent > 0)
		append(line, " loss %g %% from a to b", o->loss_percent);
	if (o->rate_mbit > 0)
		append(line, " rate %g Mbit/s", o->rate_mbit);
	bk_lab_window_fold(line, columns, MARGIN, stdout);
}

static void print_with(const struct bk_lab_options *o, int columns)
{
	char text[BK_LAB_WITH_MAX], line[LINE_MAX_LEN] = "";

	for (size_t i = 0; bk_lab_with_at(o->with, i, text); i++)
		if (*text)
			append(line, "%s%s", *line ? ", " : "  with: ", text);
	if (*line)
		bk_lab_window_fold(line, columns, MARGIN, stdout);
}

static void print_broad(const struct bk_lab_plan *p)
{
	const char *const names[5] = {"a", router_title(p, 0), "internet", router_title(p, 1), "b"};
	const char *const addrs[5] = {
		bk_lab_plan_host(p, 0), wan_of(p, 0), "net", wan_of(p, 1), bk_lab_plan_host(p, 1)};
	const char *const gap[5] = {"", "", "|", "", ""};
	const char *const server[5] = {"", "", ("s: " BK_LAB_SERVER_1), "", ""};
	const char *const second[5] = {"", "", ("   " BK_LAB_SERVER_2), "", ""};

	row(names, "---");
	row(addrs, "   ");
	row(gap, "   ");
	row(server, "   ");
	row(second, "   ");
}

static void print_slim(const struct bk_lab_plan *p)
{
	printf("  a: %s\n  |\n", bk_lab_plan_host(p, 0));
	printf("  %s, %s\n  |\n", router_title(p, 0), wan_of(p, 0));
	puts("  net: internet --- s: " BK_LAB_SERVER_1 "\n  |                    " BK_LAB_SERVER_2);
	printf("  %s, %s\n  |\n", router_title(p, 1), wan_of(p, 1));
	printf("  b: %s\n", bk_lab_plan_host(p, 1));
}

void bk_lab_picture_print(const struct bk_lab_plan *p)
{
	bool nat = p->options.type[0]->translates || p->options.type[1]->translates;
	int columns = bk_lab_window_columns(STDOUT_FILENO);

	(columns < PICTURE ? print_slim : print_broad)(p);
	putchar('\n');
	print_side(p, 0, columns);
	print_side(p, 1, columns);
	if (nat)
		printf("  unsolicited packets: %s\n", bk_lab_answer_name(p->options.answer));
	print_wire(&p->options, columns);
	print_with(&p->options, columns);
}

static void print_side_json(const struct bk_lab_plan *p, int side)
{
	const struct bk_lab_nat_type *t = p->options.type[side];

	printf("\"%c\":{\"type\":\"%s\",\"address\":\"%s\",\"public\":\"%s\","
	       "\"mapping\":\"%s\",\"filtering\":\"%s\",\"allocation\":\"%s\"}",
		side ? 'b' : 'a', t->name, bk_lab_plan_host(p, side), bk_lab_plan_public(p, side),
		bk_lab_depends_name(t->mapping), bk_lab_depends_name(t->filtering),
		bk_lab_allocation_name(t->allocation));
}

void bk_lab_picture_print_json(const struct bk_lab_plan *p, pid_t holder)
{
	const struct bk_lab_options *o = &p->options;
	char text[BK_LAB_WITH_MAX];
	const char *between = "";

	printf("{\"name\":\"%s\",\"holder\":%d,", o->name, (int)holder);
	print_side_json(p, 0);
	putchar(',');
	print_side_json(p, 1);
	printf(",\"server\":[\"%s\",\"%s\"],\"answer\":\"%s\","
	       "\"delay_ms\":%g,\"jitter_ms\":%g,\"loss_percent\":%g,\"rate_mbit\":%g,\"with\":[",
		BK_LAB_SERVER_1, BK_LAB_SERVER_2, bk_lab_answer_name(o->answer), o->delay_ms, o->jitter_ms,
		o->loss_percent, o->rate_mbit);
	for (size_t i = 0; bk_lab_with_at(o->with, i, text); i++)
		if (*text) {
			printf("%s\"%s\"", between, text);
			between = ",";
		}
	puts("]}");
}
