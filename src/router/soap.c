/* SPDX-License-Identifier: Apache-2.0 */
#include "router/soap.h"

#include <ctype.h>
#include <errno.h>
#include <miniupnpc/upnpreplyparse.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/loop.h"
#include "net/sock.h"

enum { REQUEST_MAX = 4096, BODY_MAX = 2048, STATUS_OK = 200, CODE_MAX = 16 };

/* --- bytes there and back, by the deadline --- */

static int wait_for(int fd, short events, bk_time deadline)
{
	struct pollfd p = {.fd = fd, .events = events};
	bk_dur left = deadline - bk_loop_clock();
	int n = left > 0 ? poll(&p, 1, (int)(left / BK_MS) + 1) : 0;

	if (n < 0)
		return errno == EINTR ? 0 : bk_error_from_errno(errno);
	return n ? 0 : BK_E_TIMEOUT;
}

static int send_all(int fd, const char *bytes, size_t len, bk_time deadline)
{
	int err;
	ssize_t n;

	for (size_t done = 0; done < len; done += (size_t)n) {
		err = wait_for(fd, POLLOUT, deadline);
		if (err < 0)
			return err;
		n = send(fd, bytes + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return bk_error_from_errno(errno);
		n = n < 0 ? 0 : n;
	}
	return 0;
}

static int receive(int fd, bk_time deadline, struct bk_web_answer *a)
{
	int err = BK_E_AGAIN;
	ssize_t n;

	bk_web_answer_init(a);
	while (err == BK_E_AGAIN) {
		err = wait_for(fd, POLLIN, deadline);
		if (err < 0)
			return err;
		n = recv(fd, a->bytes + a->len, BK_WEB_ANSWER_MAX - a->len, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return bk_error_from_errno(errno);
		a->len += n > 0 ? (size_t)n : 0;
		err = n < 0 ? BK_E_AGAIN : bk_web_answer_read(a, n == 0);
	}
	return err;
}

static int exchange(const struct bk_addr *at, const char *request, bk_time deadline, struct bk_web_answer *a)
{
	int fd, err = bk_sock_connect(NULL, at, &fd);

	if (err < 0)
		return err;
	err = wait_for(fd, POLLOUT, deadline);
	if (!err)
		err = bk_sock_error(fd);
	if (!err)
		err = send_all(fd, request, strlen(request), deadline);
	if (!err)
		err = receive(fd, deadline, a);
	close(fd);
	return err;
}

/* --- what is asked --- */

int bk_soap_page(const char *url, bk_time deadline, struct bk_web_answer *ret_answer)
{
	char request[REQUEST_MAX], host[BK_ADDR_STR_MAX];
	struct bk_web_place p;
	int err = bk_web_place_read(url, &p);

	if (err < 0)
		return err;
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", p.path,
		bk_addr_to_str(&p.at, host));
	err = exchange(&p.at, request, deadline, ret_answer);
	return !err && ret_answer->status != STATUS_OK ? BK_E_PROTOCOL : err;
}

/* The router named it, and it goes into the XML as it is. */
static bool is_service(const char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(":-._", *s))
			return false;
	return true;
}

static int outcome(const struct bk_web_answer *a)
{
	char code[CODE_MAX];
	long n;

	bk_soap_value(a, "errorCode", code, sizeof(code));
	n = strtol(code, NULL, 10);
	if (n > 0 && n < 1000)
		return (int)n;
	return a->status == STATUS_OK ? 0 : BK_E_PROTOCOL;
}

int bk_soap_call(const char *url, const char *service, const char *action, const char *args, bk_time deadline,
	struct bk_web_answer *ret_answer)
{
	static const char envelope[] =
		"<?xml version=\"1.0\"?>\r\n"
		"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
		"s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>"
		"<u:%s xmlns:u=\"%s\">%s</u:%s></s:Body></s:Envelope>\r\n";
	static const char head[] =
		"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nContent-Type: text/xml\r\n"
		"SOAPAction: \"%s#%s\"\r\nConnection: close\r\n\r\n%s";
	char request[REQUEST_MAX], body[BODY_MAX], host[BK_ADDR_STR_MAX];
	struct bk_web_place p;
	int n, err = bk_web_place_read(url, &p);

	if (err < 0)
		return err;
	if (!is_service(service))
		return BK_E_MALFORMED;
	n = snprintf(body, sizeof(body), envelope, action, service, args, action);
	if (n >= (int)sizeof(body))
		return BK_E_TOO_BIG;
	n = snprintf(request, sizeof(request), head, p.path, bk_addr_to_str(&p.at, host), n, service, action,
		body);
	if (n >= (int)sizeof(request))
		return BK_E_TOO_BIG;
	err = exchange(&p.at, request, deadline, ret_answer);
	return err < 0 ? err : outcome(ret_answer);
}

void bk_soap_value(const struct bk_web_answer *a, const char *name, char *out, size_t size)
{
	struct NameValueParserData d;
	const char *value;

	ParseNameValue(a->body, (int)a->body_len, &d);
	value = GetValueFromNameValueList(&d, name);
	snprintf(out, size, "%s", value ? value : "");
	ClearNameValueList(&d);
}
