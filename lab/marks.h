/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_MARKS_H
#define BK_LAB_MARKS_H

/* What a technique is marked by in the two pictures of the matrix, and what they tell in their legends. */
struct bk_lab_mark {
	const char *technique; /* NULL: behind the last one */
	char letter;           /* in the table; '-' is the relay's */
	const char *class;     /* in the picture: its colour, which several share */
	const char *about;     /* for who reads the table, on a row of at most 50 columns */
};

extern const struct bk_lab_mark bk_lab_marks[];

/* Of that technique; NULL: it has none. */
const struct bk_lab_mark *bk_lab_mark_of(const char *technique);

#endif
