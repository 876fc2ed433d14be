/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_SWEEP_H
#define BK_LAB_SWEEP_H

#include <sys/types.h>

/* Ends every process that runs in a network namespace of the lab of `holder`, except the holder, its children
 * (the wires) and the caller: first politely, after a second by force. ret_count is how many there were.
 * BK_E_TIMEOUT when one would not go. */
int bk_lab_sweep(pid_t holder, int *ret_count);

#endif
