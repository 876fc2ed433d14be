/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server listens, as text. */
#include "cli/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int parse_port(const char *s, uint16_t *ret_port)
{
	unsigned long v = 0;

	if (!*s || strlen(s) > 5 || strspn(s, "0123456789") != strlen(s))
		return BK_E_MALFORMED;
	v = strtoul(s, NULL, 10);
	if (v > UINT16_MAX)
		return BK_E_MALFORMED;
	*ret_port = (uint16_t)v;
	return 0;
}

int bk_cli_endpoint_from_str(const char *s, struct bk_addr *ret_addr)
{
	struct bk_addr addr = {0};
	int err = parse_port(*s == ':' ? s + 1 : s, &addr.port);

	if (err < 0)
		err = bk_addr_from_str(s, &addr);
	if (err >= 0)
		*ret_addr = addr;
	return err < 0 ? BK_E_MALFORMED : 0;
}
