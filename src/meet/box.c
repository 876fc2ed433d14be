/* SPDX-License-Identifier: Apache-2.0 */
#include "meet/box.h"

#include "base/error.h"
#include "base/opts.h"

static void sees_nothing(void *box, struct bk_mailbox_view *ret_view)
{
	(void)box;
	(void)ret_view;
}

static void does_nothing(void *box)
{
	(void)box;
}

static void probes_nothing(void *box, bool is_latest)
{
	(void)box;
	(void)is_latest;
}

static bool is_taken(void *box)
{
	(void)box;
	return true;
}

static const char *has_no_name(void *arg)
{
	(void)arg;
	return "the mailbox";
}

static void flush_at_once(void *box, void (*fn)(void *fn_arg), void *fn_arg)
{
	(void)box;
	fn(fn_arg);
}

int bk_box_take_ops(const struct bk_mailbox_ops *from, struct bk_mailbox_ops *ret_ops)
{
	int err = bk_opts_read(ret_ops, from, yield_port);

	if (err < 0)
		return err;
	ret_ops->view = ret_ops->view ?: sees_nothing;
	ret_ops->is_mail_taken = ret_ops->is_mail_taken ?: is_taken;
	ret_ops->flush = ret_ops->flush ?: flush_at_once;
	ret_ops->measure_clock = ret_ops->measure_clock ?: does_nothing;
	ret_ops->yield_port = ret_ops->yield_port ?: does_nothing;
	ret_ops->name = ret_ops->name ?: has_no_name;
	ret_ops->probe_flows = ret_ops->probe_flows ?: probes_nothing;
	return ret_ops->open && ret_ops->close && ret_ops->leave && ret_ops->claim && ret_ops->mail
		       ? 0
		       : BK_E_INVALID;
}
