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

/* What is put in the folder before, and the only thing beside what the liar's honest half sends. */
#define SCENE_OURS   "ours\n"
#define SCENE_THEIRS "hello"

enum { SCENE_FILE = 300000, SCENE_MEMORY_MAX = 32 << 20 };

/* One honest `send` or `recv` against one liar. Whatever it tells, for every scene: exactly one verdict comes,
 * nothing is written outside the folder, what is left in it is whole and verified, every text that reaches the
 * person is harmless, what is allocated does not grow, and time is bounded. */
struct scene {
	const char *name;
	struct liar_opts liar; /* a sender: we receive */
	enum bk_path_choice path;
	enum bk_transport_choice transport;
	bool has_time; /* the verdict does not wait for anybody's patience */
	/* Puts into the folder, which is where it is called, what stands there before. NULL: nothing does. */
	void (*prepare)(void);
	int holds; /* files in the folder afterwards, with those; 0: one that is done, else none */
	uint64_t
		most; /* bytes that we take, and so many zeros at most are kept of what broke off; 0: any, none */
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

/* Two in four over TLS and two over QUIC, and some of each over the relay. */
void scene_choose_line(struct scene *scene, size_t i);

void scene_play(const struct scene *scene, struct verdict *ret_verdict);

#endif
