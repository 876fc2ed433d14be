/* SPDX-License-Identifier: Apache-2.0 */
/* What the boxes on one LAN have in common. Our own server is born with the first thing that we keep, with a key
 * that nobody keeps and with little room: who is paired here are two people. It stays as long as the mailbox,
 * because the two may have to meet again. */
#include "lan/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/place.h"

enum { CLIENTS_MAX = 64, PER_ADDRESS_MAX = 16, RELAYS_MAX = 4 };

#define PATIENCE (3 * BK_SEC)

int bk_lan_mailbox_start(struct bk_lan_mailbox *m, struct bk_loop *loop)
{
	const struct bk_air_opts opts = {.port = m->port, .interfaces = m->interfaces, .peer = m->peer};

	return m->air ? 0 : bk_air_new(loop, &opts, &m->air);
}

int bk_lan_mailbox_keep(struct bk_lan_mailbox *m, struct bk_loop *loop)
{
	const struct bk_home_limits limits = {
		.clients_max = CLIENTS_MAX, .per_address_max = PER_ADDRESS_MAX, .relays_max = RELAYS_MAX};

	return bk_home_open(&m->home, loop, &limits);
}

/* --- life --- */

static int read_opts(struct bk_lan_mailbox *m, const struct bk_lan_opts *o)
{
	struct bk_place place;

	m->port = o->port ? o->port : BK_RADIO_PORT;
	m->patience = o->patience_ns ? o->patience_ns : PATIENCE;
	if (o->peer && bk_place_from_str(o->peer, strlen(o->peer), m->port, &place) < 0)
		return BK_E_INVALID;
	m->interfaces = strdup(o->interfaces ? o->interfaces : "");
	m->peer = o->peer ? strdup(o->peer) : NULL;
	return !m->interfaces || (o->peer && !m->peer) ? BK_E_NOMEM : 0;
}

int bk_lan_mailbox_new(const struct bk_lan_opts *opts, struct bk_lan_mailbox **ret_mailbox)
{
	struct bk_lan_mailbox *m = calloc(1, sizeof(*m));
	int err = m ? read_opts(m, opts) : BK_E_NOMEM;

	if (err < 0)
		bk_lan_mailbox_free(m);
	else
		*ret_mailbox = m;
	return err;
}

void bk_lan_mailbox_free(struct bk_lan_mailbox *m)
{
	if (!m)
		return;
	bk_home_close(&m->home);
	bk_air_free(m->air);
	free(m->interfaces);
	free(m->peer);
	free(m);
}
