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

/* What the NAT next to the internet lets pass, or does beside its type. */
enum {
	BK_LAB_HAIRPIN = 1,     /* a host behind it reaches the others there at its address outside */
	BK_LAB_UDP_BLOCKED = 2, /* nothing over UDP, in either direction */
	BK_LAB_HTTPS_ONLY = 4,  /* nothing but TCP to port 443 outside */
	BK_LAB_FW6 = 8,         /* IPv6 beside it, where a firewall lets in answers alone */
	BK_LAB_HELPER = 16,     /* it looks into TFTP, and lets answers in from any port */
};

/* Of one side; 0: as the type has it. */
struct bk_lab_with {
	unsigned services;    /* that its home router has */
	unsigned noise;       /* flows a second that others behind the same NAT begin */
	unsigned habits;      /* of the NAT */
	unsigned lifetime;    /* seconds after which it forgets a silent UDP flow */
	unsigned small_table; /* flows that it has room for; it drops what begins another one */
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
