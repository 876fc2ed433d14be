/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_TEST_RELAY_H
#define BK_PATH_TEST_RELAY_H

#include <bodkin/loop.h>

#include "base/addr.h"
#include "wire/preface.h"

/* A pipe between two people with nothing but splicing: an honest relay, or one that joins as it likes. */
enum { TEST_RELAY_LEGS = 4, TEST_RELAY_BACKLOG = 64 };

struct test_relay;

struct test_relay_leg {
	struct test_relay *relay;
	struct bk_watch *watch;
	int fd, other; /* index; -1: not joined yet */
	size_t preface;
	uint8_t head[BK_PREFACE_LEN];
};

struct test_relay {
	struct bk_loop *loop;
	struct bk_watch *watch;
	struct test_relay_leg legs[TEST_RELAY_LEGS];
	int fd, legs_len, joined;
	bool crosses, mute;
	struct bk_addr at;
};

/* crosses and mute are set before. */
void test_relay_init(struct test_relay *r, struct bk_loop *loop);
void test_relay_done(struct test_relay *r);

/* A port of loopback that takes connections, and nobody speaks there. */
int test_relay_listen(struct bk_addr *ret_at);

#endif
