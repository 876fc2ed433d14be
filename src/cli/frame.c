/* SPDX-License-Identifier: Apache-2.0 */
/* What every client command does before, around and after its own. What this version cannot do is refused here
 * with a clear sentence, so that nobody believes it was done. */
#include "cli/frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/code.h>
#include <bodkin/error.h>

#include "base/addr.h"
#include "base/place.h"
#include "cli/advice.h"
#include "cli/exit.h"
#include "cli/log.h"
#include "cli/meant.h"
#include "cli/why.h"

static int refuse(char text[BK_CLI_TEXT_MAX], const char *act, const char *why)
{
	snprintf(text, BK_CLI_TEXT_MAX, "cannot %s: %s", act, why);
	return BK_E_INVALID;
}

/* One fault, its name, its place: of the server's parts the one that is wrong. */
static int check_server(const struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	const char *server = f->options->server;
	char why[BK_CLI_WHY_MAX];
	const char *what = strncmp(server, "stun:", 5) != 0 ? bk_cli_why_server(server, why) : NULL;

	if (!what)
		return 0;
	snprintf(text, BK_CLI_TEXT_MAX, "cannot %s: server '%.200s': %s", f->ops->act, server, what);
	return BK_E_INVALID;
}

static enum bk_path_choice path_of(const char *path)
{
	if (path && !strcmp(path, "direct"))
		return BK_PATH_CHOICE_DIRECT;
	return path && !strcmp(path, "relay") ? BK_PATH_CHOICE_RELAY : BK_PATH_CHOICE_AUTO;
}

static bool has_server(const struct bk_cli_options *o)
{
	return o->server && *o->server;
}

/* A server on this very machine is one that somebody tries out; both sides are here. */
static bool is_server_here(const struct bk_cli_options *o)
{
	struct bk_place place;
	struct bk_addr addr;

	if (!has_server(o) || bk_place_from_str(o->server, strcspn(o->server, "#"), 1, &place) < 0)
		return false;
	return !strcmp(place.host, "localhost") ||
	       (bk_addr_from_ip(place.host, 0, &addr) >= 0 && bk_addr_is_loopback(&addr));
}

/* Two machines meet on their own network, too. Who wants the relay only shows nobody an address. */
static bool meets_on_lan(const struct bk_cli_frame *f)
{
	const struct bk_cli_options *o = f->options;

	return !o->no_lan && !o->plain && f->ops->command != BK_CLI_CMD_NAT &&
	       path_of(o->path) != BK_PATH_CHOICE_RELAY && !is_server_here(o);
}

static int check(const struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	const struct bk_cli_options *o = f->options;
	const char *act = f->ops->act;

	if (o->plain && !f->ops->takes_plain)
		return refuse(
			text, act, "--plain has no encryption, so no file travels over it; leave it out");
	if (has_server(o))
		return check_server(f, text);
	if (o->token)
		return refuse(
			text, act, "--token is for a closed server, and none is named; give it with -s HOST");
	if (meets_on_lan(f))
		return 0;
	if (f->ops->command != BK_CLI_CMD_NAT && !o->plain && !o->no_lan)
		return refuse(text, act,
			"--path relay needs a server; give one with -s HOST "
			"or $BODKIN_SERVER, or run one: bodkin serve");
	return refuse(text, act,
		"no server is known; give one with -s HOST "
		"or $BODKIN_SERVER, or run one: bodkin serve");
}

