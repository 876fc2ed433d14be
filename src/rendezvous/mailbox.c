/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the public header over the client of the control connection. */
#include "rendezvous/mailbox.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "rendezvous/client.h"
#include "rendezvous/target.h"

struct bk_rdv_mailbox {
	char *server, *token, *state_dir;
	struct bk_rdv_key key;
	uint8_t owner
		[BK_RDV_SECRET_LEN]; /* what a box of ours left under a number, another one may replace */
	bool is_hidden;
};

static int open_box(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events, void *events_arg,
	void **ret_box)
{
	struct bk_rdv_mailbox *m = arg;
	const struct bk_rdv_opts opts = {
		.server = m->server,
		.token = m->token,
		.state_dir = m->state_dir,
		.key = &m->key,
		.owner = m->owner,
		.is_hidden = m->is_hidden,
	};
	struct bk_rdv *r;
	int err = bk_rdv_new(loop, &opts, events, events_arg, &r);

	if (!err)
		*ret_box = r;
	return err;
}

static void close_box(void *box)
{
	bk_rdv_free(box);
}

static void view(void *box, struct bk_mailbox_view *ret_view)
{
	*ret_view = *bk_rdv_view(box);
}

static int leave(void *box, uint32_t wish, const void *body, size_t n)
{
	return bk_rdv_allocate(box, wish, body, n);
}

static int claim(void *box, uint32_t nameplate)
{
	return bk_rdv_claim(box, nameplate);
}

static int mail(void *box, const void *body, size_t n)
{
	return bk_rdv_mail(box, body, n);
}

static void release(void *box)
{
	bk_rdv_release(box);
}

static int rejoin(void *box, const struct bk_mailbox_rejoin *r)
{
	return bk_rdv_rejoin(box, r);
}

static bool is_mail_taken(void *box)
{
	return bk_rdv_is_mail_taken(box);
}

static void flush(void *box, void (*fn)(void *fn_arg), void *fn_arg)
{
	bk_rdv_flush(box, fn, fn_arg);
}

static void measure_clock(void *box)
{
	bk_rdv_measure_clock(box);
}

static void yield_port(void *box)
{
	bk_rdv_yield_port(box);
}

static const struct bk_mailbox_ops ops = {
	.size = sizeof(ops),
	.open = open_box,
	.close = close_box,
	.view = view,
	.leave = leave,
	.claim = claim,
	.mail = mail,
	.release = release,
	.rejoin = rejoin,
	.is_mail_taken = is_mail_taken,
	.flush = flush,
	.measure_clock = measure_clock,
	.yield_port = yield_port,
};

struct bk_mailbox bk_rdv_mailbox_as_mailbox(struct bk_rdv_mailbox *m)
{
	return (struct bk_mailbox){&ops, m};
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
	*ret_mailbox = m;
	return 0;
}

void bk_rdv_mailbox_hide(struct bk_rdv_mailbox *m)
{
	m->is_hidden = true;
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
