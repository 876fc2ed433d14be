/* SPDX-License-Identifier: Apache-2.0 */
/* The lab's commands. All state is asked of the holder process, none is kept here. */
#include "lab/lab.h"

#include "base/error.h"
#include "base/text.h"
#include "lab/cmd_matrix.h"
#include "lab/exit.h"
#include "lab/holder.h"
#include "lab/list.h"
#include "lab/ns.h"
#include "lab/picture.h"
#include "lab/say.h"
#include "lab/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_DIR_ENV "BODKIN_LAB_DIR"

static const char usage_text[] =
	"bodkin lab up A B [--answer drop|reject|reset|accept] [--delay MS]\n"
	"           [--jitter MS] [--loss PERCENT] [--rate MBIT] [--with OPTION]...\n"
	"           [--replace]\n"
	"                    two hosts behind NATs of types A and B, and a server\n"
	"bodkin lab exec a|b|s|ra|rb|ca|cb|net CMD...\n"
	"                    run a command on a host or router of the lab\n"
	"bodkin lab status [--json]\n"
	"                    what is up\n"
	"bodkin lab down     end it, and every command in it\n"
	"bodkin lab matrix [--transport udp|tcp] [--runs N] [--types A,B,...] [--json]\n"
	"           [--svg FILE]\n"
	"                    every pair of types in labs of their own: which connect\n"
	"                    directly, how, and how fast; options of up for all of them\n"
	"bodkin lab probe    can a lab be raised on this machine?\n"
	"\n"
	"Every command takes --name NAME, for several labs at once. OPTIONs, of both\n"
	"sides or, with :a or :b behind them, of one:\n";

static void print_usage(FILE *f)
{
	const struct bk_lab_nat_type *t;

	fputs(usage_text, f);
	bk_lab_with_print_usage(f);
	fputs("Types of NAT:\n", f);
	for (size_t i = 0; (t = bk_lab_nat_type_at(i)); i++)
		fprintf(f, "  %-13s %s\n", t->name, t->title);
}

static int say_state(int rc, const char *name)
{
	if (rc == BK_E_NOT_FOUND)
		return bk_lab_say(rc, "no lab '%s' is up; start one with: bodkin lab up port port", name);
	if (rc == BK_E_AGAIN)
		return bk_lab_say(rc, "lab '%s' is still being raised", name);
	return bk_lab_say(rc, "lab '%s': %s", name, bk_error_text(rc));
}

/* All of argv are options or, at most two, types. */
static int take_arguments(struct bk_lab_options *o, int argc, char **argv, int types_max)
{
	int types = 0, rc = bk_lab_options_init(o);

	for (int i = 1; rc == 0 && i < argc; i++)
		if (argv[i][0] == '-')
			rc = bk_lab_options_take(o, argc, argv, &i);
		else if (types < types_max)
			rc = bk_lab_options_set(o, types++ ? "b" : "a", argv[i]);
		else
			rc = bk_lab_say(BK_E_INVALID, "'%s' is too much; see: bodkin lab help", argv[i]);
	if (rc == 0 && types < types_max)
		return bk_lab_say(BK_E_INVALID,
			"up wants two types of NAT, as in: bodkin lab up port sym; see: bodkin lab help");
	return rc;
}

static int take_down(const char *name, int *ret_commands)
{
	struct bk_lab_state state;
	int rc = bk_lab_state_read(name, &state);

	if (rc == 0)
		rc = bk_lab_holder_stop(state.holder, ret_commands);
	/* A holder that was killed leaves its file. */
	if (rc == BK_E_NOT_FOUND)
		bk_lab_state_remove(name);
	return rc;
}

static void print_next(const struct bk_lab_options *o)
{
	struct bk_lab_options usual;
	char option[80] = "";

	if (bk_lab_options_init(&usual) < 0 || strcmp(o->name, usual.name) != 0)
		snprintf(option, sizeof(option), " --name %s", o->name);
	printf("\nRun something there:  bodkin lab exec%s a COMMAND\nEnd it:               bodkin lab down%s\n",
		option, option);
}

static int cmd_up(int argc, char **argv)
{
	struct bk_lab_options o;
	struct bk_lab_plan plan;
	int commands, rc = take_arguments(&o, argc, argv, 2);

	if (rc == 0)
		rc = bk_lab_options_check(&o);
	if (rc < 0)
		return bk_lab_exit_of(rc);
	bk_lab_plan_init(&plan, &o);
	if (o.replace)
		take_down(o.name, &commands);
	rc = bk_lab_holder_start(&plan);
	if (rc == BK_E_EXISTS)
		bk_lab_say(rc, "lab '%s' is already up; take it down, or use --replace or another --name",
			o.name);
	/* Failed half-way: is it this machine, or is it us? */
	else if (rc < 0 && rc != BK_E_UNSUPPORTED && bk_lab_holder_probe() == BK_E_UNSUPPORTED)
		rc = BK_E_UNSUPPORTED;
	if (rc == 0) {
		bk_lab_picture_print(&plan);
		print_next(&o);
	}
	return bk_lab_exit_of(rc);
}

static int cmd_down(int argc, char **argv)
{
	struct bk_lab_options o;
	int commands = 0, rc = take_arguments(&o, argc, argv, 0);

	if (rc < 0)
		return bk_lab_exit_of(rc);
	rc = take_down(o.name, &commands);
	if (rc < 0)
		return bk_lab_exit_of(say_state(rc, o.name));
	printf("lab '%s' is down", o.name);
	if (commands > 0)
		printf("; ended %d command%s that still ran in it", commands, commands == 1 ? "" : "s");
	putchar('\n');
	return 0;
}

