/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_TEST_FAMINE_H
#define BK_BASE_TEST_FAMINE_H

/* Memory that runs out, for tests called test_memory, which meson.build links so: malloc, calloc and realloc fail once,
 * when so many allocations of this thread have passed. Negative, as at first, and as it is when one has failed: none
 * will. */
extern _Thread_local int famine_in;

#endif
