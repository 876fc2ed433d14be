/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_SVG_H
#define BK_LAB_SVG_H

#include "lab/matrix.h"

#include <stdio.h>

/* The matrix as a picture, SVG 1.1 with its legend: one grid for each transport. It is readable on light and on dark
 * ground, has no script, and loads nothing. */
void bk_lab_svg_print(const struct bk_lab_matrix *m, FILE *f);

#endif
