/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_TEST_KIT_H
#define BK_STREAM_TEST_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bodkin/loop.h>

#include "base/time.h"

/* A loop whose clock the test can push. */
struct bk_loop *kit_loop_new(void);
void kit_loop_free(struct bk_loop *loop);
void kit_let_time_fly(bk_dur d); /* once the loop runs */
/* What is due in the loop happens. */
void kit_settle(struct bk_loop *loop);

#endif
