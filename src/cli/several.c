/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/several.h"

#include <stdio.h>

#include <bodkin/error.h>

bool bk_cli_several_is_asked(const struct bk_cli_options *o)
{
	return o->keep || o->copies > 1;
}

size_t bk_cli_several_count(const struct bk_cli_options *o)
{
	return o->keep ? BK_SEND_KEEP : (size_t)o->copies;
}

/* --- what is told --- */

static void on_code(struct bk_call *call, void *arg, const char *code)
{
	struct bk_cli_transfer *t = arg;

	bk_cli_frame_news.on_code(call, arg, code);
	bk_cli_receivers_code(&t->receivers, code);
}

/* Who it waits for is said of each. */
static void on_offer(struct bk_call *call, void *arg, const struct bk_transfer_offer *offer)
{
	struct bk_cli_transfer *t = arg;

	(void)call;
	if (t->frame.report->is_json)
		bk_cli_report_offer(t->frame.report, offer);
}

static void on_receiver(struct bk_call *call, void *arg, const struct bk_transfer_receiver *receiver)
{
	struct bk_cli_transfer *t = arg;

	(void)call;
	bk_cli_receivers_tell(&t->receivers, receiver);
}

static void on_done(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct bk_cli_transfer *t = arg;

	bk_cli_receivers_done(&t->receivers);
	bk_cli_transfer_events().on_done(call, arg, result);
}

static void on_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct bk_cli_transfer *t = arg;

	bk_cli_receivers_done(&t->receivers);
	bk_cli_transfer_events().on_error(call, arg, failure);
}

int bk_cli_several_start(
	struct bk_cli_transfer *t, struct bk_transfer_events *events, struct bk_call_news *news)
{
	const struct bk_cli_options *o = t->frame.options;

	*news = bk_cli_frame_news;
	news->on_code = on_code;
	events->news = news;
	events->on_offer = on_offer;
	events->on_receiver = on_receiver;
	events->on_done = on_done;
	events->on_error = on_error;
	return bk_cli_receivers_init(
		&t->receivers, t->frame.loop, t->frame.report, o->keep ? 0 : (size_t)o->copies);
}