bool bk_cli_frame_has_person(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* Whatever is typed uses a code up, so what cannot be right ends here. */
static int check_code(const struct bk_cli_frame *f, const char *code, char text[BK_CLI_TEXT_MAX])
{
	char why[BK_CODE_TEXT_MAX];

	if (!code || bk_code_check(code, why) >= 0)
		return 0;
	return refuse(text, f->ops->act, why);
}

static int check_argument(const struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	const struct bk_cli_options *o = f->options;
	char meant[BK_CLI_TEXT_MAX];

	if (!f->ops->takes_code || o->plain ||
		(!bk_cli_meant_argument(o, false, meant) && !bk_cli_meant_other(o, f->ops->command, meant)))
		return 0;
	snprintf(text, BK_CLI_TEXT_MAX, "cannot %s: %.450s", f->ops->act, meant);
	return BK_E_INVALID;
}

/* A code that is spoken is typed with blanks: "12 wave tiger" is three words on the command line. */
static int join_code(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	const struct bk_cli_options *o = f->options;
	char why[BK_CODE_TEXT_MAX];
	size_t n = 0;

	if (!f->ops->takes_code || o->args_len <= 1)
		return 0;
	if (o->plain || bk_code_check(o->args[0], why) >= 0) {
		snprintf(text, BK_CLI_TEXT_MAX, "cannot %s: one code is enough, '%.100s' is too much",
			f->ops->act, o->args[1]);
		return BK_E_INVALID;
	}
	for (int i = 0; i < o->args_len && n < sizeof(f->asked_code); i++)
		n += (size_t)snprintf(
			f->asked_code + n, sizeof(f->asked_code) - n, "%s%s", i ? "-" : "", o->args[i]);
	f->session.code = f->asked_code;
	return 0;
}

/* The other side's code, if there is one: from the command line, or from a person who is asked. */
static int take_code(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	const struct bk_cli_options *o = f->options;
	int err;

	f->session.code_wish = o->code;
	err = check_argument(f, text);
	if (err >= 0)
		err = join_code(f, text);
	if (err < 0)
		return err;
	if (f->session.code)
		;
	else if (f->ops->takes_code && !o->plain && o->args_len)
		f->session.code = o->args[0];
	else if (f->ops->asks_code && bk_cli_frame_has_person()) {
		err = bk_cli_code_prompt(f->asked_code);
		if (err < 0)
			snprintf(text, BK_CLI_TEXT_MAX, "cancelled");
		if (err < 0 || err)
			return err < 0 ? err : 0;
		f->session.code = f->asked_code;
	}
	err = check_code(f, f->session.code, text);
	return err < 0 ? err : check_code(f, o->code, text);
}

static enum bk_transport_choice transport_of(const char *transport)
{
	if (transport && !strcmp(transport, "udp"))
		return BK_TRANSPORT_CHOICE_UDP;
	return transport && !strcmp(transport, "tcp") ? BK_TRANSPORT_CHOICE_TCP : BK_TRANSPORT_CHOICE_AUTO;
}

static int read_token(struct bk_cli_frame *f, const char *path, char text[BK_CLI_TEXT_MAX])
{
	int err = path ? bk_cli_paths_read_token(path, &f->token) : 0;

	if (err < 0)
		snprintf(text, BK_CLI_TEXT_MAX, "cannot read token '%.300s': %s", path,
			err == BK_E_FILE ? strerror(errno) : "its first line is empty");
	return err == BK_E_INVALID ? BK_E_FILE : err;
}

static int start_loop(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	const char *name = f->options->loop ? f->options->loop : "auto";
	enum bk_loop_backend backend = BK_LOOP_AUTO;
	int err;

	(void)bk_loop_backend_from_str(name, &backend);
	err = bk_loop_new(backend, &f->loop);
	if (err < 0)
		snprintf(text, BK_CLI_TEXT_MAX, "cannot %s: --loop %s: %s", f->ops->act, name,
			bk_error_text(err));
	return err;
}

static int init(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	const struct bk_cli_options *o = f->options;
	int err = check(f, text);

	if (err >= 0)
		err = read_token(f, o->token, text);
	if (err >= 0 && o->verbosity > 2)
		bk_cli_log_start(o->verbosity > 3 ? BK_LOG_TRACE : BK_LOG_DEBUG);
	if (err >= 0)
		err = start_loop(f, text);
	f->session = (struct bk_session_opts){
		.size = sizeof(f->session),
		.server = has_server(o) ? o->server : NULL,
		.lan = meets_on_lan(f) ? o->interface ? o->interface : "" : NULL,
		.lan_peer = o->peer,
		.code_words = (int)o->words,
		.name = o->name,
		.token = f->token,
		.path = path_of(o->path),
		.transport = transport_of(o->transport),
		.state_dir = bk_cli_paths_state(f->state_dir) < 0 ? NULL : f->state_dir,
		.wait_ns = (int64_t)o->timeout * 1000000000,
		.without = (o->no_port_mapping ? BK_WITHOUT_PORT_MAPPING : 0u) |
			   (o->polite ? BK_WITHOUT_GUESSING : 0u),
	};
	return err < 0 ? err : take_code(f, text);
}

static void on_interrupt(void *arg)
{
	struct bk_cli_frame *f = arg;

	bk_cli_report_interrupted(f->report);
	f->ops->stop(f);
}

int bk_cli_frame_run(struct bk_cli_frame *f, const struct bk_cli_frame_ops *ops,
	const struct bk_cli_options *o, struct bk_cli_report *r)
{
	char text[BK_CLI_TEXT_MAX] = "";
	int err;

	f->ops = ops;
	f->options = o;
	f->report = r;
	f->code = BK_CLI_EXIT_INTERRUPTED;
	err = ops->check ? ops->check(o, text) : 0;
	if (err >= 0)
		err = init(f, text);
	if (err >= 0)
		err = ops->start(f, text);
	if (err >= 0)
		err = bk_cli_interrupt_init(&f->interrupt, f->loop, on_interrupt, f);
	if (err >= 0)
		err = bk_loop_run(f->loop);
	if (err < 0) {
		const struct bk_call_failure failure = {.error = err};

		if (!*text)
			snprintf(text, sizeof(text), "cannot %s: %s", ops->act, bk_error_text(err));
		bk_cli_report_error(r, err, text);
		f->code = (int)bk_cli_exit_of(&failure);
	}
	bk_cli_interrupt_done(&f->interrupt);
	ops->done(f);
	bk_loop_free(f->loop);
	free(f->token);
	return f->code;
}

void bk_cli_frame_end(struct bk_cli_frame *f, const struct bk_call_failure *failure)
{
	char text[2 * BK_CLI_TEXT_MAX];

	if (failure) {
		snprintf(text, sizeof(text), "%s%s", failure->text,
			bk_cli_advice(f->ops->command, !bk_cli_options_is_to_stdout(f->options), failure));
		bk_cli_report_error(f->report, failure->error, text);
	}
	f->code = failure ? (int)bk_cli_exit_of(failure) : BK_CLI_EXIT_DONE;
	bk_loop_stop(f->loop);
}

/* --- news --- */

/* The other machine needs the same server, with its key, so that it need not take it on trust. Where ours comes with
 * its pin from the environment or the config file, theirs is taken to do so too. */
void bk_cli_frame_server(const struct bk_cli_frame *f, const char *pin, char *out, size_t max)
{
	const struct bk_cli_options *o = f->options;

	*out = 0;
	if (!has_server(o))
		return;
	if (strchr(o->server, '#'))
		pin = NULL;
	if (o->is_server_typed || pin)
		snprintf(out, max, "-s %s%s%s ", o->server, pin ? "#" : "", pin ? pin : "");
}

static void on_code(struct bk_call *call, void *arg, const char *code)
{
	struct bk_cli_frame *f = arg;
	const struct bk_cli_options *o = f->options;
	char server[512], other[1024];

	if (f->on_code) {
		f->on_code(f, f->on_code_arg, code);
		return;
	}
	bk_cli_frame_server(f, bk_call_server_pin(call), server, sizeof(server));
	snprintf(other, sizeof(other), "bodkin %s %s%s%s%s%s", f->ops->other, o->plain ? "--plain " : "",
		server, f->ops->before_code, code, f->ops->after_code);
	bk_cli_report_code(f->report, code, other, o->qr);
}

static void on_peer(struct bk_call *call, void *arg, const struct bk_peer *peer)
{
	const struct bk_cli_frame *f = arg;

	(void)call;
	bk_cli_report_peer(f->report, peer);
}

static void on_path(struct bk_call *call, void *arg, const struct bk_path *path)
{
	const struct bk_cli_frame *f = arg;

	(void)call;
	bk_cli_report_path(f->report, path);
}

static void on_note(struct bk_call *call, void *arg, int verbosity, const char *text)
{
	const struct bk_cli_frame *f = arg;

	(void)call;
	bk_cli_report_note(f->report, verbosity, text);
}

static void on_lost(struct bk_call *call, void *arg, const char *text)
{
	const struct bk_cli_frame *f = arg;

	(void)call;
	bk_cli_report_lost(f->report, text);
}

const struct bk_call_news bk_cli_frame_news = {.size = sizeof(bk_cli_frame_news),
	.on_code = on_code,
	.on_peer = on_peer,
	.on_path = on_path,
	.on_note = on_note,
	.on_lost = on_lost};
