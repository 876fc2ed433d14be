/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a matrix: for a person at terminals of three widths, for a script, as a picture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lab/sheet.h"
#include "lab/svg.h"

enum { TYPES = 3 };

static struct bk_lab_cell cells[BK_LAB_OVERS * TYPES * TYPES];

static void fill(struct bk_lab_matrix *m, enum bk_lab_over over, int a, int b, struct bk_lab_cell c)
{
	c.type[0] = m->types[a];
	c.type[1] = m->types[b];
	c.over = over;
	c.runs = m->runs;
	*bk_lab_matrix_at(m, over, a, b) = c;
}

/* Of each kind of cell there is one. */
static struct bk_lab_matrix matrix(void)
{
	static const char *const names[TYPES] = {"open", "port", "symblock:2048"};
	const struct bk_lab_cell punch = {
		.direct = 10, .technique = "punch", .median_ms = 8.4, .worst_ms = 30, .chance = 1};
	struct bk_lab_matrix m = {
		.types_len = TYPES, .has_over = {[BK_LAB_UDP] = true}, .runs = 10, .cells = cells};

	for (int i = 0; i < TYPES; i++)
		m.types[i] = bk_lab_nat_type_find(names[i]);
	for (int i = 0; i < TYPES * TYPES; i++)
		fill(&m, BK_LAB_UDP, i / TYPES, i % TYPES, punch);
	fill(&m, BK_LAB_UDP, 1, 2,
		(struct bk_lab_cell){.direct = 9,
			.technique = "blocks",
			.median_ms = 69,
			.worst_ms = 1420.4,
			.chance = 0.98});
	fill(&m, BK_LAB_UDP, 2, 1,
		(struct bk_lab_cell){.direct = 10,
			.technique = "birthday",
			.median_ms = 1234,
			.worst_ms = 2000,
			.chance = 0.98});
	fill(&m, BK_LAB_UDP, 2, 2,
		(struct bk_lab_cell){
			.technique = "relay", .median_ms = 2, .worst_ms = 3, .text = "both NATs \"so\""});
	fill(&m, BK_LAB_UDP, 2, 0,
		(struct bk_lab_cell){
			.direct = 9, .failed = 1, .technique = "punch", .median_ms = 9, .chance = -1});
	return m;
}

static char *written(const struct bk_lab_matrix *m, int columns)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	if (columns)
		bk_lab_sheet_print(m, columns, f);
	else
		bk_lab_svg_print(m, f);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void a_table_fits_its_terminal(void **state)
{
	static const struct {
		int columns;
		const char *text;
	} rows[] = {
		{200, "over UDP, 10 runs each; down: who made the code\n"
		      "                 open         port         3\n"
		      " 1 open          punch 8      punch 8      punch 8\n"
		      " 2 port          punch 8      punch 8      blocks 90%\n"
		      " 3 symblock:2048 1 failed     birthday 1s  relay 2\n"
		      "\n"
		      "punch: both sides send at the same moment\n"
		      "blocks: a port guessed in a carrier's block\n"
		      "birthday: random ports, guessed from many\n"
		      "relay: not direct, through the server\n"
		      "times: ms, the median\n"
		      "%: so many runs were direct, the others relayed\n"
		      "!: neither direct nor relayed\n"},
		{50, "over UDP, 10 runs each; down: who made the code\n"
		     "                 1    2    3\n"
		     " 1 open          P8   P8   P8\n"
		     " 2 port          P8   P8   K90%\n"
		     " 3 symblock:2048 !    B1s  -\n"
		     "\n"
		     "P punch: both sides send at the same moment\n"
		     "K blocks: a port guessed in a carrier's block\n"
		     "B birthday: random ports, guessed from many\n"
		     "- relay: not direct, through the server\n"
		     "times: ms, the median\n"
		     "%: so many runs were direct, the others relayed\n"
		     "!: neither direct nor relayed\n"},
		{24, "over UDP, 10 runs each; down: who made the code\n"
		     "                 1 2 3\n"
		     " 1 open          P P P\n"
		     " 2 port          P P k\n"
		     " 3 symblock:2048 ! B -\n"
		     "\n"
		     "P punch: both sides send at the same moment\n"
		     "K blocks: a port guessed in a carrier's block\n"
		     "B birthday: random ports, guessed from many\n"
		     "- relay: not direct, through the server\n"
		     "small: not every run was direct\n"
		     "!: neither direct nor relayed\n"},
	};
	const struct bk_lab_matrix m = matrix();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = written(&m, rows[i].columns);

		assert_string_equal(text, rows[i].text);
		free(text);
	}
}

