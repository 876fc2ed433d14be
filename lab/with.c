/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of them; each row is some bits of a field, or a number in it. */
#include "lab/with.h"

#include "base/error.h"
#include "lab/say.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct row {
	const char *name;
	const char *title; /* its second line begins below the first */
	size_t field;
	unsigned bits;     /* 0: the field has a number */
	unsigned min, max; /* of it */
};

enum { ALL_SERVICES = BK_LAB_PCP | BK_LAB_NATPMP | BK_LAB_UPNP };

#define FIELD(name) offsetof(struct bk_lab_with, name)

static const struct row rows[] = {
	{"miniupnpd", "home routers give ports: a real miniupnpd", FIELD(services), ALL_SERVICES, 0, 0},
	{"pcp", "the same by PCP alone", FIELD(services), BK_LAB_PCP, 0, 0},
	{"natpmp", "by NAT-PMP alone", FIELD(services), BK_LAB_NATPMP, 0, 0},
	{"upnp", "by UPnP alone", FIELD(services), BK_LAB_UPNP, 0, 0},
	{"noise", "so many new flows a second, of others behind the NAT", FIELD(noise), 0, 1, 5000},
	{"lifetime", "a silent UDP flow is forgotten after so many seconds", FIELD(lifetime), 0, 1, 86400},
	{"small-table", "the NAT has room for so many flows", FIELD(small_table), 0, 8, 65536},
	{"hairpin", "its address outside is reached from inside, too", FIELD(habits), BK_LAB_HAIRPIN, 0, 0},
	{"udp-blocked", "nothing passes over UDP", FIELD(habits), BK_LAB_UDP_BLOCKED, 0, 0},
	{"helper", "the NAT looks into TFTP, and lets its answers in", FIELD(habits), BK_LAB_HELPER, 0, 0},
	{"https-only", "nothing passes but TCP to port 443", FIELD(habits), BK_LAB_HTTPS_ONLY, 0, 0},
	{"fw6", "IPv6 beside it, where a firewall lets in answers", FIELD(habits), BK_LAB_FW6, 0, 0},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static unsigned *field_of(struct bk_lab_with *w, const struct row *r)
{
	return (unsigned *)(void *)((char *)w + r->field);
}

static unsigned value_of(const struct bk_lab_with *w, const struct row *r)
{
	unsigned value;

	memcpy(&value, (const char *)w + r->field, sizeof(value));
	return value;
}

static int refuse(const char *text)
{
	char list[512] = "";

	for (size_t i = 0; i < ROWS; i++) {
		size_t used = strlen(list);

		snprintf(list + used, sizeof(list) - used, "%s%s%s[:a|b]", i ? ", " : "", rows[i].name,
			rows[i].bits ? "" : ":NUMBER");
	}
	return bk_lab_say(BK_E_INVALID, "--with takes no '%s'; there are %s", text, list);
}

static const struct row *find(const char *text, size_t len)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strlen(rows[i].name) == len && strncmp(rows[i].name, text, len) == 0)
			return &rows[i];
	return NULL;
}

/* Moves *text on behind it. */
static int take_number(const struct row *r, const char **text, unsigned *ret_number)
{
	char *end;
	unsigned long n =
		**text == ':' && (*text)[1] >= '0' && (*text)[1] <= '9' ? strtoul(*text + 1, &end, 10) : 0;

	if (n < r->min || n > r->max)
		return bk_lab_say(BK_E_INVALID, "--with %s wants a number from %u to %u, as %s:%u", r->name,
			r->min, r->max, r->name, r->min);
	*text = end;
	*ret_number = (unsigned)n;
	return 0;
}

/* What the row says of a side, 0: nothing. One row has all services, so that they do not stand there twice. */
static unsigned said_of(const struct bk_lab_with *w, const struct row *r)
{
	unsigned value = value_of(w, r);

	if (!r->bits)
		return value;
	if (r->field == FIELD(services) && value == ALL_SERVICES && r->bits != ALL_SERVICES)
		return 0;
	return (value & r->bits) == r->bits ? r->bits : 0;
}

static bool has_all(const struct bk_lab_with *w, const struct row *r)
{
	unsigned value = value_of(w, r);

	return r->bits ? (value & r->bits) == r->bits : value != 0;
}

/* ":a", ":b", or for both. */
static bool is_for(const char *sides, int side)
{
	return !*sides || (sides[1] == 'b') == side;
}

int bk_lab_with_set(struct bk_lab_with io_with[2], const char *text)
{
	size_t len = strcspn(text, ":");
	const struct row *r = find(text, len);
	const char *rest = text + len;
	unsigned number = 0;

	if (r && !r->bits && take_number(r, &rest, &number) < 0)
		return BK_E_INVALID;
	if (!r || (*rest && strcmp(rest, ":a") != 0 && strcmp(rest, ":b") != 0))
		return refuse(text);
	for (int side = 0; side < 2; side++)
		if (is_for(rest, side) && has_all(&io_with[side], r))
			return bk_lab_say(BK_E_INVALID,
				"--with %s is there already for side %c; once is enough%s", r->name,
				side ? 'b' : 'a',
				r->bits ? "" : ", and each side may have its own number, behind :a or :b");
	for (int side = 0; side < 2; side++) {
		unsigned *field = field_of(&io_with[side], r);

		if (is_for(rest, side))
			*field = r->bits ? *field | r->bits : number;
	}
	return 0;
}

/* Two for each row, since the sides may have different numbers. */
bool bk_lab_with_at(const struct bk_lab_with with[2], size_t i, char ret_text[BK_LAB_WITH_MAX])
{
	const struct row *r = &rows[i / 2 < ROWS ? i / 2 : 0];
	unsigned said[2] = {said_of(&with[0], r), said_of(&with[1], r)};
	size_t side = i % 2;
	bool is_both = said[0] == said[1];
	char number[12] = "";

	ret_text[0] = '\0';
	if (i >= (size_t)2 * ROWS || !said[side] || (is_both && side))
		return i < (size_t)2 * ROWS;
	if (!r->bits)
		snprintf(number, sizeof(number), ":%u", said[side]);
	snprintf(ret_text, BK_LAB_WITH_MAX, "%s%s%s", r->name, number, is_both ? "" : side ? ":b" : ":a");
	return true;
}

bool bk_lab_with_is_any(const struct bk_lab_with *with)
{
	for (size_t i = 0; i < ROWS; i++)
		if (value_of(with, &rows[i]))
			return true;
	return false;
}

void bk_lab_with_print_usage(FILE *f)
{
	for (size_t i = 0; i < ROWS; i++) {
		char name[BK_LAB_WITH_MAX];

		snprintf(name, sizeof(name), "%s%s", rows[i].name, rows[i].bits ? "" : ":NUMBER");
		fprintf(f, "  %-19s %s\n", name, rows[i].title);
	}
}
