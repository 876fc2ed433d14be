/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_SOCK_H
#define BK_NET_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/addr.h"

/* Sockets: the only place that opens them. Every socket is non-blocking and close-on-exec. */

socklen_t bk_addr_to_sockaddr(const struct bk_addr *a, struct sockaddr_storage *out);
int bk_addr_from_sockaddr(const struct sockaddr *sa, struct bk_addr *ret_addr);

/* A listener. shared_port sets SO_REUSEADDR and SO_REUSEPORT, so that connecting sockets may share its port;
 * without it only SO_REUSEADDR. An IPv6 any-address also takes IPv4. */
int bk_sock_listen(const struct bk_addr *local, bool shared_port, int backlog, int *ret_fd);

/* Takes a port for ourselves, where nobody listens: for bk_sock_listen with that port and shared_port, as often as it
 * takes. No other user gets it meanwhile; what runs as the same one is not kept from anything. */
int bk_sock_hold(const struct bk_addr *local, int *ret_fd);

/* Starts connecting; 0 also while in progress (writable tells the end, bk_sock_error the outcome). local
 * may be NULL; else the socket is bound to it with SO_REUSEADDR and SO_REUSEPORT. */
int bk_sock_connect(const struct bk_addr *local, const struct bk_addr *remote, int *ret_fd);

/* The same over IPv4, but that the first packet goes through `ttl` - 1 routers and no further, which the socket does
 * not mind: it waits for the other side's first packet (RFC 9293 section 3.5), and what it sends from then on goes all
 * the way. BK_E_UNSUPPORTED where the system cannot do that. */
int bk_sock_connect_short(
	const struct bk_addr *local, const struct bk_addr *remote, uint8_t ttl, int *ret_fd);

/* BK_E_AGAIN when nobody waits. */
int bk_sock_accept(int fd, struct bk_addr *ret_peer, int *ret_fd);

int bk_sock_local(int fd, struct bk_addr *ret_addr);
int bk_sock_peer(int fd, struct bk_addr *ret_addr);
int bk_sock_error(int fd); /* and clears it: 0 or a BK_E_ code */

/* For connections that carry people's bytes: no Nagle, keep-alive, and an end after `patience_ms` of
 * unacknowledged data. */
void bk_sock_tune_stream(int fd, unsigned patience_ms);

/* No more than about 300 KB of what is written may be on its way to the peer, or again as much as the kernel sees fit.
 * False: the system (before Linux 5.15) knows no way back, so nothing was changed. */
bool bk_sock_shorten(int fd, bool is_short);

/* Closes so that the peer gets a reset and no TIME_WAIT is left: for sockets that lost a race. */
void bk_sock_abort(int fd);

#endif
