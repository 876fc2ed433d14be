/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_TEST_STAGE_H
#define BK_TRANSFER_TEST_STAGE_H

#include <bodkin/transfer.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A sender and a receiver in one process, over the sessions of transfer/test_fake.h, with a folder each; for tests that
 * run them again and again. */
struct stage_end {
	bool is_done;
	int error;
	uint64_t bytes, sent, here;
	size_t changed;
	char digest[40], text[BK_TRANSFER_TEXT_MAX], told[200], changed_first[40];
	int *running;
	struct bk_loop *loop;
};

struct stage {
	char root[64], in[80], out[80], path[100];
	struct bk_loop *loop;
	struct bk_send *send;
	struct bk_recv *recv;
	struct stage_end sender, receiver;
	int running;
	off_t stop_at; /* of what is in the folder; the transfer is cancelled then */
};

extern struct stage st;
extern const struct bk_transfer_events stage_events;
extern const struct bk_session_opts stage_session;

int stage_set_up(void **state);
int stage_tear_down(void **state);

void stage_make_file(const char *path, size_t n, int seed);
/* One run; what is sent stops where stop_at says (0: nowhere). */
void stage_run(const char *path, const struct bk_recv_opts *wish, off_t stop_at);
void stage_free_ends(void);

#endif
