/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TESTS_HOSTILE_STAGE_H
#define BK_TESTS_HOSTILE_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bodkin/call.h>
#include <bodkin/path.h>
#include <bodkin/transfer.h>

#include "liar.h"

/* One honest `send` or `recv` against one liar. Whatever it tells, for every scene: exactly one verdict comes,
 * nothing is written outside the folder and nothing is left in it, every text that reaches the person is harmless,
 * what is allocated does not grow, and time is bounded. */
enum { SCENE_FILE = 300000, SCENE_MEMORY_MAX = 32 << 20 };

struct scene {
	const char *name;
	struct liar_opts liar; /* a sender: we receive */
	enum bk_path_choice path;
	enum bk_transport_choice transport;
	bool has_time; /* the verdict does not wait for anybody's patience */
};

struct verdict {
	int error; /* 0: done */
	enum bk_call_who who;
	char text[512];
	bool has_flown; /* time had to fly until it came */
	unsigned paths; /* that were taken */
	enum bk_path_kind path_kind;
	enum bk_transport transport;
};

void scene_play(const struct scene *scene, struct verdict *ret_verdict);

#endif
