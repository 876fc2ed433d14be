/* SPDX-License-Identifier: Apache-2.0 */
#include "portmap/ssdp.h"

#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/error.h"

/* The last one is for devices that know no other question: anything may answer that. */
const char *bk_ssdp_target(size_t n)
{
	static const char *const targets[] = {
		"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
		"urn:schemas-upnp-org:device:InternetGatewayDevice:2",
		"urn:schemas-upnp-org:service:WANIPConnection:1",
		"urn:schemas-upnp-org:service:WANPPPConnection:1",
		"upnp:rootdevice",
	};

	return n < sizeof(targets) / sizeof(targets[0]) ? targets[n] : NULL;
}

/* Answers may be spread over a second (MX), which is the least that may be asked for. */
size_t bk_ssdp_put(const char *target, const struct bk_addr *to, char out[BK_SSDP_QUESTION_MAX])
{
	char host[BK_ADDR_STR_MAX];

	return (size_t)snprintf(out, BK_SSDP_QUESTION_MAX,
		"M-SEARCH * HTTP/1.1\r\nHOST: %s\r\nST: %s\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n\r\n",
		bk_addr_to_str(to, host), target);
}

static int take_url(const char *at, const char *end, char ret_url[BK_SSDP_URL_MAX])
{
	size_t n;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	n = (size_t)(end - at);
	if (n >= BK_SSDP_URL_MAX)
		return BK_E_TOO_BIG;
	for (const char *p = at; p < end; p++)
		if (*p <= ' ' || *p > '~')
			return BK_E_MALFORMED;
	memcpy(ret_url, at, n);
	ret_url[n] = '\0';
	return n ? 0 : BK_E_MALFORMED;
}

/* The end of the line at `at`; the last one need not have any. */
static const char *end_of_line(const char *at, const char *end)
{
	const char *lf = memchr(at, '\n', (size_t)(end - at));

	return lf ? lf : end;
}

int bk_ssdp_read(const uint8_t *data, size_t len, char ret_url[BK_SSDP_URL_MAX])
{
	static const char status[] = "HTTP/1.x 200", location[] = "location:";
	const char *at = (const char *)data, *end = at + len, *eol;

	if (len > BK_SSDP_ANSWER_MAX)
		return BK_E_TOO_BIG;
	eol = end_of_line(at, end);
	if (!bk_web_begins(at, eol, "HTTP/1.") || (size_t)(eol - at) < sizeof(status) - 1 ||
		memcmp(at + sizeof(status) - 5, " 200", 4) != 0)
		return BK_E_MALFORMED;
	while (eol < end) {
		at = eol + 1;
		eol = end_of_line(at, end);
		if (bk_web_begins(at, eol, location))
			return take_url(at + sizeof(location) - 1, eol, ret_url);
	}
	return BK_E_MALFORMED;
}
