/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/what.h"

#include <stdio.h>
#include <string.h>

#include "cli/human.h"

static void describe_size(const struct bk_cli_what *w, char *out, size_t max)
{
	char size[BK_CLI_HUMAN_MAX];

	bk_cli_human_bytes(w->bytes, size);
	if (!w->streams)
		snprintf(out, max, "%s", size);
	else if (w->bytes)
		snprintf(out, max, "%s and what has no size", size);
	else
		snprintf(out, max, "size unknown");
}

void bk_cli_what_to_str(const struct bk_cli_what *w, char *out, size_t max)
{
	const char *s = w->files == 1 ? "" : "s";
	char size[2 * BK_CLI_HUMAN_MAX], links[BK_CLI_HUMAN_MAX] = "";

	describe_size(w, size, sizeof(size));
	if (w->links)
		snprintf(links, sizeof(links), " and %zu link%s", w->links, w->links == 1 ? "" : "s");
	if (!w->files && !w->folders)
		snprintf(out, max, "nothing");
	else if (w->is_text)
		snprintf(out, max, "a text (%s)", size);
	else if (w->files == 1 && !w->folders)
		snprintf(out, max, "%s (%s)", w->first, size);
	else if (w->folders && w->named == 1)
		snprintf(out, max, "%s/ (%zu file%s%s, %s)", w->first, w->files, s, links, size);
	else if (w->folders)
		snprintf(out, max, "%zu file%s%s in %zu folder%s (%s)", w->files, s, links, w->folders,
			w->folders == 1 ? "" : "s", size);
	else
		snprintf(out, max, "%zu files (%s)", w->files, size);
}

struct bk_cli_what bk_cli_what_of(const struct bk_transfer_offer *offer)
{
	struct bk_cli_what w = {.is_text = offer->entries == 1 && offer->names[0].is_text,
		.first = offer->first,
		.files = offer->entries - offer->folders - offer->links,
		.folders = offer->folders,
		.links = offer->links,
		.bytes = offer->bytes};

	for (size_t i = 0; i < offer->entries; i++) {
		w.named += !strchr(offer->names[i].path, '/');
		w.streams += offer->names[i].is_stream;
	}
	return w;
}
