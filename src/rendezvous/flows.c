/* SPDX-License-Identifier: Apache-2.0 */
#include "rendezvous/flows.h"

#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"

enum {
	LATEST = BK_MAILBOX_FLOWS_MAX - 1,
	BESIDE = 256, /* ports around the shared one */
	PORT_TRIES = 8,
};

#define PATIENCE   (2 * BK_SEC)
#define HANDSHAKES (8 * BK_SEC) /* of those that leave ahead of the control connection's own */

static void stop(struct bk_flows *f, struct bk_mapping_probe *p)
{
	bk_mapping_probe_stop(p);
	f->view->flows_awaited -= p->is_awaited;
	p->is_awaited = false;
}

static void on_failed(void *arg, struct bk_mapping_probe *p)
{
	struct bk_flows *f = arg;

	if (!p->is_awaited)
		return;
	stop(f, p);
	f->on_view(f->arg);
}

/* Even where the shared one is even, odd where it is odd: a NAT that keeps that has two sequences, and only one of them
 * is the shared port's. */
static struct bk_addr port_beside(struct bk_flows *f)
{
	unsigned away = 2 * (1 + f->begun++ % (BESIDE / 2));
	unsigned port = f->local.port + away <= UINT16_MAX ? f->local.port + away : f->local.port - away;

	return bk_addr_with_port(f->local, (uint16_t)port);
}

static void announce(struct bk_flows *f, struct bk_mapping_probe *p)
{
	int err = bk_announcer_say(f->announcer, p, bk_loop_now(f->loop));

	if (err < 0 && err != BK_E_AGAIN)
		stop(f, p);
}

static void begin(struct bk_flows *f, size_t i)
{
	struct bk_mapping_probe *p = &f->probes[i];
	int err = BK_E_ADDRESS;

	stop(f, p);
	*p = (struct bk_mapping_probe){.server = f->server,
		.on_failed = on_failed,
		.arg = f,
		.patience = f->announcer->control ? PATIENCE : HANDSHAKES};
	randombytes_buf(p->nonce, sizeof(p->nonce));
	for (int tries = 0; err < 0 && tries < PORT_TRIES; tries++) {
		struct bk_addr local = port_beside(f);

		err = bk_mapping_probe_start(p, f->loop, &local);
	}
	f->view->flows[i] = (struct bk_mailbox_flow){.began_ns = bk_loop_now(f->loop)};
	p->is_awaited = !err;
	f->view->flows_awaited += !err;
	if (err < 0)
		bk_log_debug("rdv", "a flow for the NAT to map: %s", bk_error_text(err));
	else
		announce(f, p);
}

void bk_flows_begin(
	struct bk_flows *f, const struct bk_addr *local, const struct bk_addr *server, bool is_latest)
{
	if (f->has_begun != is_latest || local->family != 4 || server->family != 4 || local->port < BESIDE)
		return;
	f->has_begun = true;
	f->local = *local;
	f->server = *server;
	if (is_latest)
		begin(f, LATEST);
	for (size_t i = 0; !is_latest && i < LATEST; i++)
		begin(f, i);
}

void bk_flows_announce(struct bk_flows *f, const struct bk_addr *local, const struct bk_addr *server)
{
	if (!f->has_begun)
		return;
	if (!bk_addr_equal(&f->local, local) || !bk_addr_equal(&f->server, server)) {
		bk_flows_close(f);
		f->has_begun = false;
		return;
	}
	for (size_t i = 0; i < BK_MAILBOX_FLOWS_MAX; i++) {
		if (f->probes[i].is_awaited)
			announce(f, &f->probes[i]);
	}
}

bool bk_flows_mapped(struct bk_flows *f, const struct bk_rdv_msg *m)
{
	for (size_t i = 0; i < BK_MAILBOX_FLOWS_MAX; i++) {
		struct bk_mapping_probe *p = &f->probes[i];
		struct bk_addr mapped;

		if (!p->is_awaited || memcmp(p->nonce, m->nonce, sizeof(p->nonce)) != 0)
			continue;
		if (bk_addr_from_ip(m->public_ip, m->public_port, &mapped) == 0)
			f->view->flows[i].mapped = mapped;
		stop(f, p);
		return true;
	}
	return false;
}

void bk_flows_close(struct bk_flows *f)
{
	for (size_t i = 0; i < BK_MAILBOX_FLOWS_MAX; i++) {
		if (f->probes[i].is_awaited)
			stop(f, &f->probes[i]);
	}
}
