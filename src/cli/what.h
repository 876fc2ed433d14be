/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_WHAT_H
#define BK_CLI_WHAT_H

#include <bodkin/transfer.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an offer holds, or what came of one, in a few words. */
struct bk_cli_what {
	const char *first;                     /* its name, which stays the caller's */
	size_t files, folders, links, streams; /* streams are files, too */
	size_t named;                          /* what is in no folder */
	uint64_t bytes;
	bool is_text;
};

struct bk_cli_what bk_cli_what_of(const struct bk_transfer_offer *offer);
/* "notes.txt (12 kB)", "photos/ (12 files and 3 links, 3 MB)", "3 files (100 MB)", "7 files in 2 folders (1 MB)",
 * "stdin (size unknown)" or "nothing"; cut where it is longer than max. */
void bk_cli_what_to_str(const struct bk_cli_what *w, char *out, size_t max);

#endif
