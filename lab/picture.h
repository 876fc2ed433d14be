/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_PICTURE_H
#define BK_LAB_PICTURE_H

#include "lab/plan.h"

#include <sys/types.h>

/* Prints the lab for a person, or as one JSON object for a script. */
void bk_lab_picture_print(const struct bk_lab_plan *p);
void bk_lab_picture_print_json(const struct bk_lab_plan *p, pid_t holder);

#endif
