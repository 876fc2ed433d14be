/* SPDX-License-Identifier: Apache-2.0 */
/* The part of `send` and `recv` that is the same in both. */
#include "cli/transfer.h"

static void on_offer(struct bk_call *call, void *arg, const struct bk_transfer_offer *offer)
{
	struct bk_cli_transfer *t = arg;

	(void)call;
	bk_cli_report_offer(t->frame.report, t->offering, offer);
}

static void on_progress(struct bk_call *call, void *arg, uint64_t bytes, uint64_t total, double rate)
{
	struct bk_cli_transfer *t = arg;

	(void)call;
	bk_cli_report_progress(t->frame.report, bytes, total, rate);
}

static void on_done(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct bk_cli_transfer *t = arg;

	(void)call;
	bk_cli_report_done(t->frame.report, t->done, result);
	bk_cli_frame_end(&t->frame, NULL);
}

static void on_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct bk_cli_transfer *t = arg;

	(void)call;
	bk_cli_frame_end(&t->frame, failure);
}

struct bk_transfer_events bk_cli_transfer_events(void)
{
	return (struct bk_transfer_events){
		.news = &bk_cli_frame_news,
		.on_offer = on_offer,
		.on_progress = on_progress,
		.on_done = on_done,
		.on_error = on_error,
	};
}
