/* SPDX-License-Identifier: Apache-2.0 */
/* `bodkin nat`: what kind of NAT am I behind? */
#include "cli/command.h"

#include <stdio.h>

#include <bodkin/nat.h>

#include "cli/exit.h"
#include "cli/frame.h"
#include "cli/report_nat.h"

struct command {
	struct bk_cli_frame frame;
	struct bk_nat_report *nat;
};

static void on_done(struct bk_nat_report *report, void *arg, const struct bk_nat_result *result)
{
	struct command *c = arg;

	(void)report;
	bk_cli_report_nat(c->frame.report, result);
	bk_cli_frame_end(&c->frame, NULL);
}

static void on_failed(struct bk_nat_report *report, void *arg, int error, const char *text)
{
	struct command *c = arg;
	const struct bk_call_failure failure = {.error = error, .text = text, .who = BK_CALL_WHO_SERVER};

	(void)report;
	bk_cli_frame_end(&c->frame, &failure);
	c->frame.code = BK_CLI_EXIT_SERVER; /* nobody else is asked */
}

static void on_note(struct bk_nat_report *report, void *arg, int verbosity, const char *text)
{
	struct command *c = arg;

	(void)report;
	bk_cli_report_note(c->frame.report, verbosity, text);
}

static int check(const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	if (!o->args_len)
		return 0;
	snprintf(text, BK_CLI_TEXT_MAX,
		"cannot look at the NAT with '%.200s': a server stands behind -s; did you mean -s %.200s?",
		o->args[0], o->args[0]);
	return BK_E_INVALID;
}

static int start(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	static const struct bk_nat_report_events events = {
		.size = sizeof(events), .on_done = on_done, .on_failed = on_failed, .on_note = on_note};
	struct command *c = (struct command *)f;
	const struct bk_nat_report_opts opts = {
		.size = sizeof(opts),
		.server = f->session.server,
		.token = f->session.token,
		.state_dir = f->session.state_dir,
		.wants_lifetime = f->options->lifetime,
		.without = f->session.without,
	};
	int err = bk_nat_report_new(f->loop, &opts, &events, c, &c->nat);

	if (err == BK_E_INVALID)
		snprintf(text, BK_CLI_TEXT_MAX,
			"cannot look at the NAT: --server '%.200s' is not HOST[:PORT][#PIN] or stun:HOST[:PORT]",
			opts.server);
	else if (err < 0)
		snprintf(text, BK_CLI_TEXT_MAX, "cannot look at the NAT: %s", bk_error_text(err));
	return err;
}

static void stop(struct bk_cli_frame *f)
{
	bk_loop_stop(f->loop);
}

static void done(struct bk_cli_frame *f)
{
	bk_nat_report_free(((struct command *)f)->nat);
}

static int run(struct bk_cli_options *o, struct bk_cli_report *r)
{
	static const struct bk_cli_frame_ops ops = {.command = BK_CLI_CMD_NAT,
		.act = "look at the NAT",
		.check = check,
		.start = start,
		.stop = stop,
		.done = done};
	struct command c = {0};

	return bk_cli_frame_run(&c.frame, &ops, o, r);
}

const struct bk_cli_command bk_cli_cmd_nat = {
	.name = "nat",
	.act = "look at the NAT",
	.usage = "[OPTION]...",
	.summary = "what kind of NAT this machine is behind",
	.about = "Asks the server from where it sees this machine, "
		 "over UDP and over TCP, and says what that means\n"
		 "for connecting. With -s stun:HOST[:PORT] any STUN server answers for UDP.",
	.bit = BK_CLI_CMD_NAT,
	.run = run,
};
