/* SPDX-License-Identifier: Apache-2.0 */
/* The part of `send` and `recv` that is the same in both. */
#include "cli/transfer.h"

#include "cli/exit.h"

static void on_code(void *arg, const char *code)
{
	struct bk_cli_transfer *t = arg;

	t->on_code(t, code);
}

static void on_peer(void *arg, const struct bk_peer *peer)
{
	struct bk_cli_transfer *t = arg;

	bk_report_peer(t->report, peer);
}

static void on_path(void *arg, const struct bk_path *path)
{
	struct bk_cli_transfer *t = arg;

	bk_report_path(t->report, path);
}

static void on_note(void *arg, int verbosity, const char *text)
{
	struct bk_cli_transfer *t = arg;

	bk_report_note(t->report, verbosity, text);
}

static void on_offer(void *arg, const struct bk_transfer_offer *offer)
{
	struct bk_cli_transfer *t = arg;

	bk_report_offer(t->report, t->offering, offer);
}

static void on_ask(void *arg, enum bk_transfer_question question, const struct bk_transfer_offer *offer)
{
	struct bk_cli_transfer *t = arg;

	t->on_ask(t, question, offer);
}

static void on_progress(void *arg, uint64_t bytes, uint64_t total, double rate)
{
	struct bk_cli_transfer *t = arg;

	bk_report_progress(t->report, bytes, total, rate);
}

static void on_done(void *arg, const struct bk_transfer_result *result)
{
	struct bk_cli_transfer *t = arg;

	bk_report_done(t->report, t->done, result);
	t->exit_code = BK_EXIT_DONE;
	bk_loop_stop(t->client.loop);
}

static void on_error(void *arg, const struct bk_call_failure *failure)
{
	struct bk_cli_transfer *t = arg;

	bk_report_error(t->report, failure->error, failure->text);
	t->exit_code = bk_exit_of(failure);
	bk_loop_stop(t->client.loop);
}

const struct bk_transfer_events bk_cli_transfer_events = {
	.news = {.on_code = on_code, .on_peer = on_peer, .on_path = on_path, .on_note = on_note},
	.on_offer = on_offer,
	.on_ask = on_ask,
	.on_progress = on_progress,
	.on_done = on_done,
	.on_error = on_error,
};

int bk_cli_transfer_run(struct bk_cli_transfer *t, void (*cancel)(void *arg), void *arg)
{
	int err = bk_interrupt_init(&t->interrupt, t->client.loop, cancel, arg);

	t->exit_code = BK_EXIT_INTERRUPTED;
	if (err >= 0)
		err = bk_loop_run(t->client.loop);
	bk_interrupt_done(&t->interrupt);
	if (err < 0)
		return bk_cli_transfer_fail(t->report, err, bk_error_text(err));
	return t->exit_code;
}

int bk_cli_transfer_fail(struct bk_report *r, int error, const char *text)
{
	const struct bk_call_failure failure = {.error = error};

	bk_report_error(r, error, text);
	return bk_exit_of(&failure);
}
