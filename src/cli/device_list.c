/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device_list.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/human.h"
#include "cli/key.h"

enum { ID_SHOWN = 8, CELL_MAX = 256, DAY = 86400 };

/* In the order in which they stand. */
enum column { COLUMN_NAME, COLUMN_ID, COLUMN_NAT, COLUMN_LAN, COLUMN_SINCE, COLUMN_STATE, COLUMNS_LEN };

/* What goes first where there is no room. */
static const enum column dispensable[] = {COLUMN_ID, COLUMN_NAT, COLUMN_SINCE, COLUMN_LAN};

struct row {
	char cells[COLUMNS_LEN][CELL_MAX];
	bool is_away;
};

static bool is_listed(const struct bk_cli_device *d)
{
	return d->programs && d->about.flags & BK_DEVICE_PRESENT;
}

/* --- cells --- */

static const char *nat_of(const struct bk_device *a)
{
	return a->nat_udp ? a->nat_udp : a->nat_tcp ? a->nat_tcp : "-";
}

static const char *state_of(const struct bk_cli_device *d)
{
	if (d->verdict == BK_CLI_DEVICE_CHANGED)
		return "ANOTHER KEY";
	return d->about.flags & BK_DEVICE_RECEIVES ? "yes" : "no";
}

static void write_addresses(const struct bk_device *a, char out[CELL_MAX])
{
	char text[BK_ADDR_STR_MAX];
	size_t n = 0;

	strcpy(out, a->addresses_len ? "" : "-");
	for (size_t i = 0; i < a->addresses_len && n < CELL_MAX; i++)
		n += (size_t)snprintf(out + n, CELL_MAX - n, "%s%s", i ? " " : "",
			bk_addr_ip_to_str(&a->addresses[i], text));
}

/* The time of the day, or the day. */
static void write_since(uint32_t since, char out[CELL_MAX])
{
	time_t then = since, now = time(NULL);
	bool is_today = now >= then && now - then < DAY;
	struct tm tm;

	if (!since || !localtime_r(&then, &tm) ||
		!strftime(out, CELL_MAX, is_today ? "%H:%M" : "%Y-%m-%d", &tm))
		strcpy(out, "-");
}

static void fill_row(struct row *row, const struct bk_cli_device *d)
{
	char id[BK_CLI_KEY_STR_MAX];

	*row = (struct row){0};
	snprintf(row->cells[COLUMN_NAME], CELL_MAX, "%s%s", d->name, d->is_us ? " (here)" : "");
	snprintf(row->cells[COLUMN_ID], CELL_MAX, "%.*s", ID_SHOWN, bk_cli_key_to_str(d->key, id));
	snprintf(row->cells[COLUMN_NAT], CELL_MAX, "%s", nat_of(&d->about));
	write_addresses(&d->about, row->cells[COLUMN_LAN]);
	write_since(d->about.since, row->cells[COLUMN_SINCE]);
	snprintf(row->cells[COLUMN_STATE], CELL_MAX, "%s", state_of(d));
}

static void fill_away(struct row *row, const struct bk_cli_known_device *k)
{
	char id[BK_CLI_KEY_STR_MAX];

	*row = (struct row){.is_away = true};
	for (int i = 0; i < COLUMNS_LEN; i++)
		strcpy(row->cells[i], "-");
	snprintf(row->cells[COLUMN_NAME], CELL_MAX, "%s", k->name);
	snprintf(row->cells[COLUMN_ID], CELL_MAX, "%.*s", ID_SHOWN, bk_cli_key_to_str(k->key, id));
	strcpy(row->cells[COLUMN_STATE], "away");
}

/* --- rows --- */

static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->is_away != y->is_away ? x->is_away - y->is_away
					: strcmp(x->cells[COLUMN_NAME], y->cells[COLUMN_NAME]);
}

/* Nothing of it is there, under another name either. */
static bool is_away(const struct bk_cli_devices *d, const struct bk_cli_known_device *k)
{
	return !bk_cli_devices_is_present(d, k->key) &&
	       (!d->has_key || memcmp(d->key, k->key, sizeof(k->key)) != 0);
}

static struct row *make_rows(const struct bk_cli_devices *d, size_t *ret_n)
{
	struct row *rows = calloc(d->members_len + d->store->known_len + 1, sizeof(*rows));
	struct bk_cli_device device;
	size_t n = 0;

	for (size_t i = 0; rows && bk_cli_devices_get(d, i, &device); i++)
		if (is_listed(&device))
			fill_row(&rows[n++], &device);
	for (size_t i = 0; rows && i < d->store->known_len; i++)
		if (is_away(d, &d->store->known[i]))
			fill_away(&rows[n++], &d->store->known[i]);
	if (rows)
		qsort(rows, n, sizeof(*rows), compare);
	*ret_n = n;
	return rows;
}

/* --- lines --- */

static const struct row heads = {.cells = {"NAME", "ID", "NAT", "LAN", "SINCE", "RECEIVES"}};

static unsigned measure(const struct row *rows, size_t n, unsigned width[COLUMNS_LEN])
{
	unsigned sum = 0;

	for (int c = 0; c < COLUMNS_LEN; c++) {
		width[c] = bk_cli_human_width(heads.cells[c]);
		for (size_t i = 0; i < n; i++) {
			unsigned w = bk_cli_human_width(rows[i].cells[c]);

			width[c] = w > width[c] ? w : width[c];
		}
		sum += width[c] + 2;
	}
	return sum - 2;
}