/* With all types that there are. */
static void no_line_is_wider_than_the_terminal(void **state)
{
	static const int columns[] = {50, 80, 200};
	struct bk_lab_cell all[BK_LAB_OVERS * BK_LAB_TYPES_MAX * BK_LAB_TYPES_MAX] = {0};
	struct bk_lab_matrix m = {.has_over = {[BK_LAB_TCP] = true}, .runs = 10, .cells = all};
	const struct bk_lab_cell widest = {.direct = 10, .technique = "birthday", .median_ms = 999};

	(void)state;
	while ((m.types[m.types_len] = bk_lab_nat_type_at((size_t)m.types_len)))
		m.types_len++;
	for (int i = 0; i < m.types_len * m.types_len; i++)
		fill(&m, BK_LAB_TCP, i / m.types_len, i % m.types_len, widest);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		char *text = written(&m, columns[i]), *save;

		for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			assert_in_range(strlen(line), 1, columns[i]);
		free(text);
	}
}

static void a_cell_is_one_object_in_one_line(void **state)
{
	static const char expected[] =
		"{\"event\":\"cell\",\"a\":\"port\",\"b\":\"symblock:2048\",\"transport\":\"udp\",\"runs\":10,\"direct\":9,"
		"\"failed\":0,\"technique\":\"blocks\",\"median_ms\":69.0,\"worst_ms\":1420.4,\"chance\":0.98,\"text\":null}\n"
		"{\"event\":\"cell\",\"a\":\"symblock:2048\",\"b\":\"symblock:2048\",\"transport\":\"udp\",\"runs\":10,\"direct\":0,"
		"\"failed\":0,\"technique\":\"relay\",\"median_ms\":2.0,\"worst_ms\":3.0,\"chance\":0.0,"
		"\"text\":\"both NATs \\\"so\\\"\"}\n"
		"{\"event\":\"cell\",\"a\":\"symblock:2048\",\"b\":\"open\",\"transport\":\"udp\",\"runs\":10,\"direct\":9,"
		"\"failed\":1,\"technique\":\"punch\",\"median_ms\":9.0,\"worst_ms\":0.0,\"chance\":null,\"text\":null}\n";
	const struct bk_lab_matrix m = matrix();
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	bk_lab_cell_print_json(bk_lab_matrix_at(&m, BK_LAB_UDP, 1, 2), f);
	bk_lab_cell_print_json(bk_lab_matrix_at(&m, BK_LAB_UDP, 2, 2), f);
	bk_lab_cell_print_json(bk_lab_matrix_at(&m, BK_LAB_UDP, 2, 0), f);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(text, expected);
	free(text);
}

static size_t count(const char *text, const char *words)
{
	size_t n = 0;

	for (; (text = strstr(text, words)); text++)
		n++;
	return n;
}

/* Every element that is opened is closed, which is enough where none of what is written comes from elsewhere. */
static void the_picture_has_every_cell_a_legend_and_no_script(void **state)
{
	static const char *const elements[] = {"svg", "title", "style", "g", "text"};
	const struct bk_lab_matrix m = matrix();
	char *text = written(&m, 0), open[16], close[16];

	(void)state;
	assert_int_equal(count(text, "<g>"), TYPES * TYPES);
	assert_int_equal(count(text, "<rect "), TYPES * TYPES + 4);
	for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
		snprintf(open, sizeof(open), "<%s", elements[i]);
		snprintf(close, sizeof(close), "</%s>", elements[i]);
		assert_int_equal(count(text, open), count(text, close));
	}
	assert_non_null(strstr(text,
		"<title>port - symblock:2048: 9 of 10 direct, blocks, median 69 ms, worst 1.4s</title>"));
	assert_non_null(strstr(text, "90 %, 69 ms"));
	assert_non_null(strstr(text, "prefers-color-scheme:dark"));
	assert_int_equal(count(text, "script") + count(text, "href") + count(text, "url("), 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_fits_its_terminal),
		cmocka_unit_test(no_line_is_wider_than_the_terminal),
		cmocka_unit_test(a_cell_is_one_object_in_one_line),
		cmocka_unit_test(the_picture_has_every_cell_a_legend_and_no_script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
