/* SPDX-License-Identifier: Apache-2.0 */
#include <bodkin/transfer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/opts.h"
#include "transfer/copies.h"
#include "transfer/delivery.h"
#include "transfer/offering.h"

struct bk_send {
	struct bk_offering offering;
	struct bk_delivery *delivery; /* to one, else NULL */
	struct bk_copies *copies;     /* to several, else NULL */
};

static int start_copies(struct bk_send *s, struct bk_loop *loop, const struct bk_send_opts *o,
	const struct bk_transfer_events *events, void *arg, char *ret_text)
{
	const struct bk_copies_opts opts = {.loop = loop,
		.offering = &s->offering,
		.session = o->session,
		.count = o->copies,
		.events = events,
		.arg = arg};

	if (!o->within && o->session && !o->session->code)
		return bk_copies_new(&opts, &s->copies);
	snprintf(ret_text, BK_TRANSFER_TEXT_MAX, "cannot send: several come by a code that is made here");
	return BK_E_INVALID;
}

static int start(struct bk_send *s, struct bk_loop *loop, const struct bk_send_opts *o,
	const struct bk_transfer_events *events, void *arg, char *ret_text)
{
	const struct bk_talk_place place = {.session = o->session, .within = o->within, .peer = o->peer};
	int err = bk_offering_init(&s->offering, loop, o, ret_text);

	if (err >= 0 && o->copies > 1)
		return start_copies(s, loop, o, events, arg, ret_text);
	return err < 0 ? err : bk_delivery_new(loop, &s->offering, &place, events, arg, &s->delivery);
}

int bk_send_new(struct bk_loop *loop, const struct bk_send_opts *opts,
	const struct bk_transfer_events *events, void *arg, struct bk_send **ret_send,
	char ret_text[BK_TRANSFER_TEXT_MAX])
{
	struct bk_send *s = calloc(1, sizeof(*s));
	char text[BK_TRANSFER_TEXT_MAX] = "";
	struct bk_send_opts o;
	int err = bk_opts_read(&o, opts, stream_fd);

	if (err >= 0)
		err = s ? start(s, loop, &o, events, arg, text) : BK_E_NOMEM;
	if (err < 0) {
		bk_call_explain(err, "send", o.session, text);
		if (ret_text)
			memcpy(ret_text, text, sizeof(text));
		bk_send_free(s);
		return err;
	}
	*ret_send = s;
	return 0;
}

void bk_send_cancel(struct bk_send *s)
{
	if (s->copies)
		bk_copies_cancel(s->copies);
	else
		bk_delivery_cancel(s->delivery);
}

void bk_send_free(struct bk_send *s)
{
	if (!s)
		return;
	bk_delivery_free(s->delivery);
	bk_copies_free(s->copies);
	bk_offering_done(&s->offering);
	free(s);
}

const struct bk_transfer_offer *bk_send_offer(const struct bk_send *s)
{
	return bk_offering_is_settled(&s->offering) && !s->offering.error ? &s->offering.offer : NULL;
}
