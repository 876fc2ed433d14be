/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_MAP_H
#define BK_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

/* Hash map from a short byte key (at most BK_MAP_KEY_MAX) to a pointer that the map does not own.
 * Born with its ceiling. The hash is seeded, so that a peer cannot choose keys that collide. */
enum { BK_MAP_KEY_MAX = 255 };

struct bk_map;

struct bk_map *bk_map_new(size_t max, uint64_t seed);
void bk_map_free(struct bk_map *m); /* NULL is fine */

/* BK_E_EXISTS when the key is there, BK_E_FULL at the ceiling, BK_E_TOO_BIG for a longer key. */
int bk_map_put(struct bk_map *m, const void *key, size_t key_len, void *value);
void *bk_map_get(const struct bk_map *m, const void *key, size_t key_len); /* NULL: not there */
void *bk_map_take(struct bk_map *m, const void *key, size_t key_len);      /* removes and returns */
size_t bk_map_count(const struct bk_map *m);

/* Calls fn for each entry, in no order. fn may not change the map. */
void bk_map_each(const struct bk_map *m, void (*fn)(void *arg, void *value), void *arg);

#endif
