/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_TEST_KIT_H
#define BK_SERVER_TEST_KIT_H

#include <pthread.h>

#include "secure/tls.h"
#include "server/server.h"
#include "server/test_lying_board.h"
#include "wire/preface.h"
#include "wire/rdv.h"

/* For the tests of this folder: a real server on loopback in a thread of its own, and peers that speak to it
 * over blocking sockets. Everything here fails the test that calls it when something is not as it should
 * be. */
struct kit {
	struct bk_loop *loop;
	struct bk_server *server;
	struct bk_watch *command;
	int pipe[2];
	pthread_t thread;
	char dir[64];
	uint16_t port, alt_port;
	bool stopping;
	struct bk_counters counters; /* of the last kit_look */
	unsigned looks;
};

/* opts: port, alt_port, listen_ip and state_dir are set here. `lies` may be NULL; otherwise the board tells
 * them. */
struct kit *kit_start(struct bk_server_opts opts, struct lies *lies);
/* `adjust` changes what is no option before the server begins; NULL: nothing. */
struct kit *kit_start_as(
	struct bk_server_opts opts, struct lies *lies, void (*adjust)(struct bk_server_config *config));
void kit_stop(struct kit *k);       /* a clean stop; waits for it */
void kit_stop_begin(struct kit *k); /* asks for the stop and does not wait; kit_stop must follow */
void kit_look(struct kit *k);       /* fetches the counters from the server's thread */
uint64_t kit_counter(const struct kit *k, const char *name); /* as it was at the last kit_look */

/* Lines of the log since kit_start. Waiting fails after ten seconds. */
unsigned kit_log_count(const char *text);
void kit_log_wait(const char *text, unsigned count);

/* Calls fn in the server's thread, in the midst of what it is doing, when a line with the text is logged for
 * the first time: what fn sends to the server is there at the very next turn of its loop. */
void kit_log_then(const char *text, void (*fn)(void *arg), void *arg);

size_t kit_allocated(void); /* bytes of heap in use in this process */
size_t kit_peak(void);      /* the most of that whenever a line was logged since kit_start */

struct peer {
	uint8_t leg_token[BK_RDV_SECRET_LEN]; /* of the last pair or round that it was told of */
	int fd;
	struct bk_tls *tls; /* NULL: plain bytes */
	struct bk_buf in;
};

void peer_connect(struct peer *p, uint16_t port);
void peer_connect_from(struct peer *p, const struct bk_addr *local, uint16_t port);
void peer_secure(struct peer *p);
void peer_close(struct peer *p);
void peer_write_raw(struct peer *p, const void *data, size_t n); /* past TLS; a broken pipe is fine */
void peer_write(struct peer *p, const void *data, size_t n);     /* a broken pipe is fine */
void peer_send(struct peer *p, struct bk_rdv_msg m);
int peer_try_recv(struct peer *p, struct bk_rdv_msg *ret_msg); /* 0, or BK_E_EOF and the like */
void peer_recv(struct peer *p, enum bk_rdv_type expected, struct bk_rdv_msg *ret_msg);
void peer_expect_error(struct peer *p, const char *code);
void peer_expect_end(struct peer *p);
int peer_port(const struct peer *p);

/* Connected, secured, welcomed. */
void peer_join(struct peer *p, const struct kit *k, const char *id);
/* Two who share a nameplate; ret_token gets the relay token. */
void peers_pair(struct peer *a, struct peer *b, uint8_t ret_token[BK_RDV_SECRET_LEN]);
void peer_open_leg(struct peer *p, const struct kit *k, const uint8_t *token, uint8_t side);

#endif
