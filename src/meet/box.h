/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_BOX_H
#define BK_MEET_BOX_H

#include <bodkin/mailbox.h>

/* An open box of some mailbox. Of its table no member but rejoin and release is NULL. */
struct bk_box {
	const struct bk_mailbox_ops *ops;
	void *box;
};

/* A mailbox's table in this version, with something that does what the public header says for what it may lack, but
 * rejoin and release. BK_E_INVALID: a member that is required is missing; or as bk_opts_read says. */
int bk_box_take_ops(const struct bk_mailbox_ops *from, struct bk_mailbox_ops *ret_ops);

static inline struct bk_mailbox_view bk_box_view(const struct bk_box *b)
{
	struct bk_mailbox_view view = {0};

	b->ops->view(b->box, &view);
	return view;
}

static inline int bk_box_mail(struct bk_box *b, const void *body, size_t n)
{
	return b->ops->mail(b->box, body, n);
}

#endif
