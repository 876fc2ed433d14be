/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_QUIC_SOCKET_H
#define BK_PATH_QUIC_SOCKET_H

#include "base/hold.h"
#include "base/list.h"
#include "link/quic.h"
#include "net/udp.h"

/* A datagram socket with QUIC links on it: any number, also to one address. A datagram finds its link by
 * where it came from and the connection id that it is for; what is no link's goes to the owner. */

enum { BK_QUIC_LINKS_MAX = 32 }; /* of all sockets of one owner */

struct bk_quic_socket;

/* What the sockets of one owner have in common; the owner fills the first five, and `in`. */
struct bk_quic_sockets {
	struct bk_loop *loop;
	/* A datagram that is no link's. Frees nothing. */
	void (*on_other)(void *arg, struct bk_quic_socket *s, const struct bk_addr *from, const uint8_t *data,
		size_t len);
	/* What somebody on the way has answered, where it is wanted. Frees nothing. */
	void (*on_icmp)(void *arg, struct bk_quic_socket *s, const struct bk_addr *remote,
		const struct bk_icmp *icmp);
	void (*on_link_freed)(void *arg); /* frees nothing either */
	void *arg;
	/* Entered while links call their users, who may free everything; `release` is called when the last
	 * one leaves. */
	struct bk_hold hold;
	void (*release)(void *arg);
	size_t links_len;
	struct bk_udp_batch *in; /* the owner's, of pieces; until `release` */
};

struct bk_quic_socket {
	struct bk_quic_sockets *all;
	struct bk_watch *watch;
	int fd, interest;
	bool is_uncut; /* UDP_SEGMENT was refused */
	bool wants_icmp;
	struct bk_list links;
};

void bk_quic_socket_init(struct bk_quic_socket *s, struct bk_quic_sockets *all); /* fd is -1 */
/* Takes the descriptor over, also on errors, and reads it from now on. */
int bk_quic_socket_start(struct bk_quic_socket *s, int fd, uint8_t family);
void bk_quic_socket_done(struct bk_quic_socket *s); /* closes it; there may be no links */

/* While it is wanted, sending may fail once for each that came: not for links that carry. */
void bk_quic_socket_want_icmp(struct bk_quic_socket *s, bool is_wanted);

static inline bool bk_quic_socket_is_open(const struct bk_quic_socket *s)
{
	return s->fd >= 0;
}

static inline bool bk_quic_socket_has_links(const struct bk_quic_socket *s)
{
	return !bk_list_empty(&s->links);
}

/* Fills send, on_freed and arg of the options. BK_E_FULL, and bk_link_quic_new's. */
int bk_quic_socket_link_new(struct bk_quic_socket *s, const struct bk_link_quic_opts *opts,
	const struct bk_link_events *events, void *arg, struct bk_link **ret_link);

/* One datagram that came before; whether a link wants it. Flush afterwards. */
bool bk_quic_socket_feed(
	struct bk_quic_socket *s, const struct bk_addr *from, const uint8_t *data, size_t len);
/* Within a hold: whatever links call may free links and all. */
void bk_quic_socket_flush(struct bk_quic_socket *s);

bool bk_quic_socket_has(struct bk_quic_socket *s, const struct bk_link *link);
/* As bk_ways_link_limit and _repeat have them, of a link that it has. */
void bk_quic_socket_limit(struct bk_quic_socket *s, const struct bk_link *link, unsigned datagrams);
void bk_quic_socket_repeat(struct bk_quic_socket *s, const struct bk_link *link);

#endif
