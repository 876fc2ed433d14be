/* SPDX-License-Identifier: Apache-2.0 */
/* The colour says how much has to be done: "p" where two packets meet, "s", "k" and "b" where ports are guessed or told
 * of, "r" for the relay. */
#include "lab/marks.h"

#include <stddef.h>
#include <string.h>

const struct bk_lab_mark bk_lab_marks[] = {
	{"punch", 'P', "p", "both sides send at the same moment"},
	{"mapped", 'M', "p", "by a port that a router gave"},
	{"ipv6", '6', "p", "beside the NATs, over IPv6"},
	{"lan", 'L', "p", "on a network that both are in"},
	{"predict", 'S', "s", "the next port of a sequence, guessed"},
	{"helper", 'H', "s", "by a router that looks into TFTP"},
	{"blocks", 'K', "k", "a port guessed in a carrier's block"},
	{"birthday", 'B', "b", "random ports, guessed from many"},
	{"relay", '-', "r", "not direct, through the server"},
	{NULL, 0, NULL, NULL},
};

const struct bk_lab_mark *bk_lab_mark_of(const char *technique)
{
	for (const struct bk_lab_mark *m = bk_lab_marks; m->technique; m++)
		if (strcmp(m->technique, technique) == 0)
			return m;
	return NULL;
}
