/* SPDX-License-Identifier: Apache-2.0 */
/* The lab as a picture: both sides left and right, the internet in the middle, the server below it. */
#include "lab/picture.h"

#include <stdio.h>
#include <string.h>

#define WIDE 16

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
		return side ? "cb: carrier NAT" : "ca: carrier NAT";
	return side ? "rb: NAT" : "ra: NAT";
}

static const char *wan_of(const struct bk_lab_plan *p, int side)
{
	return p->options.type[side]->translates ? bk_lab_plan_public(p, side) : "no filter";
}

static void print_side(const struct bk_lab_plan *p, int side)
{
	const struct bk_lab_nat_type *t = p->options.type[side];
	char letter = side ? 'b' : 'a';

	printf("  %c is %s: %s", letter, t->name, t->title);
	if (t->inner)
		printf(" (home router r%c, carrier's router c%c)", letter, letter);
	if (t->translates)
		printf("; mapping %s, filtering %s, ports %s", bk_lab_depends_name(t->mapping),
			bk_lab_depends_name(t->filtering), bk_lab_allocation_name(t->allocation));
	putchar('\n');
}

static void print_wire(const struct bk_lab_options *o)
{
	if (!bk_lab_options_shaped(o)) {
		puts("  links: plain and fast");
		return;
	}
	fputs("  links:", stdout);
	if (o->delay_ms > 0)
		printf(" %g ms one way from a to b (round trip %g ms, to the server %g ms)", o->delay_ms,
			2 * o->delay_ms, o->delay_ms);
	if (o->jitter_ms > 0)
		printf(" jitter up to %g ms", o->jitter_ms);
	if (o->loss_percent > 0)
		printf(" loss %g %% from a to b", o->loss_percent);
	if (o->rate_mbit > 0)
		printf(" rate %g Mbit/s", o->rate_mbit);
	putchar('\n');
}

static void print_with(const struct bk_lab_options *o)
{
	char text[BK_LAB_WITH_MAX];
	const char *before = "  with: ";

	for (size_t i = 0; bk_lab_with_at(o->with, i, text); i++)
		if (*text) {
			printf("%s%s", before, text);
			before = ", ";
		}
	if (*before == ',')
		putchar('\n');
}

void bk_lab_picture_print(const struct bk_lab_plan *p)
{
	bool nat = p->options.type[0]->translates || p->options.type[1]->translates;
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
	putchar('\n');
	print_side(p, 0);
	print_side(p, 1);
	if (nat)
		printf("  unsolicited packets: %s\n", bk_lab_answer_name(p->options.answer));
	print_wire(&p->options);
	print_with(&p->options);
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
