/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TESTS_CONFORM_TEST_SUPPORT_H
#define BK_TESTS_CONFORM_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
