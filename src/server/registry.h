/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_REGISTRY_H
#define BK_SERVER_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

/* Who is here, by id. An id belongs to one client at a time; whoever comes later with it is refused. */
struct bk_registry;

struct bk_registry *bk_registry_new(size_t max, uint64_t seed);
void bk_registry_free(struct bk_registry *r); /* NULL is fine */

/* BK_E_ID_IN_USE, BK_E_FULL, BK_E_INVALID for an empty id, BK_E_NOMEM. */
int bk_registry_add(struct bk_registry *r, const char *id, void *who);
void *bk_registry_find(const struct bk_registry *r, const char *id);
/* Only where the id is this one's: an entry that somebody else holds stays. */
void bk_registry_remove(struct bk_registry *r, const char *id, const void *who);

#endif
