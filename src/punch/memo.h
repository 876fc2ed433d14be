/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_MEMO_H
#define BK_PUNCH_MEMO_H

#include <stdbool.h>
#include <stdint.h>

/* What connected these two networks the last time. It is this machine's alone: the other side may have forgotten it,
 * or never known. So it changes in which order things are tried, and when, but not what. */

enum { BK_MEMO_NAME_MAX = 15 };

struct bk_memo {
	char technique[BK_MEMO_NAME_MAX + 1]; /* lower case and digits */
	uint16_t port;                        /* of the other side's NAT, which was guessed; 0: none was */
	bool is_guess; /* that technique guesses; not written down, whoever looks it up knows */
	uint16_t step; /* so many steps of a sequence behind the last one that was seen; 0: not known */
};

#endif
