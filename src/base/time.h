/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_TIME_H
#define BK_BASE_TIME_H

#include <stdint.h>

/* Instants and durations in nanoseconds. An instant is on a monotonic clock whose zero means nothing;
 * pure modules get `now` handed in, net/loop is the only place that reads the clock. */
typedef int64_t bk_time;
typedef int64_t bk_dur;

#define BK_US    ((bk_dur)1000)
#define BK_MS    ((bk_dur)1000000)
#define BK_SEC   ((bk_dur)1000000000)
#define BK_NEVER ((bk_time)INT64_MAX)

static inline bk_time bk_time_min(bk_time a, bk_time b)
{
	return a < b ? a : b;
}

static inline bk_time bk_time_max(bk_time a, bk_time b)
{
	return a > b ? a : b;
}

/* t + d, and BK_NEVER stays (or becomes) BK_NEVER instead of overflowing. */
static inline bk_time bk_time_add(bk_time t, bk_dur d)
{
	bk_time sum;
	return t == BK_NEVER || __builtin_add_overflow(t, d, &sum) ? BK_NEVER : sum;
}

static inline double bk_dur_to_ms(bk_dur d)
{
	return (double)d / (double)BK_MS;
}

#endif
