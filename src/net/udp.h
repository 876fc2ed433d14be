/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_UDP_H
#define BK_NET_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/engine.h"

/* Datagram sockets, and many datagrams for one system call. Non-blocking and close-on-exec. */

enum {
	BK_UDP_BATCH = 64,        /* places for single datagrams */
	BK_UDP_PIECES = 8,        /* places for pieces: what is there at one moment, seldom more */
	BK_UDP_PIECE_MAX = 65536, /* what the kernel gathers at most */
	BK_UDP_SEGMENTS_MAX = 64, /* what it cuts one piece into at most */
};

/* port 0: any free one (bk_sock_local tells). tell_local, for servers on the any-address: each datagram of a
 * batch says which of our addresses it came to, and the IPv6 any-address also takes IPv4 (else it does
 * not). */
int bk_udp_open(const struct bk_addr *local, bool tell_local, int *ret_fd);

/* From which of our addresses a datagram to `remote` leaves (port 0); nothing is sent. BK_E_UNREACHABLE. */
int bk_udp_route(const struct bk_addr *remote, struct bk_addr *ret_local);

/* How much the kernel keeps for us when we are late; what it does not grant is not an error. */
void bk_udp_set_buffer(int fd, size_t bytes);

/* One datagram. ttl 0: the system's; else this one alone has it. BK_E_AGAIN when the socket is full. */
int bk_udp_send(int fd, const struct bk_addr *to, uint8_t ttl, const void *data, size_t len);

/* One datagram, at most cap bytes of it. Its length, BK_E_AGAIN when there is none; other errors are about an
 * earlier sending (an ICMP answer) and cost nothing: call again. */
int bk_udp_receive(int fd, struct bk_addr *ret_from, void *out, size_t cap);

/* For a socket that carries a stream of datagrams: large buffers in the kernel, what comes in a row is
 * gathered (UDP_GRO), and a datagram that is too large for the path is refused instead of cut. What the
 * system lacks is left out. */
void bk_udp_tune_stream(int fd, uint8_t family);

/* `len` bytes: one datagram when `segment` is 0, else datagrams of `segment` bytes (at most
 * BK_UDP_SEGMENTS_MAX), the last one perhaps shorter; in one call (UDP_SEGMENT) unless the kernel or the
 * interface refuses to cut, which *io_is_uncut remembers for the next time (born false).
 * 0: taken, or lost as at any router; BK_E_AGAIN: the socket is full and took nothing; BK_E_TOO_BIG: for the
 * path; other errors say that nothing went. */
int bk_udp_send_piece(
	int fd, const struct bk_addr *to, const void *data, size_t len, size_t segment, bool *io_is_uncut);

/* Keeps what routers and hosts on the way answer to our datagrams (IP_RECVERR), for bk_udp_receive_icmp: 0,
 * or BK_E_AGAIN when there is none. The socket is readable when there is one. Until it is fetched, sending
 * may fail once with its error, which bk_udp_send knows. Not wanted any more, it is forgotten. */
void bk_udp_want_icmp(int fd, bool is_wanted);
int bk_udp_receive_icmp(int fd, struct bk_addr *ret_remote, struct bk_icmp *ret_icmp);

/* Room for datagrams, or for pieces on a socket that carries a stream of them, allocated once. */
struct bk_udp_batch;

struct bk_udp_packet {
	struct bk_addr peer;
	struct bk_addr local; /* port 0. Received: which of our addresses, where the socket tells; to send:
				 from which one, family 0: the system chooses */
	uint8_t *data;        /* the batch's; `cap` bytes of room */
	size_t len,
		segment; /* received: datagrams of `segment` bytes in a row, the last one perhaps shorter */
};

/* places: at most BK_UDP_BATCH. cap: of each; BK_UDP_PIECE_MAX for pieces. */
int bk_udp_batch_new(size_t places, size_t cap, struct bk_udp_batch **ret_batch);
void bk_udp_batch_free(struct bk_udp_batch *b); /* NULL is fine */
struct bk_udp_packet *bk_udp_batch_at(struct bk_udp_batch *b, size_t i);

/* How many came (their places are 0 ...), in one call: what is there at this moment. BK_E_AGAIN when there is
 * none; other errors as bk_udp_receive's. A datagram longer than `cap` comes with a length of 0. */
int bk_udp_batch_receive(struct bk_udp_batch *b, int fd);
/* Sends places 0 to n - 1. What the kernel does not take is lost, as on any line; a refused one does not keep
 * the next from going. Returns how many went. */
size_t bk_udp_batch_send(struct bk_udp_batch *b, int fd, size_t n);

#endif
