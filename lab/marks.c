/* SPDX-License-Identifier: Apache-2.0 */
/* The colour says how much has to be done: "p" where two packets meet, "s", "k" and "b" where ports are guessed or told
 * of, "r" for the relay. */
#include "lab/marks.h"

#include <stddef.h>
#include <string.h>

const struct bk_lab_mark bk_lab_marks[] = {
	{"punch", 'P', "p"},
	{"mapped", 'M', "p"},
	{"ipv6", '6', "p"},
	{"lan", 'L', "p"},
	{"predict", 'S', "s"},
	{"helper", 'H', "s"},
	{"blocks", 'K', "k"},
	{"birthday", 'B', "b"},
	{"relay", '-', "r"},
	{NULL, 0, NULL},
};

const struct bk_lab_mark *bk_lab_mark_of(const char *technique)
{
	for (const struct bk_lab_mark *m = bk_lab_marks; m->technique; m++)
		if (strcmp(m->technique, technique) == 0)
			return m;
	return NULL;
}
