/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_SHEET_H
#define BK_LAB_SHEET_H

#include "lab/matrix.h"

#include <stdio.h>

/* The matrix as a table for so many columns of text: with room the technique's name and a time in each cell, with less
 * its letter and a time, with little the letter alone. What the letters are follows. */
void bk_lab_sheet_print(const struct bk_lab_matrix *m, int columns, FILE *f);

/* "8", "180", "1.2s" in at most so many characters. */
#define BK_LAB_SHORT_MAX 16
const char *bk_lab_short_ms(double ms, int width, char out[BK_LAB_SHORT_MAX]);

/* How many of a hundred runs, and less than 100 unless all of them. */
int bk_lab_cell_percent(const struct bk_lab_cell *c);

#endif
