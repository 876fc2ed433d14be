/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_NAMING_H
#define BK_TRANSFER_NAMING_H

#include <stdbool.h>
#include <stdint.h>

/* Which names the file system of a folder takes: those that Windows made have none with a ':', others none that is not
 * UTF-8. It is asked, once for each character that some refuse, with a file that is made and removed; what has none of
 * them is asked about nothing. Embedded, zeroed. */
enum { BK_NAMING_ODD = 128, BK_NAMING_BLANK_END, BK_NAMING_DOT_END, BK_NAMING_KINDS };

struct bk_naming {
	uint8_t said[BK_NAMING_KINDS]; /* 0: it was not asked */
	unsigned long longest;         /* bytes; 0: likewise */
};

/* What is wrong with the name of one component, for people, behind "the file system here"; NULL: it is taken. */
const char *bk_naming_fault(struct bk_naming *n, int dir, const char *leaf);

#endif
