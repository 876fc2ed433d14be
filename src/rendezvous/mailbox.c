/* SPDX-License-Identifier: Apache-2.0 */
/* What the boxes at one server have in common. */
#include "rendezvous/mailbox.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "rendezvous/client.h"
#include "rendezvous/target.h"

struct bk_rdv_mailbox {
	struct bk_rdv_opts opts; /* of every box; what they point to is below */
	char *server, *token, *state_dir;
	struct bk_rdv_key key;
	uint8_t owner[BK_RDV_SECRET_LEN]; /* what a box of ours left, another one may replace */
};

struct bk_mailbox bk_rdv_mailbox_as_mailbox(struct bk_rdv_mailbox *m)
{
	return (struct bk_mailbox){&bk_rdv_ops, &m->opts};
}

static int copy(const char *from, char **ret_to)
{
	*ret_to = from ? strdup(from) : NULL;
	return from && !*ret_to ? BK_E_NOMEM : 0;
}

int bk_rdv_mailbox_new(
	const char *server, const char *token, const char *state_dir, struct bk_rdv_mailbox **ret_mailbox)
{
	struct bk_rdv_mailbox *m;
	struct bk_target target;
	int err;

	if (bk_target_from_str(server, &target) < 0)
		return BK_E_INVALID;
	m = calloc(1, sizeof(*m));
	if (!m)
		return BK_E_NOMEM;
	randombytes_buf(m->owner, sizeof(m->owner));
	err = copy(server, &m->server);
	if (!err)
		err = copy(token, &m->token);
	if (!err)
		err = copy(state_dir, &m->state_dir);
	if (err < 0) {
		bk_rdv_mailbox_free(m);
		return err;
	}
	m->opts = (struct bk_rdv_opts){.server = m->server,
		.token = m->token,
		.state_dir = m->state_dir,
		.key = &m->key,
		.owner = m->owner};
	*ret_mailbox = m;
	return 0;
}

void bk_rdv_mailbox_hide(struct bk_rdv_mailbox *m)
{
	m->opts.is_hidden = true;
}

bool bk_rdv_mailbox_pin(const struct bk_rdv_mailbox *m, struct bk_pin *ret_pin)
{
	if (m->key.is_known)
		*ret_pin = m->key.pin;
	return m->key.is_known;
}

void bk_rdv_mailbox_free(struct bk_rdv_mailbox *m)
{
	if (!m)
		return;
	if (m->token)
		sodium_memzero(m->token, strlen(m->token));
	sodium_memzero(m->owner, sizeof(m->owner));
	free(m->server);
	free(m->token);
	free(m->state_dir);
	free(m);
}
