/* SPDX-License-Identifier: Apache-2.0 */
/* A sentence for what the parsers of base refuse with an error alone: they say no, here is said what the person
 * can mend. */
#include "cli/why.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/place.h"

enum { PIN_LEN = 43 }; /* base64url of 32 bytes */

static const char *why_port(const char *port, long min, char out[BK_CLI_WHY_MAX])
{
	size_t n = strlen(port);

	if (n && n <= 5 && strspn(port, "0123456789") == n && atol(port) >= min && atol(port) <= UINT16_MAX)
		return NULL;
	snprintf(out, BK_CLI_WHY_MAX, "port '%.40s' is not a number from %ld to 65535", port, min);
	return out;
}

const char *bk_cli_why_listen(const char *s, char out[BK_CLI_WHY_MAX])
{
	const char *colon = strrchr(s, ':');
	struct bk_addr addr;

	if (bk_addr_from_listen(s, &addr) >= 0)
		return NULL;
	if (bk_addr_from_ip(s, 0, &addr) >= 0)
		snprintf(out, BK_CLI_WHY_MAX, "a port is missing; try %s%.60s%s:15005",
			strchr(s, ':') ? "[" : "", s, strchr(s, ':') ? "]" : "");
	else if (!colon)
		snprintf(out, BK_CLI_WHY_MAX, "it is [ADDR]:PORT, like :15005 or 192.0.2.7:15005");
	else if (!why_port(colon + 1, 0, out))
		snprintf(out, BK_CLI_WHY_MAX,
			"'%.*s' is not an IP address; without one it is every address of this machine",
			(int)(colon - s < 60 ? colon - s : 60), s);
	return out;
}

static const char *why_pin(const char *pin, char out[BK_CLI_WHY_MAX])
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t n = strlen(pin), good = strspn(pin, letters);

	if (good < n)
		snprintf(out, BK_CLI_WHY_MAX,
			"the pin behind '#' has a character that no pin has; copy it again");
	else if (n != PIN_LEN)
		snprintf(out, BK_CLI_WHY_MAX,
			"the pin behind '#' has %zu characters, a whole one has %d; copy it again", n,
			PIN_LEN);
	else
		return NULL;
	return out;
}

const char *bk_cli_why_server(const char *s, char out[BK_CLI_WHY_MAX])
{
	size_t n = strcspn(s, "#");
	const char *last = memrchr(s, ':', n), *why = NULL;
	struct bk_place place;
	char port[24];

	if (bk_place_from_str(s, n, 1, &place) >= 0)
		return s[n] ? why_pin(s + n + 1, out) : NULL;
	if (last && (s[0] == '[' ? last[-1] == ']' : memchr(s, ':', n) == last)) {
		snprintf(port, sizeof(port), "%.*s", (int)(s + n - last - 1 < 20 ? s + n - last - 1 : 20),
			last + 1);
		why = why_port(port, 1, out);
	}
	if (!why && (!n || *s == ':'))
		why = "its name is missing in front";
	return why ? why : "it is HOST[:PORT][#PIN], like 192.0.2.7:15005";
}
