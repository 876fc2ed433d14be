/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/cmd_matrix.h"

#include "base/error.h"
#include "lab/clock.h"
#include "lab/exit.h"
#include "lab/matrix.h"
#include "lab/measure.h"
#include "lab/say.h"
#include "lab/sheet.h"
#include "lab/svg.h"
#include "lab/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what is asked for --- */

static int take_transport(struct bk_lab_matrix *m, const char *text)
{
	for (int i = 0; i < BK_LAB_OVERS; i++)
		m->has_over[i] = strcmp(text, bk_lab_over_name((enum bk_lab_over)i)) == 0;
	if (!bk_lab_matrix_overs(m))
		return bk_lab_say(BK_E_INVALID, "--transport is udp or tcp, not '%s'", text);
	return 0;
}

static int take_runs(struct bk_lab_matrix *m, const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end || n < 1 || n > BK_LAB_RUNS_MAX)
		return bk_lab_say(
			BK_E_INVALID, "--runs wants a number from 1 to %d, not '%s'", BK_LAB_RUNS_MAX, text);
	m->runs = (int)n;
	return 0;
}

static bool has_type(const struct bk_lab_matrix *m, const struct bk_lab_nat_type *t)
{
	for (int i = 0; i < m->types_len; i++)
		if (m->types[i] == t)
			return true;
	return false;
}

static int take_types(struct bk_lab_matrix *m, const char *text)
{
	char list[512];
	int rc = snprintf(list, sizeof(list), "%s", text) < (int)sizeof(list) ? 0 : BK_E_INVALID;

	m->types_len = 0;
	for (char *save, *name = strtok_r(list, ",", &save); rc == 0 && name;
		name = strtok_r(NULL, ",", &save)) {
		rc = bk_lab_options_set(&m->options, "a", name); /* which knows the types */
		if (rc == 0 && !has_type(m, m->options.type[0]) && m->types_len < BK_LAB_TYPES_MAX)
			m->types[m->types_len++] = m->options.type[0];
	}
	if (rc == 0 && m->types_len == 0)
		return bk_lab_say(BK_E_INVALID, "--types wants types of NAT, as in: --types open,port,sym");
	return rc;
}

static int take_svg(struct bk_lab_matrix *m, const char *text)
{
	m->svg = text;
	return 0;
}

static const struct {
	const char *name;
	int (*take)(struct bk_lab_matrix *m, const char *text);
} own_options[] = {
	{"--transport", take_transport},
	{"--runs", take_runs},
	{"--types", take_types},
	{"--svg", take_svg},
};

/* What it does not know is a matter of the labs. */
static int take_option(struct bk_lab_matrix *m, int argc, char **argv, int *i)
{
	size_t n = strcspn(argv[*i], "=");

	for (size_t k = 0; k < sizeof(own_options) / sizeof(own_options[0]); k++) {
		if (strlen(own_options[k].name) != n || strncmp(own_options[k].name, argv[*i], n) != 0)
			continue;
		if (argv[*i][n])
			return own_options[k].take(m, argv[*i] + n + 1);
		if (*i + 1 >= argc)
			return bk_lab_say(BK_E_INVALID, "%s wants a value", own_options[k].name);
		return own_options[k].take(m, argv[++*i]);
	}
	return bk_lab_options_take(&m->options, argc, argv, i);
}

/* What goes together with one type may not with another one. Types without a NAT have nothing of it. */
static int check_options(const struct bk_lab_matrix *m)
{
	struct bk_lab_options o = m->options;
	int rc = 0;

	for (int i = 0; rc == 0 && i < m->types_len; i++) {
		o.type[0] = o.type[1] = m->types[i];
		rc = m->types[i]->translates ? bk_lab_options_check(&o) : 0;
	}
	return rc;
}

