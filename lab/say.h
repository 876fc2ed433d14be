/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_SAY_H
#define BK_LAB_SAY_H

/* One line on standard error: "bodkin lab: ...". Returns `code`, so that a failure can be said and returned
 * at once. In the lab BK_E_UNSUPPORTED means that this machine does not let us raise one (exit code 3). */
int bk_lab_say(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
