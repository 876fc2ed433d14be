/* SPDX-License-Identifier: Apache-2.0 */
/* What the boxes on one LAN have in common. Our own server is born with the first thing that we keep, with a key
 * that nobody keeps and with little room: who is paired here are two people. It stays as long as the mailbox,
 * because the two may have to meet again. */
#include "lan/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { CLIENTS_MAX = 64, PER_ADDRESS_MAX = 16, RELAYS_MAX = 4 };
enum {
	CLIENTS_MANY = 256,
	PER_ADDRESS_MANY = 128
}; /* for several, each of whom we have a box of our own for */

#define PATIENCE (3 * BK_SEC)

int bk_lan_mailbox_keep(struct bk_lan_mailbox *m, struct bk_loop *loop)
{
	const struct bk_home_limits limits = {.clients_max = m->has_heir ? CLIENTS_MANY : CLIENTS_MAX,
		.per_address_max = m->has_heir ? PER_ADDRESS_MANY : PER_ADDRESS_MAX,
		.relays_max = RELAYS_MAX};
	int err = bk_home_open(&m->home, loop, &limits);

	if (!err && m->has_heir)
		memcpy(m->home.way->heir, m->heir, sizeof(m->heir));
	return err;
}

/* --- life --- */

int bk_lan_mailbox_new(const struct bk_lan_opts *opts, struct bk_lan_mailbox **ret_mailbox)
{
	struct bk_lan_mailbox *m = calloc(1, sizeof(*m));
	int err = m ? bk_lan_reach_init(&m->reach, opts) : BK_E_NOMEM;

	if (err < 0) {
		bk_lan_mailbox_free(m);
		return err;
	}
	m->has_heir = opts->heir;
	if (opts->heir)
		memcpy(m->heir, opts->heir, sizeof(m->heir));
	m->patience = opts->patience_ns ? opts->patience_ns : PATIENCE;
	*ret_mailbox = m;
	return 0;
}

void bk_lan_mailbox_free(struct bk_lan_mailbox *m)
{
	if (!m)
		return;
	bk_home_close(&m->home);
	bk_lan_reach_done(&m->reach);
	free(m);
}
