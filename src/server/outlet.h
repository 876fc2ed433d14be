/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_OUTLET_H
#define BK_SERVER_OUTLET_H

#include <bodkin/loop.h>

#include "secure/identity.h"
#include "wire/rdv.h"

/* Rendezvous messages over one accepted socket, inside TLS or plain: what arrives becomes whole JSON texts,
 * what is sent is queued up to a ceiling. It does not know what a message means. */
struct bk_outlet;

struct bk_outlet_events {
	/* Non-zero: no more messages, please. The outlet must not be freed from inside. */
	int (*on_message)(void *arg, const void *json, size_t len);
	/* Little waits to be sent. May be NULL. */
	void (*on_drained)(void *arg);
	/* Once, last. The outlet must not be freed from inside. `detail` may be NULL. */
	void (*on_end)(void *arg, int error, const char *detail);
};

struct bk_outlet_opts {
	const struct bk_identity *identity; /* of our TLS side; NULL: the plain dialect */
	uint8_t *scratch;                   /* shared by all outlets of a loop, at least 16 KiB */
	size_t scratch_len;
	size_t out_max;
	size_t message_max; /* of what arrives */
};

/* Takes over fd on success. */
int bk_outlet_new(struct bk_loop *loop, int fd, const struct bk_outlet_opts *opts,
	const struct bk_outlet_events *events, void *arg, struct bk_outlet **ret_outlet);
void bk_outlet_free(struct bk_outlet *c); /* closes; NULL is fine */

void bk_outlet_set_message_max(struct bk_outlet *c, size_t max);

/* BK_E_TOO_SLOW when more waits than may. The connection is of no use after an error. */
int bk_outlet_send(struct bk_outlet *c, const struct bk_rdv_msg *m);
size_t bk_outlet_waiting(const struct bk_outlet *c); /* bytes not sent yet */

/* No more messages in or out: what is queued is sent, then the end of our side; what still arrives is dropped
 * (a close with unread bytes would be a reset, which can destroy our last words on their way). on_end tells
 * when the peer has closed too. */
void bk_outlet_finish(struct bk_outlet *c);

#endif
