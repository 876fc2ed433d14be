/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_ASSERT_H
#define BK_BASE_ASSERT_H

/* What only a bug of ours can break; what a peer, a user or the kernel can do is an error, not this. Always
 * compiled in: a program that knows it is wrong stops, and says where. */
_Noreturn void bk_assert_failed(const char *condition, const char *file, int line, const char *function);

#define bk_assert(condition)                                                                                 \
	((condition) ? (void)0 : bk_assert_failed(#condition, __FILE__, __LINE__, __func__))

#endif
