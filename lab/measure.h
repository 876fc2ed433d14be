/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_MEASURE_H
#define BK_LAB_MEASURE_H

#include "lab/matrix.h"

/* Fills in all cells, each pair in a lab of its own, several of them at once; on_cell hears of each as it comes. None
 * outlives the caller, however that one ends. BK_E_CANCELLED: it was interrupted; BK_E_UNSUPPORTED: not on this
 * machine, which is said. */
int bk_lab_measure(struct bk_lab_matrix *m,
	void (*on_cell)(const struct bk_lab_matrix *m, const struct bk_lab_cell *c, int done));

#endif
