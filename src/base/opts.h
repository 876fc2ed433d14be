/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_OPTS_H
#define BK_BASE_OPTS_H

#include <stdalign.h>
#include <stddef.h>

#include <bodkin/error.h>

/* Options and tables of events as a program filled them in, which may have been built against an older or a
 * newer header: <bodkin/api.h> tells the rule. What is copied here is ours, whole, and absent members are 0.
 *
 * How such a struct grows: a new member goes to the end, 0 or NULL in it means what was before it, and `last`
 * here stays the last member of the first version. It begins where the struct ended and brings no padding: what is
 * in padding is not 0, and the size counts it. So a flag is a uint64_t, or has named room behind it. */

enum { BK_OPTS_SIZE_MAX = 4096 }; /* what a struct nobody filled in says is more, mostly */

/* The size of a struct that ended with `last`. */
#define BK_OPTS_FIRST(type, last)                                                                            \
	((offsetof(type, last) + sizeof(((type *)0)->last) + alignof(type) - 1) / alignof(type) *            \
		alignof(type))

/* *to = *from, in `to`'s version. `last`: the last member of the first version. 0; BK_E_INVALID for NULL, a size below
 * the first version's or one that cannot be; BK_E_UNSUPPORTED for a member beyond ours that is not 0. *to is
 * all 0 on failure. */
#define bk_opts_read(to, from, last)                                                                         \
	bk_opts_copy((to), sizeof(*(to)), BK_OPTS_FIRST(__typeof__(*(to)), last), 1 ? (from) : (to))

/* The other way round, what a program lets us fill in: as much as *to says that it has room for. */
#define bk_opts_give(to, from, last)                                                                         \
	bk_opts_fill((to), sizeof(*(to)), BK_OPTS_FIRST(__typeof__(*(to)), last), 1 ? (from) : (to))

int bk_opts_copy(void *to, size_t size, size_t first_size, const void *from);
void bk_opts_fill(void *to, size_t size, size_t first_size, const void *from);

#endif
