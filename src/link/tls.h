/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LINK_TLS_H
#define BK_LINK_TLS_H

#include <stdbool.h>

#include "link/link.h"

/* TLS 1.3 over a connected TCP socket, both certificates pinned, ALPN "bodkin-link/1". */
struct bk_link_tls_opts {
	bool is_server;                     /* the side that allocated the code */
	const struct bk_identity *identity; /* borrowed for the life of the link */
	struct bk_pin peer_pin;
	const void *preface; /* sent in clear before the handshake (a relay's preface); may be NULL */
	size_t preface_len;
	int64_t handshake_timeout_ns; /* from now to secure; 0: 10 s */
};

/* Takes over fd on success. */
int bk_link_tls_new(struct bk_loop *loop, int fd, const struct bk_link_tls_opts *opts,
	const struct bk_link_events *events, void *arg, struct bk_link **ret_link);

#endif
