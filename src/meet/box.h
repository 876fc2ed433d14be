/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_BOX_H
#define BK_MEET_BOX_H

#include <bodkin/mailbox.h>

/* An open box of some mailbox. Calls that its table lacks do what the public header says. */
struct bk_box {
	const struct bk_mailbox_ops *ops;
	void *box;
};

/* `mailbox` with its table must stay. */
static inline int bk_box_open(struct bk_box *b, const struct bk_mailbox *mailbox, struct bk_loop *loop,
	const struct bk_mailbox_events *events, void *arg)
{
	b->ops = mailbox->ops;
	return mailbox->ops->open(mailbox->arg, loop, events, arg, &b->box);
}

static inline void bk_box_close(struct bk_box *b)
{
	b->ops->close(b->box);
}

static inline struct bk_mailbox_view bk_box_view(const struct bk_box *b)
{
	struct bk_mailbox_view view = {0};

	if (b->ops->view)
		b->ops->view(b->box, &view);
	return view;
}

static inline int bk_box_leave(struct bk_box *b, uint32_t wish, const void *body, size_t n)
{
	return b->ops->leave(b->box, wish, body, n);
}

static inline int bk_box_claim(struct bk_box *b, uint32_t nameplate)
{
	return b->ops->claim(b->box, nameplate);
}

static inline int bk_box_mail(struct bk_box *b, const void *body, size_t n)
{
	return b->ops->mail(b->box, body, n);
}

static inline void bk_box_release(struct bk_box *b)
{
	if (b->ops->release)
		b->ops->release(b->box);
}

static inline int bk_box_rejoin(struct bk_box *b, const struct bk_mailbox_rejoin *rejoin)
{
	return b->ops->rejoin ? b->ops->rejoin(b->box, rejoin) : BK_E_UNSUPPORTED;
}

static inline bool bk_box_is_mail_taken(const struct bk_box *b)
{
	return !b->ops->is_mail_taken || b->ops->is_mail_taken(b->box);
}

/* False: there is nothing to wait for, and fn is not called. */
static inline bool bk_box_flush(struct bk_box *b, void (*fn)(void *fn_arg), void *fn_arg)
{
	if (b->ops->flush)
		b->ops->flush(b->box, fn, fn_arg);
	return b->ops->flush != NULL;
}

static inline void bk_box_measure_clock(struct bk_box *b)
{
	if (b->ops->measure_clock)
		b->ops->measure_clock(b->box);
}

static inline void bk_box_yield_port(struct bk_box *b)
{
	if (b->ops->yield_port)
		b->ops->yield_port(b->box);
}

#endif
