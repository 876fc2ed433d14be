/* SPDX-License-Identifier: Apache-2.0 */
#include "rendezvous/mailbox.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct bk_mailbox bk_rdv_mailbox_as_mailbox(struct bk_rdv_mailbox *m)
{
	return (struct bk_mailbox){&bk_rdv_ops, m};
}

static int copy(const char *from, size_t size, char *to)
{
	return (size_t)snprintf(to, size, "%s", from ? from : "") < size ? 0 : BK_E_INVALID;
}

static int read_opts(struct bk_rdv_mailbox *m, const struct bk_rdv_opts *o)
{
	m->is_hidden = o->is_hidden;
	randombytes_buf(m->owner, sizeof(m->owner));
	if (o->heir)
		memcpy(m->heir, o->heir, sizeof(m->heir));
	if (bk_target_from_str(o->server, &m->target) < 0 || copy(o->token, sizeof(m->token), m->token) < 0 ||
		copy(o->client_id, sizeof(m->client_id), m->client_id) < 0)
		return BK_E_INVALID;
	if (o->state_dir && asprintf(&m->known_servers, "%s/known_servers", o->state_dir) < 0) {
		m->known_servers = NULL;
		return BK_E_NOMEM;
	}
	return 0;
}

int bk_rdv_mailbox_new(const struct bk_rdv_opts *opts, struct bk_rdv_mailbox **ret_mailbox)
{
	struct bk_rdv_mailbox *m = calloc(1, sizeof(*m));
	int err = m ? read_opts(m, opts) : BK_E_NOMEM;

	if (err < 0)
		bk_rdv_mailbox_free(m);
	else
		*ret_mailbox = m;
	return err;
}

void bk_rdv_mailbox_free(struct bk_rdv_mailbox *m)
{
	if (!m)
		return;
	free(m->known_servers);
	sodium_memzero(m, sizeof(*m));
	free(m);
}
