/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/offering.h"

#include <stdlib.h>

#include "base/error.h"
#include "transfer/pick.h"

static int describe(struct bk_offering *o)
{
	const struct bk_file_list *list = bk_source_list(o->source);

	o->names = bk_picks_describe(list);
	o->offer = (struct bk_transfer_offer){.entries = list->len,
		.bytes = list->bytes,
		.first = o->names ? o->names[0].path : NULL,
		.names = o->names};
	o->offer.folders = list->folders;
	o->offer.links = list->links;
	bk_source_left_out(o->source, &o->offer);
	return o->names ? 0 : BK_E_NOMEM;
}

int bk_offering_init(
	struct bk_offering *o, const struct bk_send_opts *opts, char ret_text[BK_TRANSFER_TEXT_MAX])
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
	int err;

	*o = (struct bk_offering){.is_never_packed = opts->compress == BK_TRANSFER_COMPRESS_OFF};
	o->pace = calloc(1, sizeof(*o->pace));
	if (!o->pace)
		return BK_E_NOMEM;
	bk_pace_init(o->pace, opts->limit);
	err = bk_source_new(&wish, &o->source, ret_text);
	return err < 0 ? err : describe(o);
}

void bk_offering_done(struct bk_offering *o)
{
	bk_source_unref(o->source);
	free(o->names);
	free(o->pace);
	*o = (struct bk_offering){0};
}
