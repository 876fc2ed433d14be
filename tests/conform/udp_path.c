/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conform/udp_path.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "link/quic.h"
#include "net/udp.h"

enum { PIECES_MAX = 2 }; /* then the loop has others to look after */

struct udp_path {
	int fd;
	struct bk_watch *watch;
	struct bk_link *link;
	bool is_dead, full, is_uncut;
	uint8_t bytes[BK_UDP_PIECE_MAX];
};

/* Returns whether there may be more. */
static bool read_some(struct udp_path *p)
{
	struct bk_addr from;
	size_t segment;
	int n = bk_udp_receive_piece(p->fd, &from, p->bytes, sizeof(p->bytes), &segment);

	if (n > 0 && p->link && !p->is_dead)
		bk_link_quic_input(p->link, &from, p->bytes, (size_t)n, segment);
	return n != BK_E_AGAIN;
}

static void on_ready(void *arg, int fd, int events)
{
	struct udp_path *p = arg;
	bool more = true;

	(void)fd;
	if (events & BK_WRITABLE) {
		p->full = false;
		bk_watch_set(p->watch, BK_READABLE);
	}
	for (int i = 0; i < PIECES_MAX && more && (events & BK_READABLE); i++)
		more = read_some(p);
	if (p->link)
		bk_link_quic_flush(p->link);
}

int udp_path_new(struct bk_loop *loop, int fd, struct udp_path **ret_path)
{
	struct udp_path *p = calloc(1, sizeof(*p));

	if (!p)
		return BK_E_NOMEM;
	p->fd = fd;
	if (bk_watch_new(loop, fd, on_ready, p, &p->watch) < 0) {
		free(p);
		return BK_E_NOMEM;
	}
	bk_udp_tune_stream(fd, 4);
	bk_watch_set(p->watch, BK_READABLE);
	*ret_path = p;
	return 0;
}

void udp_path_free(struct udp_path *p)
{
	if (!p)
		return;
	bk_watch_free(p->watch);
	close(p->fd);
	free(p);
}

void udp_path_set_link(struct udp_path *p, struct bk_link *link)
{
	p->link = link;
}

void udp_path_set_dead(struct udp_path *p, bool is_dead)
{
	p->is_dead = is_dead;
}

int udp_path_send(void *path, const struct bk_addr *to, const uint8_t *data, size_t len, size_t segment)
{
	struct udp_path *p = path;
	int err;

	if (p->is_dead)
		return 0;
	if (p->full)
		return BK_E_AGAIN;
	err = bk_udp_send_piece(p->fd, to, data, len, segment, &p->is_uncut);
	if (err == BK_E_AGAIN) {
		p->full = true;
		bk_watch_set(p->watch, BK_READABLE | BK_WRITABLE);
	}
	return err == BK_E_AGAIN || err == BK_E_TOO_BIG ? err : 0;
}
