/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands and the way to one of them. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <bodkin/api.h>
#include <bodkin/error.h>

#include "cli/command.h"
#include "cli/config.h"
#include "cli/exit.h"
#include "cli/output.h"

static const struct bk_cli_command *const commands[] = {&bk_cli_cmd_send, &bk_cli_cmd_recv, &bk_cli_cmd_ping,
	&bk_cli_cmd_nat, &bk_cli_cmd_serve, &bk_cli_cmd_lab};

enum { COMMANDS_LEN = sizeof(commands) / sizeof(commands[0]) };

static const struct bk_cli_command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS_LEN; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static void print_help(void)
{
	puts("bodkin connects two machines that cannot reach each other, directly and privately.\n");
	for (size_t i = 0; i < COMMANDS_LEN; i++)
		printf("  bodkin %-6s %s\n", commands[i]->name, commands[i]->summary);
	puts("  bodkin help COMMAND\n  bodkin --version");
}

static int print_command_help(const struct bk_cli_command *c)
{
	char name[] = "lab", help[] = "--help", *argv[] = {name, help, NULL};

	if (c->run_raw)
		return c->run_raw(2, argv);
	printf("bodkin %s %s\n\n%s\n\n", c->name, c->usage, c->about);
	bk_cli_options_print(c->bit);
	return BK_CLI_EXIT_DONE;
}

static int usage_error(const char *text)
{
	bk_cli_output_put(BK_CLI_STDERR, BK_CLI_VERDICT, "bodkin: %s\n", text);
	bk_cli_output_end();
	return BK_CLI_EXIT_USAGE;
}

static int help(int argc, char **argv)
{
	const struct bk_cli_command *c = argc > 1 ? find_command(argv[1]) : NULL;

	if (c)
		return print_command_help(c);
	if (argc > 1)
		return usage_error("cannot help with that: no such command; try 'bodkin help'");
	print_help();
	return BK_CLI_EXIT_DONE;
}

/* A script that asked for JSON gets its errors so, even where the options are what is wrong. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

static int run_command(const struct bk_cli_command *c, int argc, char **argv)
{
	struct bk_cli_options o;
	struct bk_cli_report report;
	char why[BK_CLI_TEXT_MAX], text[2 * BK_CLI_TEXT_MAX];
	int err, code;

	if (c->run_raw)
		return c->run_raw(argc, argv);
	err = bk_cli_options_parse(&o, c->bit, argc, argv, why);
	o.json = o.json || wants_json(argc, argv);
	if (err >= 0 && o.help) {
		bk_cli_options_done(&o);
		return print_command_help(c);
	}
	if (err >= 0)
		err = bk_cli_config_apply(&o, c->bit, why);
	bk_cli_report_init(&report, &o);
	if (err < 0) {
		snprintf(text, sizeof(text), "cannot %s: %s; try 'bodkin help %s'", c->name, why, c->name);
		bk_cli_report_error(&report, BK_E_INVALID, text);
		code = BK_CLI_EXIT_USAGE;
	} else {
		code = c->run(&o, &report);
	}
	bk_cli_output_end();
	bk_cli_options_done(&o);
	return code;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct bk_cli_command *c = find_command(name);
	char text[256];

	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	bk_cli_output_init();
	if (c)
		return run_command(c, argc - 1, argv + 1);
	if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h"))
		return help(argc - 1, argv + 1);
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		printf("bodkin %s\n", bk_version());
		return BK_CLI_EXIT_DONE;
	}
	if (!*name)
		return usage_error("cannot do anything without a command; try 'bodkin help'");
	snprintf(text, sizeof(text), "cannot do '%.100s': no such command; try 'bodkin help'", name);
	return usage_error(text);
}
