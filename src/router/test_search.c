/* SPDX-License-Identifier: Apache-2.0 */
/* A machine on loopback answers a search as often, and with whatever, as a test likes. */
#include "router/search.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "net/loop.h"
#include "net/sock.h"
#include "net/udp.h"

enum { ROOM = 2048 };

#define PATIENCE (20 * BK_SEC)
#define SHORT    (150 * BK_MS)

struct network {
	pthread_t thread;
	int fd, other, end[2];
	struct bk_addr own, gateway;
	const char *const *says; /* to the first question, NULL at the end */
	int flood;               /* so many answers more, each another */
	bool is_elsewhere;       /* another machine says it */
	int heard;
};

static void say(const struct network *n, const struct bk_addr *to, const char *url)
{
	char text[ROOM];
	int len = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nST: x\r\nLOCATION: %s\r\n\r\n", url);

	assert_int_equal(bk_udp_send(n->is_elsewhere ? n->other : n->fd, to, 0, text, (size_t)len), 0);
}

static void answer(struct network *n)
{
	char question[ROOM], url[64];
	struct bk_addr from;
	int len = bk_udp_receive(n->fd, &from, question, sizeof(question));

	assert_true(len > 0 && strncmp(question, "M-SEARCH * HTTP/1.1\r\n", 21) == 0);
	if (n->heard++)
		return;
	for (int i = 0; n->says[i]; i++)
		say(n, &from, n->says[i]);
	for (int i = 0; i < n->flood; i++) {
		snprintf(url, sizeof(url), "http://127.0.0.1:%d/", 1000 + i);
		say(n, &from, url);
	}
}

static void *serve(void *arg)
{
	struct network *n = arg;

	for (;;) {
		struct pollfd p[] = {{n->fd, POLLIN, 0}, {n->end[0], POLLIN, 0}};

		poll(p, 2, -1);
		if (p[0].revents)
			answer(n);
		else
			return NULL;
	}
}

static void start(struct network *n, struct bk_search *s, bk_dur time)
{
	const struct bk_addr elsewhere = bk_addr_v4(127, 0, 0, 2, 0);

	n->own = n->gateway = bk_addr_v4(127, 0, 0, 1, 0);
	assert_int_equal(pipe(n->end), 0);
	assert_int_equal(bk_udp_open(&n->gateway, false, &n->fd), 0);
	assert_int_equal(bk_udp_open(&elsewhere, false, &n->other), 0);
	assert_int_equal(bk_sock_local(n->fd, &n->gateway), 0);
	assert_int_equal(pthread_create(&n->thread, NULL, serve, n), 0);
	assert_int_equal(bk_search_init(s, &n->own, &n->gateway, bk_loop_clock() + time), 0);
}

static void end(struct network *n, struct bk_search *s)
{
	bk_search_done(s);
	assert_int_equal(write(n->end[1], "", 1), 1);
	pthread_join(n->thread, NULL);
	close(n->fd);
	close(n->other);
	close(n->end[0]);
	close(n->end[1]);
}

static void what_the_gateway_says_of_itself_is_found_once_and_at_once(void **state)
{
	static const char *const says[] = {"http://127.0.0.1:5000/a.xml", "http://127.0.0.1:5000/a.xml",
		"http://127.0.0.1:5000/b.xml", NULL};
	struct network n = {.says = says};
	struct bk_search s;

	(void)state;
	start(&n, &s, PATIENCE);
	assert_string_equal(bk_search_next(&s), says[0]);
	assert_string_equal(bk_search_next(&s), says[2]);
	assert_int_equal(s.asked, 1);
	end(&n, &s);
}

static void a_page_on_another_machine_is_nobodys(void **state)
{
	static const char *const says[] = {"http://127.0.0.2:5000/", "http://router.lan/",
		"https://127.0.0.1/", "ftp://127.0.0.1/", "http://127.0.0.1@127.0.0.2/", NULL};
	struct network n = {.says = says};
	struct bk_search s;

	(void)state;
	start(&n, &s, SHORT);
	assert_null(bk_search_next(&s));
	assert_int_equal(s.answers, 5);
	end(&n, &s);
}

static void another_machine_is_not_believed(void **state)
{
	static const char *const says[] = {"http://127.0.0.1:5000/a.xml", NULL};
	struct network n = {.says = says, .is_elsewhere = true};
	struct bk_search s;

	(void)state;
	start(&n, &s, SHORT);
	assert_null(bk_search_next(&s));
	assert_int_equal(s.answers, 1);
	end(&n, &s);
}

static void a_flood_ends_at_the_ceilings(void **state)
{
	static const char *const nothing[] = {NULL};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct network n = {.says = nothing, .flood = 200, .is_elsewhere = i};
		struct bk_search s;
		int found = 0;

		start(&n, &s, PATIENCE);
		while (bk_search_next(&s))
			found++;
		assert_int_equal(found, i ? 0 : BK_SEARCH_URLS_MAX);
		assert_int_equal(s.answers, i ? BK_SEARCH_ANSWERS_MAX : BK_SEARCH_URLS_MAX);
		end(&n, &s);
	}
}

static void a_question_is_asked_again_where_nothing_comes_and_has_its_end(void **state)
{
	static const char *const nothing[] = {NULL};
	struct network n = {.says = nothing};
	bk_time begun = bk_loop_clock();
	struct bk_search s;

	(void)state;
	start(&n, &s, 700 * BK_MS);
	assert_null(bk_search_next(&s));
	assert_true(bk_loop_clock() - begun >= 700 * BK_MS);
	assert_int_equal(s.asked, 3);
	assert_null(bk_search_next(&s));
	end(&n, &s);
	assert_int_equal(n.heard, 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_gateway_says_of_itself_is_found_once_and_at_once),
		cmocka_unit_test(a_page_on_another_machine_is_nobodys),
		cmocka_unit_test(another_machine_is_not_believed),
		cmocka_unit_test(a_flood_ends_at_the_ceilings),
		cmocka_unit_test(a_question_is_asked_again_where_nothing_comes_and_has_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
