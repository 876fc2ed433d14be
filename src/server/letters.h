/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_LETTERS_H
#define BK_SERVER_LETTERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

/* What waits for one member, in order. Its letters have a ceiling; that of all together is a matter of the
 * accounts that they are on: each is settled when it is gone. */
struct bk_letter_bag {
	size_t bytes; /* that wait, of everybody */
	void (*settle)(void *arg, void *account, size_t len);
	void *arg;
};

struct bk_letter {
	struct bk_list link;
	void *account;
	size_t len;
	uint8_t body[];
};

struct bk_letters {
	struct bk_list all;
	unsigned count;
};

void bk_letters_init(struct bk_letters *l);
int bk_letters_check(const struct bk_letters *l, size_t len); /* BK_E_FULL, BK_E_TOO_BIG */
/* A copy, for which the account was charged; without success it is settled at once. As check, and BK_E_NOMEM. */
int bk_letters_put(
	struct bk_letters *l, struct bk_letter_bag *bag, void *account, const void *body, size_t len);
const struct bk_letter *bk_letters_front(const struct bk_letters *l); /* NULL: none */
void bk_letters_pop(struct bk_letters *l, struct bk_letter_bag *bag);
void bk_letters_drop(struct bk_letters *l, struct bk_letter_bag *bag); /* all */

#endif
