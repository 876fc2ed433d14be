/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_HANDLE_H
#define BK_SERVER_HANDLE_H

#include <stddef.h>
#include <stdint.h>

/* Numbers for things that others remember: whoever wants to reach the thing asks here, and finds nothing once
 * it has left. 0 is nobody's number, and no number is given twice. */
struct bk_handles;

struct bk_handles *bk_handles_new(size_t max); /* NULL when out of memory */
void bk_handles_free(struct bk_handles *h);    /* NULL is fine */

/* BK_E_FULL, BK_E_NOMEM. */
int bk_handles_add(struct bk_handles *h, void *what, uint64_t *ret_handle);
void *bk_handles_find(const struct bk_handles *h, uint64_t handle); /* NULL: it has left */
void bk_handles_remove(struct bk_handles *h, uint64_t handle);      /* nothing for one that has left */

#endif