static int take_options(struct bk_lab_matrix *m, int argc, char **argv)
{
	const struct bk_lab_nat_type *t;
	int rc = bk_lab_options_init(&m->options);

	m->runs = 1;
	m->has_over[BK_LAB_UDP] = m->has_over[BK_LAB_TCP] = true;
	for (int i = 0; (t = bk_lab_nat_type_at((size_t)i)) && i < BK_LAB_TYPES_MAX; i++)
		m->types[m->types_len++] = t;
	for (int i = 1; rc == 0 && i < argc; i++)
		if (argv[i][0] == '-')
			rc = take_option(m, argc, argv, &i);
		else
			rc = bk_lab_say(BK_E_INVALID, "'%s' is too much; see: bodkin lab help", argv[i]);
	return rc == 0 ? check_options(m) : rc;
}

/* --- what came of it --- */

static void on_cell(const struct bk_lab_matrix *m, const struct bk_lab_cell *c, int done)
{
	int all = m->types_len * m->types_len * bk_lab_matrix_overs(m);

	if (m->options.json)
		bk_lab_cell_print_json(c, stdout);
	else if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%d of %d%s", done, all, done == all ? "\r\033[K" : "");
}

static void print_end_json(const struct bk_lab_matrix *m)
{
	const char *between = "";

	fputs("{\"event\":\"matrix\",\"types\":[", stdout);
	for (int i = 0; i < m->types_len; i++)
		printf("%s\"%s\"", i ? "," : "", m->types[i]->name);
	fputs("],\"transports\":[", stdout);
	for (int i = 0; i < BK_LAB_OVERS; i++)
		if (m->has_over[i]) {
			printf("%s\"%s\"", between, bk_lab_over_name((enum bk_lab_over)i));
			between = ",";
		}
	printf("],\"runs\":%d,\"seconds\":%.3f}\n", m->runs, m->seconds);
}

static int say_unwritten(const struct bk_lab_matrix *m)
{
	bk_lab_say(BK_E_IO, "cannot write '%s': %s", m->svg, strerror(errno));
	return BK_LAB_EXIT_FILE;
}

/* Before minutes are spent on what it would show. An older picture stays until the new one is there. */
static int try_svg(const struct bk_lab_matrix *m)
{
	FILE *f = fopen(m->svg, "a");

	return f && fclose(f) == 0 ? 0 : say_unwritten(m);
}

static int write_svg(const struct bk_lab_matrix *m)
{
	FILE *f = fopen(m->svg, "w");
	bool ok = f;

	if (f) {
		bk_lab_svg_print(m, f);
		ok = !ferror(f);
		ok = fclose(f) == 0 && ok;
	}
	return ok ? 0 : say_unwritten(m);
}

static int count_failed(const struct bk_lab_matrix *m)
{
	int failed = 0;

	for (int i = 0; i < BK_LAB_OVERS * m->types_len * m->types_len; i++)
		failed += m->cells[i].failed;
	return failed;
}

static int tell(const struct bk_lab_matrix *m)
{
	int failed = count_failed(m), code = 0;

	if (m->options.json)
		print_end_json(m);
	else
		bk_lab_sheet_print(m, bk_lab_window_columns(STDOUT_FILENO), stdout);
	if (m->svg)
		code = write_svg(m);
	if (failed)
		bk_lab_say(0, "%d run%s came to nothing, neither direct nor relayed", failed,
			failed == 1 ? "" : "s");
	return code ? code : failed ? 1 : 0;
}

int bk_lab_matrix_main(int argc, char **argv)
{
	struct bk_lab_matrix m = {0};
	bk_time from;
	int rc = take_options(&m, argc, argv);

	if (rc < 0)
		return BK_LAB_EXIT_USAGE;
	rc = m.svg ? try_svg(&m) : 0;
	if (rc)
		return rc;
	m.cells = calloc((size_t)BK_LAB_OVERS * (size_t)m.types_len * (size_t)m.types_len, sizeof(*m.cells));
	if (!m.cells)
		return 1;
	from = bk_lab_clock();
	rc = bk_lab_measure(&m, on_cell);
	m.seconds = (double)(bk_lab_clock() - from) / BK_SEC;
	rc = rc < 0 ? bk_lab_exit_of(rc) : tell(&m);
	free(m.cells);
	return rc;
}
