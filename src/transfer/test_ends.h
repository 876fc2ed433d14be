/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_TEST_ENDS_H
#define BK_TRANSFER_TEST_ENDS_H

#include <bodkin/transfer.h>
#include <stdbool.h>
#include <stddef.h>

/* A sender and a receiver in one process, over the sessions of transfer/test_fake.h, with a folder each, and all that
 * they say; for tests that look at how one transfer goes. */

/* One end under test, and what it said. */
struct ends_side {
	struct bk_loop *loop;
	int *running;
	bool is_done, has_failed, answer, has_stream, is_lone; /* lone: it has no path here */
	enum bk_transfer_conflict resolve;
	bool for_all;
	size_t skipped, left;
	char paths[200], told[200];
	int error;
	bool is_remote;
	char text[BK_TRANSFER_TEXT_MAX], digest[64], peer[64];
	uint64_t bytes, sent;
	int questions;
	struct bk_recv *recv;
	struct bk_send *send;
};

struct ends {
	char root[64], in[80], out[80];
	struct bk_loop *loop;
	struct ends_side send, recv;
	int running;
};

extern const struct bk_transfer_events ends_events; /* with a side */
extern const struct bk_session_opts ends_session;

int ends_set_up(void **state); /* state: struct ends */
int ends_tear_down(void **state);

void ends_write_file(const char *path, size_t n, int seed); /* noise: as long on its way as it is */
int ends_start_send(struct ends *st, const char *const *paths, size_t n, char text[BK_TRANSFER_TEXT_MAX]);
void ends_start_recv(struct ends *st, const struct bk_recv_opts *wish);
/* Both, until both are over. */
void ends_transfer(struct ends *st, const char *const *paths, size_t n, const struct bk_recv_opts *opts);

#endif
