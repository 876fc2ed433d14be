/* SPDX-License-Identifier: Apache-2.0 */
/* Doubts in words: what a person sees, and who can be at fault. */
#include "room/doubt.h"

#include <stdio.h>

/* What stands before whose message it is, and behind it. */
static const struct {
	const char *before, *after;
} rows[] = {
	[BK_DOUBT_DOUBLED] = {"the server told ", " twice; it is shown once"},
	[BK_DOUBT_REORDERED] = {"the server told ", " after its turn; it is not shown"},
	[BK_DOUBT_FORKED] = {"the server does not tell everybody the same: ",
		" answers to another talk than ours"},
	[BK_DOUBT_FORGED] = {"the server told ", " that no member has written; it is not shown"},
	[BK_DOUBT_REPLAYED] = {"the server told ", ", said long ago, as if it were new; it is not shown"},
	[BK_DOUBT_KEY_CHANGED] = {"",
		" comes with another key than who had that name so far; ask them, by another way, "
		"whether that is them"},
};

static const char *say_dropped(const struct bk_chain_doubt *d, char out[BK_GROUP_SENTENCE_MAX])
{
	bool is_one = d->count == 1;

	snprintf(out, BK_GROUP_SENTENCE_MAX,
		"%llu message%s%s%s%s did not come: the server lost %s or keeps %s back",
		(unsigned long long)d->count, is_one ? "" : "s", d->from ? " of '" : "",
		d->from ? d->from : "", d->from ? "'" : "", is_one ? "it" : "them", is_one ? "it" : "them");
	return out;
}

const char *bk_doubt_to_str(const struct bk_chain_doubt *d, char out[BK_GROUP_SENTENCE_MAX])
{
	if (d->what == BK_DOUBT_DROPPED)
		return say_dropped(d, out);
	if (d->what == BK_DOUBT_WITHHELD)
		snprintf(out, BK_GROUP_SENTENCE_MAX,
			"the server does not tell a message of ours, though it took it");
	else
		snprintf(out, BK_GROUP_SENTENCE_MAX, "%sa message%s%s%s%s", rows[d->what].before,
			d->from ? " of '" : "", d->from ? d->from : "", d->from ? "'" : "",
			rows[d->what].after);
	return out;
}
