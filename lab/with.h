/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_WITH_H
#define BK_LAB_WITH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What stands beside a type: `--with NAME[:NUMBER][:a|b]`, of both sides or of one. */

#define BK_LAB_WITH_MAX 32

/* How a home router lets itself be asked for ports. */
enum {
	BK_LAB_PCP = 1,
	BK_LAB_NATPMP = 2,
	BK_LAB_UPNP = 4,
};

/* Of one side. */
struct bk_lab_with {
	unsigned services; /* that its home router has */
	unsigned noise;    /* flows a second that others behind the same NAT begin; 0: there are none */
};

/* BK_E_INVALID, said. */
int bk_lab_with_set(struct bk_lab_with io_with[2], const char *text);

/* Row i of what was asked for: "pcp:a". False behind the last row; empty: it was not. */
bool bk_lab_with_at(const struct bk_lab_with with[2], size_t i, char ret_text[BK_LAB_WITH_MAX]);

/* Is anything asked for? */
bool bk_lab_with_is_any(const struct bk_lab_with *with);

/* All rows, for a person. */
void bk_lab_with_print_usage(FILE *f);

#endif
