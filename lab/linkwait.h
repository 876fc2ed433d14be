/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_LINKWAIT_H
#define BK_LAB_LINKWAIT_H

/* Waits until every interface of the caller's network namespace carries frames. An interface that is set up
 * does so only after the kernel's own deferred work; packets sent before are lost. BK_E_TIMEOUT after 5 s. */
int bk_lab_linkwait(void);

#endif
