/* SPDX-License-Identifier: Apache-2.0 */
/* A router on loopback that says one thing: on a thread, since the question waits. */
#include "router/soap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/error.h"
#include "net/loop.h"
#include "net/sock.h"

enum { DRIP_MS = 20 };

#define PATIENCE (20 * BK_SEC)
#define SHORT    (200 * BK_MS)

struct router {
	pthread_t thread;
	int fd;
	const char *says;
	bool is_flood, is_drip;
	size_t sent;
	char url[BK_ADDR_STR_MAX + 16], asked[4096];
};

static struct bk_web_answer answer;

static void hear(struct router *r, int fd)
{
	size_t len = 0;
	ssize_t n;

	while (!strstr(r->asked, r->asked[0] == 'G' ? "\r\n\r\n" : "Envelope>\r\n")) {
		n = recv(fd, r->asked + len, sizeof(r->asked) - 1 - len, 0);
		if (n <= 0)
			return;
		len += (size_t)n;
		r->asked[len] = '\0';
	}
}

static bool say(struct router *r, int fd, const char *what, size_t len)
{
	ssize_t n = send(fd, what, len, MSG_NOSIGNAL);

	r->sent += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static void *serve(void *arg)
{
	struct router *r = arg;
	static const char more[4096];
	struct pollfd p = {.fd = r->fd, .events = POLLIN};
	int fd;

	poll(&p, 1, -1);
	fd = accept(r->fd, NULL, NULL);
	hear(r, fd);
	say(r, fd, r->says, strlen(r->says));
	while (r->is_flood && say(r, fd, more, sizeof(more)))
		;
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	while (r->is_drip && say(r, fd, "A", 1))
		poll(&p, 1, DRIP_MS); /* it closes: readable */
	close(fd);
	return NULL;
}

static void start(struct router *r)
{
	struct bk_addr any = bk_addr_v4(127, 0, 0, 1, 0);
	char at[BK_ADDR_STR_MAX];

	assert_int_equal(bk_sock_listen(&any, false, 1, &r->fd), 0);
	assert_int_equal(bk_sock_local(r->fd, &any), 0);
	snprintf(r->url, sizeof(r->url), "http://%s/ctl", bk_addr_to_str(&any, at));
	assert_int_equal(pthread_create(&r->thread, NULL, serve, r), 0);
}

static void end(struct router *r)
{
	pthread_join(r->thread, NULL);
	close(r->fd);
}

static int call(struct router *r, bk_dur time)
{
	int err;

	start(r);
	err = bk_soap_call(
		r->url, "urn:x:service:WANIPConnection:1", "Do", "<N>1</N>", bk_loop_clock() + time, &answer);
	end(r);
	return err;
}

static void a_flood_ends_at_the_ceiling(void **state)
{
	struct router r = {.says = "HTTP/1.1 200 OK\r\n\r\n", .is_flood = true};

	(void)state;
	start(&r);
	assert_int_equal(bk_soap_page(r.url, bk_loop_clock() + PATIENCE, &answer), BK_E_TOO_BIG);
	end(&r);
	assert_int_equal(answer.len, BK_WEB_ANSWER_MAX);
}

static void a_drip_ends_at_the_deadline(void **state)
{
	struct router r = {.says = "HTTP/1.1 200 OK\r\n\r\n", .is_drip = true};
	bk_time start_at = bk_loop_clock();

	(void)state;
	assert_int_equal(call(&r, SHORT), BK_E_TIMEOUT);
	assert_true(bk_loop_clock() - start_at >= SHORT);
	assert_true(answer.len < 1000);
}

static void a_question_says_what_is_wanted_and_its_answer_is_read(void **state)
{
	struct router r = {.says = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
				   "2b\r\n<r><NewExternalIPAddress>203.0.113.7</NewExt\r\n"
				   "14\r\nernalIPAddress></r>\n\r\n0\r\n\r\n"};
	char ip[64];

	(void)state;
	assert_int_equal(call(&r, PATIENCE), 0);
	assert_true(strncmp(r.asked, "POST /ctl HTTP/1.1\r\nHost: 127.0.0.1:", 36) == 0);
	assert_non_null(strstr(r.asked, "SOAPAction: \"urn:x:service:WANIPConnection:1#Do\"\r\n"));
	assert_non_null(strstr(r.asked, "<u:Do xmlns:u=\"urn:x:service:WANIPConnection:1\"><N>1</N></u:Do>"));
	bk_soap_value(&answer, "NewExternalIPAddress", ip, sizeof(ip));
	assert_string_equal(ip, "203.0.113.7");
	bk_soap_value(&answer, "Other", ip, sizeof(ip));
	assert_string_equal(ip, "");
}

static void a_refusal_has_its_number(void **state)
{
	static const int codes[] = {725, 402, 718, 606};
	char says[512];

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct router r = {.says = says};

		snprintf(says, sizeof(says),
			"HTTP/1.1 500 Internal Server Error\r\n\r\n<s:Envelope><s:Body><s:Fault><detail>"
			"<UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>%d</errorCode>"
			"</UPnPError></detail></s:Fault></s:Body></s:Envelope>",
			codes[i]);
		assert_int_equal(call(&r, PATIENCE), codes[i]);
	}
}

static void an_error_without_a_number_is_no_success(void **state)
{
	struct router missing = {.says = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"};
	struct router mute = {.says = ""};
	struct router page = {.says = "HTTP/1.1 500 Oh\r\n\r\n"};

	(void)state;
	assert_int_equal(call(&missing, PATIENCE), BK_E_PROTOCOL);
	assert_int_equal(call(&mute, PATIENCE), BK_E_MALFORMED);
	start(&page);
	assert_int_equal(bk_soap_page(page.url, bk_loop_clock() + PATIENCE, &answer), BK_E_PROTOCOL);
	end(&page);
}

static void a_service_that_would_write_xml_is_none(void **state)
{
	(void)state;
	assert_int_equal(
		bk_soap_call("http://127.0.0.1:9/", "urn:x\"><y", "Do", "", bk_loop_clock(), &answer),
		BK_E_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_ends_at_the_ceiling),
		cmocka_unit_test(a_drip_ends_at_the_deadline),
		cmocka_unit_test(a_question_says_what_is_wanted_and_its_answer_is_read),
		cmocka_unit_test(a_refusal_has_its_number),
		cmocka_unit_test(an_error_without_a_number_is_no_success),
		cmocka_unit_test(a_service_that_would_write_xml_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
