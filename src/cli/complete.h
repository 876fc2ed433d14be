/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_COMPLETE_H
#define BK_CLI_COMPLETE_H

#include <stddef.h>

/* What a Tab adds. more: what all that fits has in common beyond what is typed, and of a single one its end
 * (a blank; of a folder a slash). choices: all that fits, where nothing could be added. Both empty: nothing
 * fits. */

/* Of these words, up to NULL. */
void bk_cli_complete_word(const char *typed, const char *const *words, char *more, size_t more_max,
	char *choices, size_t choices_max);
/* Of the files below the folder that is typed so far; ~/ is the home. */
void bk_cli_complete_path(const char *typed, char *more, size_t more_max, char *choices, size_t choices_max);

#endif
