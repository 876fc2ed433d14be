/* SPDX-License-Identifier: Apache-2.0 */
#include "lan/gate.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/list.h"
#include "base/log.h"
#include "net/dial.h"
#include "net/ifaddr.h"
#include "net/pump.h"
#include "net/sock.h"
#include "service/acceptor.h"

enum { BACKLOG = 16, BUF_MAX = 128 * 1024, PATIENCE_MS = 20000 };
enum { COMER, SERVER, SIDES };

#define DIAL_PATIENCE (3 * BK_SEC)

struct bk_gate {
	struct bk_loop *loop;
	struct bk_addr server;
	struct bk_acceptor *acceptor;
	struct bk_list passages;
	unsigned count;
};

struct side {
	struct passage *of;
	struct bk_pump *pump; /* NULL: it has ended, or is not there yet */
	struct bk_buf said;   /* by it, until the other one has it */
};

struct passage {
	struct bk_list link;
	struct bk_gate *gate;
	struct bk_addr comer;
	int fd; /* of who came, until the server is reached; -1 */
	struct bk_dial *dial;
	struct side sides[SIDES];
};

static struct side *other(struct side *s)
{
	return &s->of->sides[s == &s->of->sides[COMER] ? SERVER : COMER];
}

static void close_passage(struct passage *p)
{
	bk_list_remove(&p->link);
	p->gate->count--;
	bk_dial_free(p->dial);
	for (int i = 0; i < SIDES; i++) {
		bk_pump_free(p->sides[i].pump);
		bk_buf_done(&p->sides[i].said);
	}
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static void on_input(void *arg)
{
	struct side *s = arg;

	if (other(s)->pump)
		bk_pump_kick(other(s)->pump);
}

/* The other one may go on reading; or it has ended, and this was the last of it. */
static void on_output(void *arg)
{
	struct side *o = other(arg);

	if (o->pump)
		bk_pump_kick(o->pump);
	else if (!o->said.len)
		close_passage(o->of);
}

static void on_end(void *arg, int error)
{
	struct side *s = arg;

	(void)error;
	bk_pump_free(s->pump);
	s->pump = NULL;
	if (!s->said.len || !other(s)->pump)
		close_passage(s->of);
	else
		bk_pump_deafen(other(s)->pump);
}

static int start_side(struct passage *p, int which, int fd)
{
	static const struct bk_pump_events events = {on_input, on_output, on_end};
	struct side *s = &p->sides[which];

	bk_sock_tune_stream(fd, PATIENCE_MS);
	return bk_pump_new(p->gate->loop, fd, &s->said, &other(s)->said, &events, s, &s->pump);
}

static void on_dialed(void *arg, int error, int fd)
{
	struct passage *p = arg;

	if (!error)
		error = start_side(p, SERVER, fd);
	if (error < 0) {
		if (fd >= 0)
			close(fd);
		close_passage(p);
		return;
	}
	error = start_side(p, COMER, p->fd);
	if (error < 0)
		close_passage(p);
	else
		p->fd = -1;
}

static unsigned count_of(const struct bk_gate *g, const struct bk_addr *comer)
{
	unsigned n = 0;

	bk_list_each(it, tmp, &g->passages) n +=
		bk_addr_equal_ip(&bk_container_of(it, struct passage, link)->comer, comer);
	return n;
}

static void on_accept(void *arg, int fd, const struct bk_addr *comer)
{
	struct bk_gate *g = arg;
	const struct bk_dial_opts opts = {.addrs = &g->server, .len = 1, .patience = DIAL_PATIENCE};
	bool is_full = g->count >= BK_GATE_PASSAGES_MAX || count_of(g, comer) >= BK_GATE_OF_ADDRESS_MAX;
	struct passage *p = is_full || !bk_ifaddr_is_near(comer) ? NULL : calloc(1, sizeof(*p));

	if (!p) {
		close(fd);
		return;
	}
	p->gate = g;
	p->comer = *comer;
	p->fd = fd;
	for (int i = 0; i < SIDES; i++) {
		p->sides[i].of = p;
		bk_buf_init(&p->sides[i].said, BUF_MAX);
	}
	bk_list_append(&g->passages, &p->link);
	g->count++;
	if (bk_dial_new(g->loop, &opts, on_dialed, p, &p->dial) < 0)
		close_passage(p);
}

static void on_trouble(void *arg, int error, unsigned closed)
{
	(void)arg;
	(void)closed;
	bk_log_info("lan", "cannot let anybody through to the server: %s", bk_error_text(error));
}

int bk_gate_new(struct bk_loop *loop, const struct bk_addr *server, struct bk_gate **ret_gate)
{
	static const struct bk_acceptor_events events = {on_accept, on_trouble};
	const struct bk_addr any6 = {.family = 6}, any4 = {.family = 4};
	struct bk_gate *g = calloc(1, sizeof(*g));
	int err;

	if (!g)
		return BK_E_NOMEM;
	g->loop = loop;
	g->server = *server;
	bk_list_init(&g->passages);
	err = bk_acceptor_new(loop, &any6, BACKLOG, &events, g, &g->acceptor);
	if (err == BK_E_ADDRESS || err == BK_E_UNREACHABLE) /* no IPv6 here */
		err = bk_acceptor_new(loop, &any4, BACKLOG, &events, g, &g->acceptor);
	if (err < 0)
		bk_gate_free(g);
	else
		*ret_gate = g;
	return err;
}

void bk_gate_free(struct bk_gate *g)
{
	if (!g)
		return;
	bk_list_each(it, tmp, &g->passages) close_passage(bk_container_of(it, struct passage, link));
	bk_acceptor_free(g->acceptor);
	free(g);
}

uint16_t bk_gate_port(const struct bk_gate *g)
{
	return bk_acceptor_port(g->acceptor);
}
