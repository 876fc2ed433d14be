/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_DESCRIPTORS_H
#define BK_CLI_DESCRIPTORS_H

/* The table of descriptors that the kernel keeps for this process. While there is one thread it grows at once. Later
 * each doubling waits until all processors have passed through the scheduler (a grace period of RCU), tens of
 * milliseconds on a busy machine, in the middle of whatever accepts or opens. So it is as large as it has to be before
 * the first thread is there. */

/* Of any command: a punch has some hundreds of sockets. */
enum { BK_CLI_DESCRIPTORS = 1024 };

/* Room for n of them, or for as many as this process may have; 8 bytes of the kernel's each. */
void bk_cli_descriptors_reserve(unsigned n);
/* As many as the system grants, instead of what a shell gives. Where it cannot be, what there is has to do. */
void bk_cli_descriptors_raise(void);

#endif
