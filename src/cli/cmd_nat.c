/* SPDX-License-Identifier: Apache-2.0 */
/* `bodkin nat`: what kind of NAT am I behind? */
#include "cli/command.h"

#include <stdio.h>

#include <bodkin/nat.h>

#include "cli/client.h"
#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/nat.h"

struct command {
	struct bk_client client;
	struct bk_nat_report *nat;
	struct bk_interrupt interrupt;
	struct bk_report *report;
	int code;
};

static void on_done(void *arg, const struct bk_nat_result *result)
{
	struct command *c = arg;

	bk_report_nat(c->report, result);
	c->code = BK_EXIT_DONE;
	bk_loop_stop(c->client.loop);
}

static void on_failed(void *arg, int error, const char *text)
{
	struct command *c = arg;

	bk_report_error(c->report, error, text);
	c->code = BK_EXIT_SERVER;
	bk_loop_stop(c->client.loop);
}

static void cancel(void *arg)
{
	struct command *c = arg;

	bk_loop_stop(c->client.loop);
}

static int start(struct command *c, const struct bk_options *o, char text[BK_OPTIONS_TEXT_MAX])
{
	static const struct bk_nat_report_events events = {.on_done = on_done, .on_failed = on_failed};
	const struct bk_nat_report_opts opts = {
		.server = c->client.session.server,
		.token = c->client.session.token,
		.state_dir = c->client.session.state_dir,
		.lifetime = o->lifetime,
	};
	int err = bk_nat_report_new(c->client.loop, &opts, &events, c, &c->nat);

	if (err == BK_E_INVALID)
		snprintf(text, BK_OPTIONS_TEXT_MAX,
			"cannot test: --server '%.200s' is not HOST[:PORT][#PIN] or stun:HOST[:PORT]",
			opts.server);
	else if (err < 0)
		snprintf(text, BK_OPTIONS_TEXT_MAX, "cannot test: %s", bk_error_text(err));
	else
		err = bk_interrupt_init(&c->interrupt, c->client.loop, cancel, c);
	return err;
}

static int run(struct bk_options *o, struct bk_report *r)
{
	struct command c = {.report = r, .code = BK_EXIT_INTERRUPTED};
	char text[BK_OPTIONS_TEXT_MAX] = "";
	int err = 0;

	if (o->args_len) {
		snprintf(text, sizeof(text),
			"cannot test '%.200s': it takes no argument; try 'bodkin help nat'", o->args[0]);
		err = BK_E_INVALID;
	}
	if (err >= 0)
		err = bk_client_init(&c.client, o, "test", text);
	if (err >= 0)
		err = start(&c, o, text);
	if (err >= 0)
		err = bk_loop_run(c.client.loop);
	if (err < 0) {
		bk_report_error(r, err, *text ? text : bk_error_text(err));
		c.code = err == BK_E_INVALID ? BK_EXIT_USAGE
			 : err == BK_E_FILE  ? BK_EXIT_FILE
					     : BK_EXIT_FAILED;
	}
	bk_interrupt_done(&c.interrupt);
	bk_nat_report_free(c.nat);
	bk_client_done(&c.client);
	return c.code;
}

const struct bk_command bk_cmd_nat = {
	.name = "nat",
	.usage = "[OPTION]...",
	.summary = "what kind of NAT this machine is behind",
	.about = "Asks the server from where it sees this machine, over UDP and over TCP, and says what that "
		 "means\n"
		 "for connecting. With -s stun:HOST[:PORT] any STUN server answers for UDP.",
	.bit = BK_CMD_NAT,
	.run = run,
};
