/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_CLOCK_H
#define BK_LAB_CLOCK_H

#include "base/time.h"

#include <time.h>

static inline bk_time bk_lab_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (bk_time)t.tv_sec * BK_SEC + t.tv_nsec;
}

#endif
