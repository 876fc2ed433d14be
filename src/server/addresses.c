/* SPDX-License-Identifier: Apache-2.0 */
/* What to tell people who want to reach the server. */
#include <bodkin/server.h>

#include "base/addr.h"
#include "base/error.h"
#include "net/ifaddr.h"

enum { ADDRS_MAX = 64 };

/* A socket at every IPv6 address takes IPv4, too. */
static bool is_taken(const struct bk_addr *listen, const struct bk_addr *addr)
{
	return listen->family != 4 || addr->family == 4;
}

int bk_server_addresses(const char *listen_ip, uint16_t port, struct bk_addr *ret_addrs, size_t max)
{
	struct bk_addr listen = {0}, all[ADDRS_MAX];
	int n, len = 0;

	if (listen_ip && bk_addr_from_ip(listen_ip, port, &listen) < 0)
		return BK_E_ADDRESS;
	if (listen.family && !bk_addr_is_any(&listen)) {
		ret_addrs[0] = listen;
		return 1;
	}
	n = bk_ifaddr_list_outward(all, ADDRS_MAX);
	for (int i = 0; i < n && (size_t)len < max; i++)
		if (is_taken(&listen, &all[i]))
			ret_addrs[len++] = bk_addr_with_port(all[i], port);
	if (!len)
		ret_addrs[len++] = bk_addr_v4(127, 0, 0, 1, port);
	return len;
}
