/* SPDX-License-Identifier: Apache-2.0 */
/* Reads HOST[:PORT][#PIN]. A bare IPv6 literal without brackets is taken as a host without port. */
#include "rendezvous/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int read_port(const char *s, size_t n, uint16_t *ret_port)
{
	unsigned port = 0;

	if (!n || n > 5)
		return BK_E_MALFORMED;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return BK_E_MALFORMED;
		port = port * 10 + (unsigned)(s[i] - '0');
	}
	if (!port || port > 65535)
		return BK_E_MALFORMED;
	*ret_port = (uint16_t)port;
	return 0;
}

static int read_host(struct bk_target *t, const char *s, size_t n)
{
	if (!n || n > BK_TARGET_HOST_MAX)
		return BK_E_MALFORMED;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || s[i] == '/')
			return BK_E_MALFORMED;
	memcpy(t->host, s, n);
	t->host[n] = 0;
	return 0;
}

static int read_place(struct bk_target *t, const char *s, size_t n)
{
	const char *close = *s == '[' ? memchr(s, ']', n) : NULL, *colon;
	int err;

	if (*s == '[' && !close)
		return BK_E_MALFORMED;
	if (close) {
		size_t rest = n - (size_t)(close + 1 - s);

		err = read_host(t, s + 1, (size_t)(close - s - 1));
		if (!err && rest)
			err = close[1] == ':' ? read_port(close + 2, rest - 1, &t->port) : BK_E_MALFORMED;
		return err;
	}
	colon = memchr(s, ':', n);
	if (!colon || memchr(colon + 1, ':', n - (size_t)(colon + 1 - s)))
		return read_host(t, s, n);
	err = read_host(t, s, (size_t)(colon - s));
	return err < 0 ? err : read_port(colon + 1, n - (size_t)(colon + 1 - s), &t->port);
}

int bk_target_from_str(const char *s, struct bk_target *ret_target)
{
	struct bk_target t = {.port = BK_TARGET_PORT};
	const char *hash = strchr(s, '#');
	size_t n = hash ? (size_t)(hash - s) : strlen(s);
	int err = read_place(&t, s, n);

	if (!err && hash) {
		t.has_pin = true;
		err = bk_pin_from_str(hash + 1, &t.pin);
	}
	if (err < 0)
		return BK_E_MALFORMED;
	*ret_target = t;
	return 0;
}

const char *bk_target_to_str(const struct bk_target *t, char out[BK_TARGET_STR_MAX])
{
	bool is_v6 = strchr(t->host, ':');

	snprintf(out, BK_TARGET_STR_MAX, "%s%s%s:%u", is_v6 ? "[" : "", t->host, is_v6 ? "]" : "", t->port);
	return out;
}
