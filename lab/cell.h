/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_CELL_H
#define BK_LAB_CELL_H

#include "lab/plan.h"

#include <stdio.h>

/* One pair of NATs over one transport, tried some times: a makes the code, b joins, both as anybody would. */
enum bk_lab_over { BK_LAB_UDP, BK_LAB_TCP, BK_LAB_OVERS };

#define BK_LAB_RUNS_MAX      1000
#define BK_LAB_TECHNIQUE_MAX 16
#define BK_LAB_TEXT_MAX      512

struct bk_lab_cell {
	const struct bk_lab_nat_type *type[2];
	enum bk_lab_over over;
	int runs, direct, failed;             /* neither direct nor failed: relayed */
	char technique[BK_LAB_TECHNIQUE_MAX]; /* of the direct runs, the last one's; of none "relay" */
	double median_ms,
		worst_ms; /* of the runs of that kind and their slower side; from both introductions known */
	double chance;    /* the boldest that the plans promised; below 0: not known */
	char text[BK_LAB_TEXT_MAX]; /* what a relayed pair was told, or why a run failed; may be empty */
};

/* Tries it in a lab that the caller holds (bk_lab_build); the server keeps its key in `folder`. on_wait hears when all
 * that is done is to wait for seconds whether a relayed pair becomes direct after all, and when that is over. */
void bk_lab_cell_try(struct bk_lab_cell *c, const char *folder, void (*on_wait)(bool waits));

const char *bk_lab_over_name(enum bk_lab_over o);

/* One line: {"event":"cell",...}. */
void bk_lab_cell_print_json(const struct bk_lab_cell *c, FILE *f);

#endif
