/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_TEST_KIT_H
#define BK_NET_TEST_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bodkin/loop.h>

#include "base/addr.h"

/* A loop that runs until a condition holds, with a watchdog on the real clock. */
struct bk_loop *kit_loop_new(void);
void kit_run(struct bk_loop *loop);                  /* until bk_loop_stop */
void kit_run_idle(struct bk_loop *loop, int rounds); /* that many turns of the loop */

struct bk_addr kit_loopback(uint16_t port);
int kit_listen(struct bk_addr *ret_addr); /* a listener on a free port of loopback */
/* A port of loopback that is free now, over TCP and UDP, and that the system gives nobody meanwhile: for who
 * listens on it later, or again. */
uint16_t kit_quiet_port(void);
int kit_count_descriptors(void);

#endif
