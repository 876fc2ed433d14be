/* SPDX-License-Identifier: Apache-2.0 */
/* The colour of a cell is its technique's, and says how much has to be done for it: green where two packets meet, blue
 * and violet where ports are guessed, grey for the relay. What is written in it says the rest, so nobody needs to tell
 * colours apart. */
#include "lab/svg.h"

#include "lab/marks.h"
#include "lab/sheet.h"

#include <string.h>

enum {
	CELL_W = 58,
	CELL_H = 30,
	HEAD_W = 118,
	HEAD_H = 112,
	TITLE_H = 34,
	MARGIN = 12,
	LEGEND_H = 30,
	LEGEND_W = 88,
	W_MIN = 760,
	MS_OF_SECOND = 1000
};

static const char style[] =
	"text{font:12px system-ui,sans-serif;fill:#1f2328}.t{font-size:15px;font-weight:600}.m{fill:#59636e}"
	".c{font-size:11px;text-anchor:middle;fill:#111}.d{font-size:10px;text-anchor:middle;fill:#333}"
	"rect{stroke:#d1d9e0;stroke-width:1}"
	".p{fill:#a7e3b4}.s{fill:#a9d3f5}.k{fill:#c5c3f7}.b{fill:#e3bdf2}.r{fill:#dfe3e8}.x{fill:#ffb8b0}"
	"@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.m{fill:#9198a1}.c{fill:#fff}.d{fill:#dce3ea}"
	"rect{stroke:#3d444d}"
	".p{fill:#1c6b33}.s{fill:#1b5a8c}.k{fill:#4a46a3}.b{fill:#75398f}.r{fill:#3a424b}.x{fill:#9b2c23}}";

static const char *class_of(const struct bk_lab_cell *c)
{
	const struct bk_lab_mark *m = c->failed ? NULL : bk_lab_mark_of(c->direct ? c->technique : "relay");

	return m ? m->class : "x";
}

static const char *unit_of(double ms)
{
	return ms < MS_OF_SECOND - 0.5 ? " ms" : "";
}

/* What it shows when the mouse rests on it. Names are ours; a text is not printed, so nothing needs escaping. */
static void print_tip(const struct bk_lab_cell *c, FILE *f)
{
	char ms[BK_LAB_SHORT_MAX], worst[BK_LAB_SHORT_MAX];

	fprintf(f, "<title>%s - %s: %d of %d direct, %s, median %s%s, worst %s%s</title>", c->type[0]->name,
		c->type[1]->name, c->direct, c->runs, c->technique, bk_lab_short_ms(c->median_ms, 4, ms),
		unit_of(c->median_ms), bk_lab_short_ms(c->worst_ms, 4, worst), unit_of(c->worst_ms));
}

static void print_cell(const struct bk_lab_cell *c, int x, int y, FILE *f)
{
	char ms[BK_LAB_SHORT_MAX];

	bk_lab_short_ms(c->median_ms, 4, ms);
	fprintf(f, "<g>");
	if (c->runs > c->failed)
		print_tip(c, f);
	fprintf(f, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>", class_of(c), x, y,
		CELL_W, CELL_H);
	fprintf(f, "<text class=\"c\" x=\"%d\" y=\"%d\">%s</text>", x + CELL_W / 2, y + 13,
		c->failed   ? "failed"
		: c->direct ? c->technique
			    : "relay");
	fprintf(f, "<text class=\"d\" x=\"%d\" y=\"%d\">", x + CELL_W / 2, y + 25);
	if (c->direct && c->direct < c->runs)
		fprintf(f, "%d %%, ", bk_lab_cell_percent(c));
	fprintf(f, "%s%s</text></g>\n", ms, unit_of(c->median_ms));
}

static void print_names(const struct bk_lab_matrix *m, int y, FILE *f)
{
	for (int i = 0; i < m->types_len; i++) {
		int x = MARGIN + HEAD_W + i * CELL_W + CELL_W / 2 + 4, foot = y + HEAD_H - 8;

		fprintf(f, "<text x=\"%d\" y=\"%d\" transform=\"rotate(-60 %d %d)\">%s</text>\n", x, foot, x,
			foot, m->types[i]->name);
		fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", MARGIN + HEAD_W - 8,
			y + HEAD_H + i * CELL_H + CELL_H / 2 + 4, m->types[i]->name);
	}
}

static int grid_height(const struct bk_lab_matrix *m)
{
	return TITLE_H + HEAD_H + m->types_len * CELL_H + MARGIN;
}

static void print_grid(const struct bk_lab_matrix *m, enum bk_lab_over over, int y, FILE *f)
{
	fprintf(f, "<text class=\"t\" x=\"%d\" y=\"%d\">Over %s</text>\n", MARGIN, y + 22,
		over == BK_LAB_UDP ? "UDP" : "TCP");
	fprintf(f,
		"<text class=\"m\" x=\"%d\" y=\"%d\">%d run%s of each pair; down: who made the code, across: who joined</text>\n",
		MARGIN + 90, y + 22, m->runs, m->runs == 1 ? "" : "s");
	y += TITLE_H;
	print_names(m, y, f);
	for (int a = 0; a < m->types_len; a++)
		for (int b = 0; b < m->types_len; b++)
			print_cell(bk_lab_matrix_at(m, over, a, b), MARGIN + HEAD_W + b * CELL_W,
				y + HEAD_H + a * CELL_H, f);
}

static void print_legend(const struct bk_lab_matrix *m, int y, FILE *f)
{
	int x = MARGIN;

	for (const struct bk_lab_mark *mark = bk_lab_marks; mark->technique; mark++) {
		if (!bk_lab_matrix_has(m, mark->technique))
			continue;
		fprintf(f,
			"<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"14\" height=\"14\"/><text x=\"%d\" y=\"%d\">%s</text>\n",
			mark->class, x, y, x + 20, y + 12, mark->technique);
		x += LEGEND_W;
	}
	fprintf(f,
		"<text class=\"m\" x=\"%d\" y=\"%d\">the median of the slower side, from knowing each other</text>\n",
		x, y + 12);
}

void bk_lab_svg_print(const struct bk_lab_matrix *m, FILE *f)
{
	int w = MARGIN + HEAD_W + m->types_len * CELL_W + HEAD_H / 2, y = MARGIN;
	int h = 2 * MARGIN + LEGEND_H + bk_lab_matrix_overs(m) * grid_height(m);

	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n"
		"<title>Which two NATs connect directly, how, and how fast</title>\n<style>%s</style>\n",
		w < W_MIN ? W_MIN : w, h, w < W_MIN ? W_MIN : w, h, style);
	print_legend(m, y, f);
	y += LEGEND_H;
	for (int over = 0; over < BK_LAB_OVERS; over++) {
		if (!m->has_over[over])
			continue;
		print_grid(m, (enum bk_lab_over)over, y, f);
		y += grid_height(m);
	}
	fputs("</svg>\n", f);
}
