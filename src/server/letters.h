/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_LETTERS_H
#define BK_SERVER_LETTERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

/* What waits for one member, in order. A member's letters have a ceiling, and so have all of a bag together,
 * so that clients who leave letters and never come back cannot fill the memory. */
struct bk_letter_bag {
	size_t bytes; /* that wait, of everybody */
};

struct bk_letter {
	struct bk_list link;
	size_t len;
	uint8_t body[];
};

struct bk_letters {
	struct bk_list all;
	unsigned count;
};

void bk_letters_init(struct bk_letters *l);
/* A copy. BK_E_FULL, BK_E_TOO_BIG, BK_E_NOMEM. */
int bk_letters_put(struct bk_letters *l, struct bk_letter_bag *bag, const void *body, size_t len);
const struct bk_letter *bk_letters_front(const struct bk_letters *l); /* NULL: none */
void bk_letters_pop(struct bk_letters *l, struct bk_letter_bag *bag);
void bk_letters_drop(struct bk_letters *l, struct bk_letter_bag *bag); /* all */

#endif
