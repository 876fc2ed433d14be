/* SPDX-License-Identifier: Apache-2.0 */
/* Reads HOST[:PORT]. A bare IPv6 literal without brackets is taken as a host without port. A pin is refused:
 * this dialect has nothing that could be compared with it. */
#include "plain/place.h"

#include <string.h>

#include "base/error.h"

static int read_port(const char *s, uint16_t *ret_port)
{
	unsigned port = 0;
	size_t n = strlen(s);

	if (!n || n > 5 || strspn(s, "0123456789") != n)
		return BK_E_MALFORMED;
	for (size_t i = 0; i < n; i++)
		port = port * 10 + (unsigned)(s[i] - '0');
	if (!port || port > UINT16_MAX)
		return BK_E_MALFORMED;
	*ret_port = (uint16_t)port;
	return 0;
}

static int read_host(struct bk_plain_place *p, const char *s, size_t n)
{
	if (!n || n > BK_PLACE_HOST_MAX)
		return BK_E_MALFORMED;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || s[i] == '/' || s[i] == '#')
			return BK_E_MALFORMED;
	memcpy(p->host, s, n);
	p->host[n] = 0;
	return 0;
}

int bk_plain_place_from_str(const char *s, struct bk_plain_place *ret_place)
{
	struct bk_plain_place p = {.port = BK_PLACE_PORT};
	const char *close = *s == '[' ? strchr(s, ']') : NULL, *colon = strchr(s, ':'), *port = NULL;
	int err = *s == '[' && !close ? BK_E_MALFORMED : 0;

	if (close) {
		err = read_host(&p, s + 1, (size_t)(close - s - 1));
		port = close[1] ? close + 1 : NULL;
	} else if (!err) {
		bool has_port = colon && !strchr(colon + 1, ':');

		err = read_host(&p, s, has_port ? (size_t)(colon - s) : strlen(s));
		port = has_port ? colon : NULL;
	}
	if (!err && port)
		err = *port == ':' ? read_port(port + 1, &p.port) : BK_E_MALFORMED;
	if (err < 0)
		return err;
	*ret_place = p;
	return 0;
}
