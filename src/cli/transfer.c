/* SPDX-License-Identifier: Apache-2.0 */
/* The part of `send` and `recv` that is the same in both. */
#include "cli/transfer.h"

#include <bodkin/error.h>
#include <stdio.h>

#include "cli/consent.h"
#include "cli/counting.h"
#include "cli/exit.h"

struct left {
	struct bk_call_failure failure;
	char text[BK_CLI_TEXT_MAX];
};

static void on_offer(struct bk_call *call, void *arg, const struct bk_transfer_offer *offer)
{
	struct bk_cli_transfer *t = arg;

	(void)call;
	t->has_executable = bk_cli_consent_has_modes(offer);
	bk_cli_report_offer(t->frame.report, offer);
}

static void on_conflict(struct bk_call *call, void *arg, const struct bk_transfer_entry *entry,
	enum bk_transfer_conflict how, const char *as)
{
	struct bk_cli_transfer *t = arg;

	(void)call;
	bk_cli_report_conflict(t->frame.report, entry, how, as);
}

static void on_counting(
	struct bk_call *call, void *arg, size_t entries, const struct bk_transfer_offer *offer)
{
	struct bk_cli_transfer *t = arg;

	(void)call;
	bk_cli_counting_tell(t->frame.report, entries, t->is_taking);
	if (!offer)
		return;
	bk_cli_report_wipe(t->frame.report);
	bk_cli_report_left_out(t->frame.report, offer);
}

static void on_progress(struct bk_call *call, void *arg, uint64_t bytes, uint64_t total, double rate)
{
	struct bk_cli_transfer *t = arg;

	(void)call;
	bk_cli_report_progress(t->frame.report, bytes, total, rate);
}

static void on_file(struct bk_call *call, void *arg, const char *path, size_t number, size_t files)
{
	struct bk_cli_transfer *t = arg;

	(void)call;
	bk_cli_report_file(t->frame.report, path, number, files);
}

/* The rest arrived, but a script must not believe that all did. */
static const struct bk_call_failure *name_left(const struct bk_transfer_result *result, struct left *l)
{
	const char *rest = result->entries ? "; the rest was received" : "";

	if (!result->left && !result->unfit)
		return NULL;
	if (result->left)
		snprintf(l->text, sizeof(l->text), "cannot write '%s'%s: it exists%s", result->left_first,
			result->left > 1 ? " and others" : "", rest);
	else
		snprintf(l->text, sizeof(l->text), "cannot write '%s'%s: the file system here %s%s",
			result->unfit_first, result->unfit > 1 ? " and others" : "", result->unfit_why, rest);
	l->failure = (struct bk_call_failure){.error = result->left ? BK_E_EXISTS : BK_E_FILE,
		.text = l->text,
		.has_code = true,
		.has_peer = true};
	return &l->failure;
}

/* Nobody was asked whether to take it, so nothing that came here runs. */
static void say_modes(const struct bk_cli_transfer *t, const struct bk_transfer_result *result)
{
	const struct bk_cli_options *o = t->frame.options;
	const bool is_kept = result->paths_len && t->is_taking;

	if (is_kept && t->has_executable && !t->was_asked && !o->executable)
		bk_cli_consent_say_modes(t->frame.report, NULL);
}

static void on_done(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct bk_cli_transfer *t = arg;
	struct left left;

	(void)call;
	bk_cli_report_done(t->frame.report, t->done, result);
	say_modes(t, result);
	bk_cli_frame_end(&t->frame, name_left(result, &left));
}

static void on_text(struct bk_call *call, void *arg, const char *text, size_t len)
{
	struct bk_cli_transfer *t = arg;

	(void)call;
	bk_cli_report_text(t->frame.report, text, len);
}

static void on_resume(struct bk_call *call, void *arg, const struct bk_transfer_resume *resume)
{
	struct bk_cli_transfer *t = arg;

	(void)call;
	bk_cli_report_resume(t->frame.report, resume, t->is_taking);
}

/* What was offered, and is not taken because of what was typed here: that is a no, whatever the same error means
 * elsewhere. The option that makes it a yes; NULL: it is none of that. */
static const char *option_against(const struct bk_cli_transfer *t, const struct bk_call_failure *failure)
{
	const struct bk_cli_options *o = t->frame.options;

	if (!t->is_taking || failure->who != BK_CALL_WHO_HERE || !failure->has_peer)
		return NULL;
	if (failure->error == BK_E_TOO_BIG && o->max_size)
		return "; that is what --max-size says";
	if (failure->error == BK_E_DECLINED && !t->was_asked && !o->hidden)
		return "; --hidden takes it";
	if (failure->error == BK_E_UNSUPPORTED && bk_cli_options_is_to_stdout(o))
		return ": -o DIR";
	return NULL;
}

static void on_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct bk_cli_transfer *t = arg;
	const char *option = option_against(t, failure);
	struct left left = {.failure = *failure};

	(void)call;
	snprintf(left.text, sizeof(left.text), "%s%s", failure->text, option ? option : "");
	left.failure.text = left.text;
	bk_cli_frame_end(&t->frame, &left.failure);
	if (option)
		t->frame.code = BK_CLI_EXIT_DECLINED;
}

struct bk_transfer_events bk_cli_transfer_events(void)
{
	return (struct bk_transfer_events){
		.size = sizeof(struct bk_transfer_events),
		.news = &bk_cli_frame_news,
		.on_offer = on_offer,
		.on_conflict = on_conflict,
		.on_file = on_file,
		.on_progress = on_progress,
		.on_done = on_done,
		.on_error = on_error,
		.on_text = on_text,
		.on_resume = on_resume,
		.on_counting = on_counting,
	};
}
