/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_NAMES_H
#define BK_GROUP_NAMES_H

#include "base/map.h"
#include "group/card.h"

/* Whose a name is: of the key that had it first. Bounded; names beyond it are nobody's. */
enum { BK_NAMES_MAX = 4096 };

struct bk_names {
	struct bk_map *keys;
};

int bk_names_init(struct bk_names *n, uint64_t seed); /* BK_E_NOMEM */
void bk_names_done(struct bk_names *n);

/* Somebody has that name. False: it is another one's; ret_is_news: and that was not known of this key so far. */
bool bk_names_learn(
	struct bk_names *n, const char *name, const uint8_t key[BK_SIGN_KEY_LEN], bool *ret_is_news);
void bk_names_forget(struct bk_names *n, const char *name); /* whoever comes next with it has it */

#endif
