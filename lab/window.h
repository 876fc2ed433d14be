/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_WINDOW_H
#define BK_LAB_WINDOW_H

#include <stdio.h>

/* How wide that stream is: $COLUMNS, else its terminal, else 80. */
int bk_lab_window_columns(int fd);

/* Text of words, in lines of at most so many columns; those after the first begin behind a margin. */
void bk_lab_window_fold(const char *text, int columns, int margin, FILE *f);

#endif
