/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_PACKED_H
#define BK_WIRE_PACKED_H

#include <stddef.h>

/* Content in less room: zstd, one stream over many pieces, each whole in itself when those before it are there. What
 * is unpacked comes from a peer: its length is said before and held, and what it may refer back to is bounded. */
#define BK_PACKED_NAME "zstd"

enum {
	BK_PACKED_MAX = 1 << 20,    /* bytes of a piece, unpacked */
	BK_PACKED_WINDOW_LOG = 23,  /* 8 MiB of what was before may be referred to */
	BK_PACKED_SLACK = 16 << 10, /* so much longer a piece of BK_PACKED_MAX may become */
};

/* How hard it is tried: ahead of 1 Gbit/s; half as slow for a tenth less; five times slower for a quarter less. */
enum bk_packed_effort { BK_PACKED_LIGHT, BK_PACKED_USUAL, BK_PACKED_HARD };

/* May belong to any one thread. */
struct bk_packer;

int bk_packer_new(struct bk_packer **ret_packer); /* BK_E_NOMEM */
void bk_packer_free(struct bk_packer *p);         /* NULL is fine */
/* So much room n bytes need at most. */
size_t bk_packer_bound(size_t n);
/* How many bytes the piece has become; room is at least bk_packer_bound(n). With another effort than before nothing of
 * what was before is referred to. BK_E_NOMEM, after which the packer can only be freed. */
int bk_packer_pack(struct bk_packer *p, enum bk_packed_effort effort, const void *data, size_t n, void *out,
	size_t room);

struct bk_unpacker;

int bk_unpacker_new(struct bk_unpacker **ret_unpacker); /* BK_E_NOMEM */
void bk_unpacker_free(struct bk_unpacker *u);           /* NULL is fine */
/* Unpacks a piece into exactly raw bytes at out. BK_E_TOO_BIG: there is more in it, or it refers back too far;
 * BK_E_MALFORMED: less, or it is no such piece; BK_E_NOMEM. It is over after an error. */
int bk_unpacker_unpack(struct bk_unpacker *u, const void *data, size_t n, void *out, size_t raw);

#endif
