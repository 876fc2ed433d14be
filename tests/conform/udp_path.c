/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conform/udp_path.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "link/quic.h"
#include "net/udp.h"

struct udp_path {
	int fd;
	struct bk_watch *watch;
	struct bk_link *link;
	bool is_dead, full, is_uncut;
	struct bk_udp_batch *in;
};

static void receive(struct udp_path *p)
{
	int got = bk_udp_batch_receive(p->in, p->fd);

	for (int i = 0; i < got; i++) {
		const struct bk_udp_packet *at = bk_udp_batch_at(p->in, (size_t)i);

		if (at->len && p->link && !p->is_dead)
			bk_link_quic_input(p->link, &at->peer, at->data, at->len, at->segment);
	}
}

static void on_ready(void *arg, int fd, int events)
{
	struct udp_path *p = arg;

	(void)fd;
	if (events & BK_WRITABLE) {
		p->full = false;
		bk_watch_set(p->watch, BK_READABLE);
	}
	if (events & BK_READABLE)
		receive(p);
	if (p->link)
		bk_link_quic_flush(p->link);
}

int udp_path_new(struct bk_loop *loop, int fd, struct udp_path **ret_path)
{
	struct udp_path *p = calloc(1, sizeof(*p));

	if (!p)
		return BK_E_NOMEM;
	p->fd = fd;
	if (bk_udp_batch_new(BK_UDP_PIECES, BK_UDP_PIECE_MAX, &p->in) < 0 ||
		bk_watch_new(loop, fd, on_ready, p, &p->watch) < 0) {
		bk_udp_batch_free(p->in);
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
	bk_udp_batch_free(p->in);
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
