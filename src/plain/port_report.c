/* SPDX-License-Identifier: Apache-2.0 */
/* The dialect hands a reported port on as it is told, so we have to know our public one. Where the NAT keeps
 * port numbers it is the local one. Where it does not, the connection from the fresh port first says hello
 * under an id of chance, and the welcome tells what the server sees; then the report goes over a connection
 * of its own, for the dialect has no report after a hello. The first one stays: it keeps the mapping. */
#include "plain/port_report.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "net/random.h"
#include "plain/control.h"

enum { ASKING_ID_BYTES = 8 };

struct bk_port_report {
	struct bk_loop *loop;
	struct bk_addr local, server;
	char id[BK_RDV_ID_MAX + 1];
	bool is_preserved, is_told;
	uint16_t port; /* public; 0: not known yet */
	bk_port_report_fn fn;
	void *arg;
	struct bk_plain_control *first, *second; /* from the fresh port; from any, where we had to ask */
};

static void tell(struct bk_port_report *r, int error)
{
	if (r->is_told)
		return;
	r->is_told = true;
	r->fn(r->arg, error, r->port);
}

static void send_port(struct bk_port_report *r, struct bk_plain_control *c)
{
	struct bk_rdv_msg m = {.type = BK_RDV_PEER_PORT, .port = r->port};

	snprintf(m.client_id, sizeof(m.client_id), "%s", r->id);
	tell(r, bk_plain_control_send(c, &m));
}

static void ask(struct bk_port_report *r)
{
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_HELLO, .private_port = r->local.port};
	char ip[BK_ADDR_STR_MAX];

	bk_random_name(ASKING_ID_BYTES, m.client_id);
	snprintf(m.nat_type, sizeof(m.nat_type), "unknown");
	snprintf(m.private_ip, sizeof(m.private_ip), "%.*s", BK_RDV_IP_MAX, bk_addr_ip_to_str(&r->local, ip));
	if (bk_plain_control_send(r->first, &m) < 0)
		tell(r, BK_E_SERVER_GONE);
}

static void on_second_connected(void *arg)
{
	struct bk_port_report *r = arg;

	send_port(r, r->second);
}

static void on_second_message(void *arg, const struct bk_rdv_msg *m)
{
	(void)arg;
	(void)m;
}

static void on_end(void *arg, int error)
{
	tell(arg, error == BK_E_EOF ? BK_E_SERVER_GONE : error);
}

static const struct bk_plain_control_events second_events = {
	.on_connected = on_second_connected, .on_message = on_second_message, .on_end = on_end};

static void on_first_connected(void *arg)
{
	struct bk_port_report *r = arg;

	if (r->is_preserved)
		send_port(r, r->first);
	else
		ask(r);
}

static void on_first_message(void *arg, const struct bk_rdv_msg *m)
{
	struct bk_port_report *r = arg;
	struct bk_addr local = bk_addr_with_port(r->local, 0);
	int err;

	if (m->type != BK_RDV_SERVER_HELLO || r->port)
		return;
	r->port = m->public_port;
	err = bk_plain_control_new(r->loop, &local, &r->server, &second_events, r, &r->second);
	if (err < 0)
		tell(r, err);
}

static const struct bk_plain_control_events first_events = {
	.on_connected = on_first_connected, .on_message = on_first_message, .on_end = on_end};

int bk_port_report_new(struct bk_loop *loop, const struct bk_port_report_opts *opts, bk_port_report_fn fn,
	void *arg, struct bk_port_report **ret_report)
{
	struct bk_port_report *r = calloc(1, sizeof(*r));
	struct bk_addr any_port = bk_addr_with_port(opts->local, 0);
	int err;

	if (!r)
		return BK_E_NOMEM;
	*r = (struct bk_port_report){.loop = loop,
		.server = opts->server,
		.is_preserved = opts->is_preserved,
		.fn = fn,
		.arg = arg};
	snprintf(r->id, sizeof(r->id), "%s", opts->id);
	err = bk_plain_control_new(loop, &any_port, &r->server, &first_events, r, &r->first);
	if (err < 0) {
		bk_port_report_free(r);
		return err;
	}
	r->local = bk_plain_control_local(r->first);
	r->port = r->is_preserved ? r->local.port : 0;
	*ret_report = r;
	return 0;
}

void bk_port_report_free(struct bk_port_report *r)
{
	if (!r)
		return;
	bk_plain_control_free(r->first);
	bk_plain_control_free(r->second);
	free(r);
}

struct bk_addr bk_port_report_local(const struct bk_port_report *r)
{
	return r->local;
}