static int cmd_status(int argc, char **argv)
{
	struct bk_lab_options o;
	struct bk_lab_state state;
	struct bk_lab_plan plan;
	int rc = take_arguments(&o, argc, argv, 0);

	if (rc < 0)
		return bk_lab_exit_of(rc);
	rc = bk_lab_state_read(o.name, &state);
	if (rc < 0)
		return bk_lab_exit_of(say_state(rc, o.name));
	bk_lab_plan_init(&plan, &state.options);
	if (o.json) {
		bk_lab_picture_print_json(&plan, state.holder);
		return 0;
	}
	printf("lab '%s' is up, held by process %d\n\n", o.name, (int)state.holder);
	bk_lab_picture_print(&plan);
	return 0;
}

static int cmd_probe(int argc, char **argv)
{
	struct bk_lab_options o;
	int rc = take_arguments(&o, argc, argv, 0);

	if (rc == 0)
		rc = bk_lab_holder_probe();
	if (rc == 0)
		puts("a lab can be raised on this machine: bodkin lab up port port");
	return bk_lab_exit_of(rc);
}

/* For tests; not in the usage text. */
static int cmd_scenarios(int argc, char **argv)
{
	struct bk_lab_options o;
	int rc = take_arguments(&o, argc, argv, 0);

	if (rc == 0)
		bk_lab_list_print(o.json);
	return bk_lab_exit_of(rc);
}

/* A command in the lab that calls the lab again shall find the same one, though it may now be another
 * user. */
static int export_names(const char *name)
{
	const char *dir;
	int rc = bk_lab_state_dir(&dir);

	if (rc == 0 && (setenv(STATE_DIR_ENV, dir, 1) < 0 || setenv("BODKIN_LAB_NAME", name, 1) < 0))
		rc = BK_E_NOMEM;
	return rc;
}

static int join_node(const struct bk_lab_options *o, const char *node_name)
{
	enum bk_lab_node node = bk_lab_node_find(node_name);
	struct bk_lab_state state;
	int rc;

	if (node == BK_LAB_NODES)
		return bk_lab_say(BK_E_INVALID,
			"'%s' is no node of a lab; there are a, b, s, ra, rb, ca, cb, net", node_name);
	rc = bk_lab_state_read(o->name, &state);
	if (rc < 0)
		return say_state(rc, o->name);
	rc = export_names(o->name);
	if (rc == 0)
		rc = bk_lab_ns_join(state.holder, node);
	if (rc == BK_E_NOT_FOUND)
		return bk_lab_say(rc, "lab '%s' has no node %s", o->name, node_name);
	return rc < 0 ? bk_lab_say(rc, "cannot enter node %s: %s", node_name, bk_error_text(rc)) : 0;
}

static int cmd_exec(int argc, char **argv)
{
	struct bk_lab_options o;
	int i = 1, rc = bk_lab_options_init(&o);

	/* Options end at the node; what follows it belongs to the command. */
	for (; rc == 0 && i < argc && argv[i][0] == '-'; i++)
		rc = bk_lab_options_take(&o, argc, argv, &i);
	if (rc == 0 && i + 1 < argc && strcmp(argv[i + 1], "--") == 0) {
		argv[i + 1] = argv[i];
		i++;
	}
	if (rc == 0 && i + 1 >= argc)
		rc = bk_lab_say(
			BK_E_INVALID, "exec wants a node (a, b, s, ra, rb, ca, cb, net) and a command");
	if (rc == 0 && argv[i + 1][0] == '-')
		rc = bk_lab_say(BK_E_INVALID,
			"'%s' stands behind the host, where the command begins; options come in front: "
			"bodkin lab exec "
			"%s ... %s",
			argv[i + 1], argv[i + 1], argv[i]);
	if (rc == 0)
		rc = join_node(&o, argv[i]);
	if (rc < 0)
		return rc == BK_E_INVALID ? BK_LAB_EXIT_USAGE : BK_LAB_EXIT_LAB;
	execvp(argv[i + 1], argv + i + 1);
	rc = errno == ENOENT ? BK_LAB_EXIT_NOT_THERE : BK_LAB_EXIT_CANNOT_RUN;
	bk_lab_say(0, "cannot run '%s': %s", argv[i + 1], strerror(errno));
	return rc;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"up", cmd_up},
	{"exec", cmd_exec},
	{"down", cmd_down},
	{"status", cmd_status},
	{"probe", cmd_probe},
	{"scenarios", cmd_scenarios},
	{"matrix", bk_lab_matrix_main},
};

static bool asks_help(const char *word)
{
	return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static void refuse_command(const char *typed)
{
	const char *meant = NULL;
	unsigned least = 3;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (bk_text_slips(typed, commands[i].name) < least) {
			least = bk_text_slips(typed, commands[i].name);
			meant = commands[i].name;
		}
	bk_lab_say(0, "there is no command '%s'%s%s%s", typed, meant ? "; did you mean '" : "",
		meant ? meant : "", meant ? "'?" : "");
}

/* Of `exec` everything but the first word may belong to the command. */
int bk_lab_main(int argc, char **argv)
{
	if (argc > 1 && (asks_help(argv[1]) || (argc > 2 && asks_help(argv[2])))) {
		print_usage(stdout);
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (argc > 1)
		refuse_command(argv[1]);
	print_usage(stderr);
	return BK_LAB_EXIT_USAGE;
}
