/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/exit.h"

#include "base/error.h"

int bk_lab_exit_of(int error)
{
	switch (error) {
	case 0:
		return 0;
	case BK_E_INVALID:
		return BK_LAB_EXIT_USAGE;
	case BK_E_UNSUPPORTED:
		return BK_LAB_EXIT_FORBIDDEN;
	case BK_E_CANCELLED:
		return BK_LAB_EXIT_INTERRUPTED;
	default:
		return 1;
	}
}
