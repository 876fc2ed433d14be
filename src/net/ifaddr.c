/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses this machine has: the host candidates of an introduction. */
#include "net/ifaddr.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdbool.h>

#include "base/error.h"
#include "net/sock.h"

static bool is_useful(const struct ifaddrs *i, struct bk_addr *ret_addr)
{
	return i->ifa_addr && (i->ifa_flags & IFF_UP) && (i->ifa_flags & IFF_RUNNING) &&
	       bk_addr_from_sockaddr(i->ifa_addr, ret_addr) == 0 && !bk_addr_is_loopback(ret_addr) &&
	       !bk_addr_is_link_local(ret_addr);
}

int bk_ifaddr_list(struct bk_addr *out, size_t max)
{
	struct ifaddrs *all;
	size_t n = 0;

	if (getifaddrs(&all) < 0)
		return bk_error_from_errno(errno);
	for (struct ifaddrs *i = all; i && n < max; i = i->ifa_next)
		if (is_useful(i, &out[n]))
			n++;
	freeifaddrs(all);
	return (int)n;
}
