/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/cell.h"

#include <jansson.h>

static const char *const over_names[] = {[BK_LAB_UDP] = "udp", [BK_LAB_TCP] = "tcp"};

const char *bk_lab_over_name(enum bk_lab_over o)
{
	return over_names[o];
}

void bk_lab_cell_print_json(const struct bk_lab_cell *c, FILE *f)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:s, s:o, s:o, s:o, s:o}", "event",
		"cell", "a", c->type[0]->name, "b", c->type[1]->name, "transport", bk_lab_over_name(c->over),
		"runs", c->runs, "direct", c->direct, "failed", c->failed, "technique", c->technique,
		"median_ms", *c->technique ? json_real(c->median_ms) : json_null(), "worst_ms",
		*c->technique ? json_real(c->worst_ms) : json_null(), "chance",
		c->chance < 0 ? json_null() : json_real(c->chance), "text",
		*c->text ? json_string(c->text) : json_null());

	if (object)
		json_dumpf(object, f, JSON_COMPACT | JSON_REAL_PRECISION(6));
	json_decref(object);
	fputc('\n', f);
	fflush(f);
}
