/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/offering.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "transfer/pick.h"

/* A person waits so long for a code, and knows then what was left out; a session that is open, and its person, wait
 * less. */
#define SCOUT_TIME        (300 * BK_MS)
#define SCOUT_TIME_WITHIN (50 * BK_MS)
#define TELL_INTERVAL     (500 * BK_MS)

static bool has_stream(const struct bk_file_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		if (list->entries[i].is_stream)
			return true;
	return false;
}

static int describe(struct bk_offering *o)
{
	const struct bk_file_list *list = bk_source_list(o->source);

	if (o->is_for_several && has_stream(list)) {
		snprintf(o->text, sizeof(o->text),
			"cannot send: a stream can be read once; send a file to several");
		return BK_E_INVALID;
	}
	o->names = bk_picks_describe(list);
	o->offer = (struct bk_transfer_offer){.entries = list->len,
		.bytes = list->bytes,
		.first = o->names ? o->names[0].path : NULL,
		.names = o->names,
		.list = list};
	o->offer.folders = list->folders;
	o->offer.links = list->links;
	bk_source_left_out(o->source, &o->offer);
	return o->names ? 0 : BK_E_NOMEM;
}

/* Takes what the scout has found. */
static int settle(struct bk_offering *o)
{
	o->error = bk_scout_take(o->scout, &o->source, o->text);
	bk_scout_free(o->scout);
	o->scout = NULL;
	if (o->error >= 0)
		o->error = describe(o);
	if (o->error < 0 && !o->text[0])
		snprintf(o->text, sizeof(o->text), "cannot send: %s", bk_error_text(o->error));
	return o->error;
}

/* Whoever is told may be freed then, and all of this with him, who takes himself from the list. */
static void tell(struct bk_offering *o)
{
	struct bk_list told;

	bk_list_init(&told);
	bk_list_splice(&told, &o->waiting);
	while (!bk_list_empty(&told)) {
		struct bk_offering_wait *wait = bk_container_of(told.next, struct bk_offering_wait, link);

		bk_list_remove(&wait->link);
		if (o->scout)
			bk_list_append(&o->waiting, &wait->link);
		wait->fn(wait->arg);
	}
}

static void on_scout(void *arg)
{
	struct bk_offering *o = arg;

	bk_timer_stop(o->ticker);
	(void)settle(o);
	tell(o);
}

static void on_ticker(void *arg)
{
	struct bk_offering *o = arg;

	bk_timer_start(o->ticker, TELL_INTERVAL);
	tell(o);
}

static int look_around(struct bk_offering *o, struct bk_loop *loop, const struct bk_send_opts *opts)
{
	const struct bk_source_wish wish = {.paths = opts->paths,
		.paths_len = opts->paths_len,
		.exclude = opts->exclude,
		.exclude_len = opts->exclude_len,
		.links = opts->links,
		.stream_name = opts->stream_name,
		.stream_fd = opts->stream_fd,
		.text = opts->text,
		.text_len = opts->text_len};
	int err = bk_timer_new(loop, on_ticker, o, &o->ticker);

	if (err >= 0)
		err = bk_scout_new(loop, &wish, on_scout, o, &o->scout);
	if (err < 0)
		return err;
	if (bk_scout_wait(o->scout, opts->within ? SCOUT_TIME_WITHIN : SCOUT_TIME))
		return settle(o);
	bk_timer_start(o->ticker, TELL_INTERVAL);
	return 0;
}

int bk_offering_init(struct bk_offering *o, struct bk_loop *loop, const struct bk_send_opts *opts,
	char ret_text[BK_TRANSFER_TEXT_MAX])
{
	int err;

	*o = (struct bk_offering){.is_never_packed = opts->compress == BK_TRANSFER_COMPRESS_OFF,
		.is_for_several = opts->copies > 1};
	bk_list_init(&o->waiting);
	o->pace = calloc(1, sizeof(*o->pace));
	if (!o->pace)
		return BK_E_NOMEM;
	bk_pace_init(o->pace, opts->limit);
	err = look_around(o, loop, opts);
	if (err < 0)
		memcpy(ret_text, o->text, sizeof(o->text));
	return err;
}

size_t bk_offering_count(const struct bk_offering *o)
{
	return o->scout ? bk_scout_count(o->scout) : o->offer.entries;
}

void bk_offering_await(struct bk_offering *o, struct bk_offering_wait *wait)
{
	bk_list_init(&wait->link);
	bk_list_append(&o->waiting, &wait->link);
}

void bk_offering_leave(struct bk_offering_wait *wait)
{
	if (wait->link.next)
		bk_list_remove(&wait->link);
}

void bk_offering_done(struct bk_offering *o)
{
	bk_scout_free(o->scout);
	bk_timer_free(o->ticker);
	bk_source_unref(o->source);
	free(o->names);
	free(o->pace);
	*o = (struct bk_offering){0};
}
