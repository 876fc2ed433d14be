/* SPDX-License-Identifier: Apache-2.0 */
#include "net/netlink.h"

#include <linux/netlink.h>
#include <string.h>

bool bk_netlink_next(struct bk_netlink *n, struct bk_netlink_message *ret_message)
{
	struct nlmsghdr h;
	size_t step;

	if (n->len < sizeof(h))
		return false;
	memcpy(&h, n->at, sizeof(h));
	if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > n->len)
		return false;
	*ret_message = (struct bk_netlink_message){h.nlmsg_type, n->at + sizeof(h), h.nlmsg_len - sizeof(h)};
	step = NLMSG_ALIGN((size_t)h.nlmsg_len);
	step = step < n->len ? step : n->len;
	n->at += step;
	n->len -= step;
	return true;
}
