/* SPDX-License-Identifier: Apache-2.0 */
/* Names and keys. */
#include "group/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct owner {
	uint8_t key[BK_SIGN_KEY_LEN];
	uint8_t other[BK_SIGN_KEY_LEN]; /* that wanted the name last; all zero: none did */
};

int bk_names_init(struct bk_names *n, uint64_t seed)
{
	n->keys = bk_map_new(BK_NAMES_MAX, seed);
	return n->keys ? 0 : BK_E_NOMEM;
}

static void free_owner(void *arg, void *value)
{
	(void)arg;
	free(value);
}

void bk_names_done(struct bk_names *n)
{
	if (!n->keys)
		return;
	bk_map_each(n->keys, free_owner, NULL);
	bk_map_free(n->keys);
	n->keys = NULL;
}

static void add(struct bk_names *n, const char *name, const uint8_t key[BK_SIGN_KEY_LEN])
{
	struct owner *o = calloc(1, sizeof(*o));

	if (!o)
		return;
	memcpy(o->key, key, sizeof(o->key));
	if (bk_map_put(n->keys, name, strlen(name), o) < 0)
		free(o);
}

bool bk_names_learn(
	struct bk_names *n, const char *name, const uint8_t key[BK_SIGN_KEY_LEN], bool *ret_is_news)
{
	struct owner *o = bk_map_get(n->keys, name, strlen(name));

	*ret_is_news = false;
	if (!o)
		add(n, name, key);
	if (!o || !memcmp(o->key, key, sizeof(o->key)))
		return true;
	*ret_is_news = memcmp(o->other, key, sizeof(o->other)) != 0;
	memcpy(o->other, key, sizeof(o->other));
	return false;
}

void bk_names_forget(struct bk_names *n, const char *name)
{
	free(bk_map_take(n->keys, name, strlen(name)));
}
