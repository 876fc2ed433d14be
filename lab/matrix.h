/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_MATRIX_H
#define BK_LAB_MATRIX_H

#include <string.h>

#include "lab/cell.h"

/* Every pair of types over each transport. */
#define BK_LAB_TYPES_MAX 24

struct bk_lab_matrix {
	struct bk_lab_options options; /* of each lab; its types are not used */
	const struct bk_lab_nat_type *types[BK_LAB_TYPES_MAX];
	int types_len;
	bool has_over[BK_LAB_OVERS];
	int runs;
	const char *svg;           /* where the picture goes; NULL: none is wanted */
	struct bk_lab_cell *cells; /* over, a, b; of bk_lab_matrix_at */
	double seconds;            /* that it took */
};

/* Over so many transports. */
static inline int bk_lab_matrix_overs(const struct bk_lab_matrix *m)
{
	return m->has_over[BK_LAB_UDP] + m->has_over[BK_LAB_TCP];
}

static inline struct bk_lab_cell *bk_lab_matrix_at(
	const struct bk_lab_matrix *m, enum bk_lab_over over, int a, int b)
{
	return &m->cells[((int)over * m->types_len + a) * m->types_len + b];
}

/* Did it connect anybody? Then a legend tells what stands for it. */
static inline bool bk_lab_matrix_has(const struct bk_lab_matrix *m, const char *technique)
{
	for (int i = 0; i < BK_LAB_OVERS * m->types_len * m->types_len; i++)
		if (m->has_over[m->cells[i].over] && strcmp(m->cells[i].technique, technique) == 0)
			return true;
	return false;
}

#endif
