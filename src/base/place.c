/* SPDX-License-Identifier: Apache-2.0 */
/* It looks for the colon before the port and leaves the host to the resolver; what no host can hold, and what begins
 * something else (a path, a pin), is refused. */
#include "base/place.h"

#include <stdbool.h>
#include <string.h>

#include "base/addr.h"
#include "base/error.h"

enum { PORT_DIGITS_MAX = 5 };

static int read_port(const char *s, size_t n, uint16_t *ret_port)
{
	unsigned port = 0;

	if (!n || n > PORT_DIGITS_MAX)
		return BK_E_MALFORMED;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return BK_E_MALFORMED;
		port = port * 10 + (unsigned)(s[i] - '0');
	}
	if (!port || port > UINT16_MAX)
		return BK_E_MALFORMED;
	*ret_port = (uint16_t)port;
	return 0;
}

static int read_host(const char *s, size_t n, char ret_host[BK_PLACE_HOST_MAX + 1])
{
	if (!n || n > BK_PLACE_HOST_MAX)
		return BK_E_MALFORMED;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || s[i] == '/' || s[i] == '#')
			return BK_E_MALFORMED;
	memcpy(ret_host, s, n);
	ret_host[n] = 0;
	return 0;
}

/* Several colons without brackets: an address of IPv6, with or without a zone, or a slip ("host:1:2"). */
static bool is_ip6(const char *s, size_t n)
{
	char ip[BK_ADDR_STR_MAX];
	struct bk_addr a;
	const char *zone = memchr(s, '%', n);

	n = zone ? (size_t)(zone - s) : n;
	if (n >= sizeof(ip))
		return false;
	memcpy(ip, s, n);
	ip[n] = 0;
	return bk_addr_from_ip(ip, 0, &a) >= 0;
}

int bk_place_from_str(const char *s, size_t n, uint16_t port, struct bk_place *ret_place)
{
	const char *end = s + n, *colon = memchr(s, ':', n), *host_end = end;
	bool has_bracket = n && *s == '[';
	struct bk_place p = {.port = port};
	int err;

	if (has_bracket) {
		host_end = memchr(s, ']', n);
		if (!host_end)
			return BK_E_MALFORMED;
		colon = host_end + 1 < end ? host_end + 1 : NULL;
		s++;
	} else if (colon && memchr(colon + 1, ':', (size_t)(end - colon - 1))) {
		if (!is_ip6(s, n))
			return BK_E_MALFORMED;
		colon = NULL;
	} else if (colon) {
		host_end = colon;
	}
	err = read_host(s, (size_t)(host_end - s), p.host);
	if (!err && colon)
		err = *colon == ':' ? read_port(colon + 1, (size_t)(end - colon - 1), &p.port)
				    : BK_E_MALFORMED;
	if (err < 0 || !p.port)
		return BK_E_MALFORMED;
	*ret_place = p;
	return 0;
}
