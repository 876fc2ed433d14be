/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands and the way to one of them. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <bodkin/api.h>
#include <bodkin/error.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/descriptors.h"
#include "cli/exclusions.h"
#include "cli/exit.h"
#include "cli/output.h"

static const struct bk_cli_command *const commands[] = {&bk_cli_cmd_send, &bk_cli_cmd_recv, &bk_cli_cmd_chat,
	&bk_cli_cmd_devices, &bk_cli_cmd_ping, &bk_cli_cmd_nat, &bk_cli_cmd_serve, &bk_cli_cmd_lab};

enum { COMMANDS_LEN = sizeof(commands) / sizeof(commands[0]), SUMMARY_LEFT = 17 };

static const struct bk_cli_command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS_LEN; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static void print_help(void)
{
	bk_cli_options_wrap(
		"bodkin connects two machines that cannot reach each other, directly and privately.", 0);
	putchar('\n');
	for (size_t i = 0; i < COMMANDS_LEN; i++) {
		printf("  bodkin %-7s ", commands[i]->name);
		bk_cli_options_wrap(commands[i]->summary, SUMMARY_LEFT);
	}
	puts("  bodkin help COMMAND\n  bodkin --version");
}

static int print_command_help(const struct bk_cli_command *c)
{
	char name[] = "lab", help[] = "--help", *argv[] = {name, help, NULL};

	if (c->run_raw)
		return c->run_raw(2, argv);
	printf("bodkin %s ", c->name);
	bk_cli_options_wrap(c->usage, (int)strlen(c->name) + 8);
	putchar('\n');
	bk_cli_options_wrap(c->about, 0);
	putchar('\n');
	bk_cli_options_print(c->bit);
	return BK_CLI_EXIT_DONE;
}

/* What people type, and the command that they mean: ours, and words of other programs. */
static const struct {
	const char *typed, *meant;
} words[] = {{"send", "send"}, {"recv", "recv"}, {"ping", "ping"}, {"nat", "nat"}, {"serve", "serve"},
	{"lab", "lab"}, {"help", "help"}, {"chat", "chat"}, {"talk", "chat"}, {"devices", "devices"},
	{"machines", "devices"}, {"receive", "recv"}, {"get", "recv"}, {"download", "recv"},
	{"upload", "send"}, {"share", "send"}, {"copy", "send"}, {"pipe", "send -"}, {"server", "serve"},
	{"listen", "serve"}, {"room", "chat --room"}, {"daemon", "recv --daemon"}, {"stun", "nat"},
	{"version", "--version"}};

/* "; did you mean 'send'?" or where to look. */
static const char *suggest(const char *typed, char out[64])
{
	const char *best = NULL;
	unsigned least = strlen(typed) < 3 ? 2 : 3;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		unsigned d = bk_text_slips(typed, words[i].typed);

		if (d < least) {
			least = d;
			best = words[i].meant;
		}
	}
	if (best)
		snprintf(out, 64, "did you mean '%s'?", best);
	else
		snprintf(out, 64, "try 'bodkin help'");
	return out;
}

static int usage_error(const char *text)
{
	bk_cli_output_put(BK_CLI_STDERR, BK_CLI_VERDICT, "bodkin: %s\n", text);
	bk_cli_output_end();
	return BK_CLI_EXIT_USAGE;
}

static int no_command(const char *act, const char *name)
{
	char text[256], more[64];

	snprintf(text, sizeof(text), "cannot %s '%.100s': no such command; %s", act, name,
		suggest(name, more));
	return usage_error(text);
}

/* An option before the command: which command it is for is known only behind it. */
static int early_option(int argc, char **argv)
{
	char text[256];
	int i = 1;

	if (bk_text_slips(argv[1], "--version") < 3 || bk_text_slips(argv[1], "--help") < 3) {
		snprintf(text, sizeof(text), "unknown option '%.60s'; did you mean %s?", argv[1],
			bk_text_slips(argv[1], "--help") < 3 ? "--help" : "--version");
		return usage_error(text);
	}
	while (i < argc && !find_command(argv[i]))
		i++;
	snprintf(text, sizeof(text),
		"cannot take '%.60s' before a command; options come behind it: bodkin %s %.60s", argv[1],
		i < argc ? argv[i] : "COMMAND", argv[1]);
	return usage_error(text);
}

static int help(int argc, char **argv)
{
	const struct bk_cli_command *c = argc > 1 ? find_command(argv[1]) : NULL;

	if (c)
		return print_command_help(c);
	if (argc > 1 && strcmp(argv[1], "help") != 0)
		return no_command("help with", argv[1]);
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

/* What was typed, and what is usual here. 1: with a warning. */
static int settle(struct bk_cli_options *o, enum bk_cli_command_bit command, char ret_why[BK_CLI_TEXT_MAX])
{
	char excluded[BK_CLI_TEXT_MAX];
	int err = bk_cli_config_apply(o, command, ret_why);

	if (err < 0 || bk_cli_exclusions_check(o, command, excluded) >= 0)
		return err;
	snprintf(ret_why, BK_CLI_TEXT_MAX, "%s", excluded);
	return BK_E_INVALID;
}

static int run_command(const struct bk_cli_command *c, int argc, char **argv)
{
	struct bk_cli_options o;
	struct bk_cli_report report;
	char why[BK_CLI_TEXT_MAX], text[2 * BK_CLI_TEXT_MAX];
	int err, code;
	bool is_settled = false;

	if (c->run_raw)
		return c->run_raw(argc, argv);
	err = bk_cli_options_parse(&o, c->bit, argc, argv, why);
	o.json = o.json || wants_json(argc, argv);
	if (err >= 0 && o.help) {
		bk_cli_options_done(&o);
		return print_command_help(c);
	}
	if (err >= 0) {
		err = settle(&o, c->bit, why);
		is_settled = true;
	}
	bk_cli_report_init(&report, &o);
	if (err < 0) {
		snprintf(text, sizeof(text),
			is_settled || why[strlen(why) - 1] == '?' ? "cannot %s: %s"
								  : "cannot %s: %s; try 'bodkin help %s'",
			c->act, why, c->name);
		bk_cli_report_error(&report, BK_E_INVALID, text);
		code = BK_CLI_EXIT_USAGE;
	} else {
		if (err > 0)
			bk_cli_report_warning(&report, why);
		code = c->run(&o, &report);
	}
	bk_cli_output_end();
	bk_cli_options_done(&o);
	return code;
}

static void outlive(int signo)
{
	(void)signo;
}

/* A write that fails says so by itself. A handler, unlike SIG_IGN, is not handed on to what we run. */
static void outlive_writes(void)
{
	static const int numbers[] = {SIGPIPE, SIGXFSZ};
	const struct sigaction action = {.sa_handler = outlive, .sa_flags = SA_RESTART};
	struct sigaction was;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct bk_cli_command *c = find_command(name);

	setlocale(LC_CTYPE, "");
	outlive_writes();
	bk_cli_descriptors_reserve(BK_CLI_DESCRIPTORS);
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
	return *name == '-' ? early_option(argc, argv) : no_command("do", name);
}