/* Before a column goes: long names lose their middle, and of several addresses the first is told. */
static void shorten(struct row *rows, size_t n, unsigned columns)
{
	char name[CELL_MAX * MB_LEN_MAX];

	for (size_t i = 0; i < n; i++) {
		(void)bk_cli_human_fit(rows[i].cells[COLUMN_NAME], columns / 3, name, sizeof(name));
		snprintf(rows[i].cells[COLUMN_NAME], CELL_MAX, "%.*s", CELL_MAX - 1, name);
		rows[i].cells[COLUMN_LAN][strcspn(rows[i].cells[COLUMN_LAN], " ")] = 0;
	}
}

/* Which of them stay: width 0 is left out. */
static void fit(unsigned all, unsigned columns, unsigned width[COLUMNS_LEN])
{
	for (size_t i = 0; i < sizeof(dispensable) / sizeof(dispensable[0]) && columns && all >= columns;
		i++) {
		all -= width[dispensable[i]] + 2;
		width[dispensable[i]] = 0;
	}
}

static char *write_line(const struct row *row, const unsigned width[COLUMNS_LEN])
{
	char *out = malloc(COLUMNS_LEN * (2 * CELL_MAX + 2) + 1);
	size_t n = 0;

	for (int c = 0; out && c < COLUMNS_LEN; c++) {
		unsigned w = bk_cli_human_width(row->cells[c]),
			 pad = c == COLUMN_STATE || w > width[c] ? 0 : width[c] - w;

		if (width[c])
			n += (size_t)sprintf(out + n, "%s%*s%s", row->cells[c], (int)pad, "",
				c == COLUMN_STATE ? "" : "  ");
	}
	return out;
}

char **bk_cli_device_list_lines(const struct bk_cli_devices *d, unsigned columns, size_t *ret_n)
{
	unsigned width[COLUMNS_LEN];
	size_t n;
	struct row *rows = make_rows(d, &n);
	char **lines = rows && n ? calloc(n + 1, sizeof(*lines)) : NULL;

	*ret_n = 0;
	if (lines) {
		if (columns && measure(rows, n, width) >= columns)
			shorten(rows, n, columns);
		fit(measure(rows, n, width), columns, width);
		lines[(*ret_n)++] = write_line(&heads, width);
		for (size_t i = 0; i < n; i++)
			lines[(*ret_n)++] = write_line(&rows[i], width);
	}
	free(rows);
	return lines;
}

void bk_cli_device_list_free(char **lines, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(lines[i]);
	free(lines);
}

/* --- for a script, and in a pipe --- */

static json_t *text_or_null(const char *s)
{
	return s ? json_string(s) : json_null();
}

static json_t *addresses_value(const struct bk_device *a)
{
	char text[BK_ADDR_STR_MAX];
	json_t *all = json_array();

	for (size_t i = 0; i < a->addresses_len; i++)
		json_array_append_new(all, json_string(bk_addr_ip_to_str(&a->addresses[i], text)));
	return all;
}

void bk_cli_device_list_tell(const struct bk_cli_report *r, const struct bk_cli_device *d)
{
	char id[BK_CLI_KEY_STR_MAX];
	json_t *o = json_pack("{s:s, s:s, s:s}", "name", d->name, "id", bk_cli_key_to_str(d->key, id),
		"state", is_listed(d) ? "online" : "offline");

	if (o && is_listed(d))
		json_object_update_new(
			o, json_pack("{s:o, s:o, s:o, s:I, s:b, s:b, s:b}", "nat_udp",
				   text_or_null(d->about.nat_udp), "nat_tcp", text_or_null(d->about.nat_tcp),
				   "lan", addresses_value(&d->about), "since", (json_int_t)d->about.since,
				   "receives", !!(d->about.flags & BK_DEVICE_RECEIVES), "is_here", d->is_us,
				   "has_another_key", d->verdict == BK_CLI_DEVICE_CHANGED));
	bk_cli_report_event(r, BK_CLI_EVENT, "presence", o);
}

void bk_cli_device_list_tell_all(const struct bk_cli_report *r, const struct bk_cli_devices *d)
{
	struct bk_cli_device device;

	for (size_t i = 0; bk_cli_devices_get(d, i, &device); i++)
		if (is_listed(&device))
			bk_cli_device_list_tell(r, &device);
	for (size_t i = 0; i < d->store->known_len; i++) {
		const struct bk_cli_known_device *k = &d->store->known[i];

		if (!is_away(d, k))
			continue;
		device = (struct bk_cli_device){0};
		memcpy(device.name, k->name, sizeof(device.name));
		memcpy(device.key, k->key, sizeof(device.key));
		bk_cli_device_list_tell(r, &device);
	}
}

void bk_cli_device_list_say(struct bk_cli_report *r, const struct bk_cli_device *d)
{
	char lan[CELL_MAX];

	write_addresses(&d->about, lan);
	if (!is_listed(d))
		bk_cli_report_say(r, BK_CLI_EVENT, "%s is gone", d->name);
	else if (d->verdict == BK_CLI_DEVICE_CHANGED)
		bk_cli_report_say(r, BK_CLI_EVENT, "%s is here, with ANOTHER KEY than before", d->name);
	else
		bk_cli_report_say(r, BK_CLI_EVENT, "%s is here: %s, %s%s", d->name,
			strcmp(nat_of(&d->about), "-") != 0 ? nat_of(&d->about) : "NAT not known yet", lan,
			d->about.flags & BK_DEVICE_RECEIVES ? ", receives" : "");
}
