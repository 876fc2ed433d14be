/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_ERROR_H
#define BK_BASE_ERROR_H

#include <bodkin/error.h>

/* Our code for an errno value; BK_E_IO for one that has no better match. Zero stays zero. */
int bk_error_from_errno(int err);

#endif
