/* SPDX-License-Identifier: Apache-2.0 */
/* A UPnP router on loopback, which refuses as the ones in people's houses do: it is searched for, described, asked and
 * given everything back over its own sockets. */
#include "router/igd.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "net/sock.h"
#include "net/test_kit.h"
#include "net/udp.h"

enum { ROOM = 8192, REFUSALS_MAX = 8, OWN_PORT = 40000 };

#define SERVICE "urn:schemas-upnp-org:service:WANIPConnection:1"

struct house {
	pthread_t thread;
	pthread_mutex_t lock;
	int ssdp, http, end[2];
	struct bk_addr own, gateway, door;
	int refusals[REFUSALS_MAX]; /* of AddPortMapping, one after the other; 0: no more */
	bool is_nested, wants_outside;
	bool is_mute; /* it hangs up on every call */
	bool is_slow; /* it says in `asked` that it was, and answers what comes first after a byte in `go` */
	char outside[16];
	int asked[2], go[2];
	/* What it has seen. */
	int adds, deletes, calls;
	unsigned external_port, deleted_port, lifetime;
	struct bk_loop *loop;
	struct bk_igd *igd;
};

/* --- the router, on its thread --- */

static void reply(int fd, int status, const char *body)
{
	char text[ROOM];
	int n = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s", status,
		strlen(body), body);

	assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
}

static void describe(int fd)
{
	reply(fd, 200,
		"<?xml version=\"1.0\"?><root><device><deviceType>urn:schemas-upnp-org:device:"
		"InternetGatewayDevice:1</deviceType><serviceList><service><serviceType>" SERVICE
		"</serviceType><controlURL>/ctl</controlURL><eventSubURL>/e</eventSubURL><SCPDURL>/s</SCPDURL>"
		"</service></serviceList></device></root>");
}

static void refuse(int fd, int code)
{
	char body[512];

	snprintf(body, sizeof(body),
		"<s:Envelope><s:Body><s:Fault><detail><UPnPError><errorCode>%d</errorCode></UPnPError></detail>"
		"</s:Fault></s:Body></s:Envelope>",
		code);
	reply(fd, 500, body);
}

static unsigned number_in(const char *asked, const char *name)
{
	const char *at = strstr(asked, name);
	unsigned n;

	assert_non_null(at);
	assert_int_equal(sscanf(at + strlen(name), ">%u<", &n), 1);
	return n;
}

static void add(struct house *h, int fd, const char *asked)
{
	int refusal = h->refusals[h->adds++];

	h->external_port = number_in(asked, "<NewExternalPort");
	h->lifetime = number_in(asked, "<NewLeaseDuration");
	assert_int_equal(number_in(asked, "<NewInternalPort"), OWN_PORT);
	assert_non_null(strstr(asked, "<NewInternalClient>127.0.0.1</NewInternalClient>"));
	if (refusal)
		refuse(fd, refusal);
	else
		reply(fd, 200, "<u:AddPortMappingResponse/>");
}

static void answer(struct house *h, int fd, const char *asked)
{
	char body[256];

	if (strncmp(asked, "GET /root.xml ", 14) == 0) {
		describe(fd);
		return;
	}
	h->calls++;
	if (h->is_mute)
		return;
	if (strstr(asked, "#AddPortMapping\"")) {
		add(h, fd, asked);
	} else if (strstr(asked, "#DeletePortMapping\"")) {
		h->deletes++;
		h->deleted_port = number_in(asked, "<NewExternalPort");
		reply(fd, 200, "<u:DeletePortMappingResponse/>");
	} else {
		assert_non_null(strstr(asked, "#GetExternalIPAddress\""));
		snprintf(body, sizeof(body), "<r><NewExternalIPAddress>%s</NewExternalIPAddress></r>",
			h->is_nested ? "" : h->outside);
		reply(fd, 200, body);
	}
}

static void serve_http(struct house *h)
{
	char asked[ROOM] = "", go;
	size_t len = 0;
	ssize_t n = 1;
	int fd = accept(h->http, NULL, NULL);

	while (n > 0 && !strstr(asked, asked[0] == 'G' ? "\r\n\r\n" : "Envelope>\r\n")) {
		n = recv(fd, asked + len, sizeof(asked) - 1 - len, 0);
		len += n > 0 ? (size_t)n : 0;
		asked[len] = '\0';
	}
	if (h->is_slow)
		assert_true(write(h->asked[1], "", 1) == 1 && read(h->go[0], &go, 1) == 1);
	h->is_slow = false;
	pthread_mutex_lock(&h->lock);
	if (n > 0)
		answer(h, fd, asked);
	pthread_mutex_unlock(&h->lock);
	close(fd);
}

static void serve_ssdp(struct house *h)
{
	char question[ROOM], text[ROOM], at[BK_ADDR_STR_MAX];
	struct bk_addr from;
	int n;

	assert_true(bk_udp_receive(h->ssdp, &from, question, sizeof(question)) > 0);
	n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nLOCATION: http://%s/root.xml\r\n\r\n",
		bk_addr_to_str(&h->door, at));
	(void)bk_udp_send(h->ssdp, &from, 0, text, (size_t)n);
}

static void *serve(void *arg)
{
	struct house *h = arg;

	for (;;) {
		struct pollfd p[] = {{h->ssdp, POLLIN, 0}, {h->http, POLLIN, 0}, {h->end[0], POLLIN, 0}};

		poll(p, 3, -1);
		if (p[2].revents)
			return NULL;
		if (p[0].revents)
			serve_ssdp(h);
		if (p[1].revents)
			serve_http(h);
	}
}

/* --- who asks it --- */

static void on_change(void *arg)
{
	bk_loop_stop(((struct house *)arg)->loop);
}

static void house_init(struct house *h)
{
	pthread_mutex_init(&h->lock, NULL);
	h->loop = kit_loop_new();
	strcpy(h->outside, "45.10.21.7");
	h->own = h->gateway = h->door = bk_addr_v4(127, 0, 0, 1, 0);
	assert_int_equal(pipe(h->end), 0);
	assert_int_equal(pipe(h->asked), 0);
	assert_int_equal(pipe(h->go), 0);
	assert_int_equal(bk_udp_open(&h->gateway, false, &h->ssdp), 0);
	assert_int_equal(bk_sock_local(h->ssdp, &h->gateway), 0);
	assert_int_equal(bk_sock_listen(&h->door, false, 4, &h->http), 0);
	assert_int_equal(bk_sock_local(h->http, &h->door), 0);
	assert_int_equal(pthread_create(&h->thread, NULL, serve, h), 0);
	assert_int_equal(
		bk_igd_new(h->loop, &h->own, &h->gateway, h->wants_outside, on_change, h, &h->igd), 0);
}

static struct bk_portmap_lease ask(struct house *h)
{
	struct bk_portmap_lease l = {.trouble = BK_PORTMAP_FINE};

	assert_int_equal(bk_igd_want(h->igd, BK_TRANSPORT_UDP, OWN_PORT), 0);
	while (!l.external.family && l.trouble == BK_PORTMAP_FINE) {
		kit_run(h->loop);
		assert_true(bk_igd_find(h->igd, BK_TRANSPORT_UDP, OWN_PORT, &l));
	}
	return l;
}

static void leave(struct house *h)
{
	bk_igd_leave(h->igd);
	while (!bk_igd_is_left(h->igd))
		kit_run(h->loop);
}

static void house_done(struct house *h)
{
	bk_igd_free(h->igd);
	bk_loop_free(h->loop);
	assert_int_equal(write(h->end[1], "", 1), 1);
	pthread_join(h->thread, NULL);
	close(h->ssdp);
	close(h->http);
	for (int i = 0; i < 2; i++) {
		close(h->end[i]);
		close(h->asked[i]);
		close(h->go[i]);
	}
	pthread_mutex_destroy(&h->lock);
}

/* --- */

static void a_router_that_refuses_is_asked_as_it_wants_to_be(void **state)
{
	static const struct {
		int refusals[REFUSALS_MAX];
		int adds;
		unsigned lifetime; /* of the last question */
		bool has_other_port;
		enum bk_portmap_trouble trouble;
	} rows[] = {
		{{0}, 1, 7200, false, BK_PORTMAP_FINE},
		{{725}, 2, 0, false, BK_PORTMAP_FINE},      /* OnlyPermanentLeasesSupported */
		{{402}, 2, 3600, false, BK_PORTMAP_FINE},   /* Invalid Args: the lease is too long */
		{{402, 402}, 3, 0, false, BK_PORTMAP_FINE}, /* or it takes none but for good */
		{{718}, 2, 7200, true, BK_PORTMAP_FINE},    /* ConflictInMappingEntry */
		{{718, 725, 718}, 4, 0, true, BK_PORTMAP_FINE},
		{{606}, 1, 7200, false, BK_PORTMAP_DENIED},
		{{718, 718, 718, 718, 718, 718}, 6, 7200, true, BK_PORTMAP_FULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct house h = {.refusals = {0}};
		bool is_given = rows[i].trouble == BK_PORTMAP_FINE;
		struct bk_portmap_lease l;

		memcpy(h.refusals, rows[i].refusals, sizeof(h.refusals));
		house_init(&h);
		l = ask(&h);
		assert_int_equal(l.trouble, rows[i].trouble);
		assert_int_equal(l.external.family, is_given ? 4 : 0);
		leave(&h);
		pthread_mutex_lock(&h.lock);
		assert_int_equal(h.adds, rows[i].adds);
		assert_int_equal(h.lifetime, rows[i].lifetime);
		assert_int_equal(h.external_port != OWN_PORT, rows[i].has_other_port);
		assert_true(h.external_port >= 1024);
		assert_int_equal(h.deletes, is_given);
		assert_int_equal(h.deleted_port, is_given ? h.external_port : 0);
		assert_int_equal(l.external.port, is_given ? h.external_port : 0);
		pthread_mutex_unlock(&h.lock);
		house_done(&h);
	}
}

static void a_router_without_an_address_outside_opens_nothing(void **state)
{
	struct house h = {.is_nested = true};
	struct bk_portmap_lease l;

	(void)state;
	house_init(&h);
	l = ask(&h);
	assert_int_equal(l.trouble, BK_PORTMAP_NO_OUTSIDE);
	leave(&h);
	assert_int_equal(h.adds + h.deletes, 0);
	house_done(&h);
}

static void who_wants_its_address_outside_gets_that_with_the_search(void **state)
{
	struct house h = {.wants_outside = true};
	struct bk_addr at;

	(void)state;
	house_init(&h);
	while (bk_igd_presence(h.igd) == BK_PORTMAP_AWAITED)
		kit_run(h.loop);
	assert_int_equal(bk_igd_presence(h.igd), BK_PORTMAP_PRESENT);
	at = bk_igd_outside(h.igd);
	assert_true(bk_addr_equal(&at, &(struct bk_addr){.family = 4, .ip = {45, 10, 21, 7}}));
	leave(&h);
	assert_int_equal(h.adds, 0);
	house_done(&h);
}

/* How the router is from now on; then it is asked anew. */
static struct bk_portmap_lease ask_anew(struct house *h, bk_time now, bool is_mute, const char *outside)
{
	struct bk_portmap_lease l;
	int calls, before;

	pthread_mutex_lock(&h->lock);
	h->is_mute = is_mute;
	strcpy(h->outside, outside);
	before = h->calls;
	pthread_mutex_unlock(&h->lock);
	assert_true(bk_igd_doubt(h->igd, now));
	assert_false(bk_igd_doubt(h->igd, now));
	do {
		kit_run(h->loop);
		pthread_mutex_lock(&h->lock);
		calls = h->calls;
		pthread_mutex_unlock(&h->lock);
	} while (calls == before);
	assert_true(bk_igd_find(h->igd, BK_TRANSPORT_UDP, OWN_PORT, &l));
	return l;
}

static void a_router_that_does_not_answer_when_it_is_asked_anew_has_what_it_gave(void **state)
{
	struct house h = {.is_mute = false};
	struct bk_portmap_lease given, l;
	bk_time now = 0;

	(void)state;
	house_init(&h);
	given = ask(&h);
	l = ask_anew(&h, now, true, "45.10.21.7");
	assert_int_equal(l.trouble, BK_PORTMAP_FINE);
	assert_true(bk_addr_equal(&l.external, &given.external));
	do {
		now += 60 * BK_SEC; /* doubts come once a minute at most */
		l = ask_anew(&h, now, false, "45.10.21.8");
	} while (l.external.ip[3] != 8);
	assert_int_equal(l.external.port, given.external.port);
	leave(&h);
	assert_int_equal(h.deletes, 1);
	house_done(&h);
}

/* Nobody joins it. */
static unsigned threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned n = 0;

	assert_non_null(tasks);
	while (readdir(tasks))
		n++;
	closedir(tasks);
	return n;
}

/* It is at the router's page then: it ends, and asks the router nothing more. */
static void a_search_whose_owner_has_left_ends(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct house h = {.is_slow = true, .wants_outside = true};
		unsigned before = threads();
		char asked;

		house_init(&h);
		assert_int_equal(bk_igd_want(h.igd, BK_TRANSPORT_UDP, OWN_PORT), 0);
		assert_int_equal(read(h.asked[0], &asked, 1), 1);
		if (i)
			leave(&h); /* and wait for nobody */
		bk_igd_free(h.igd);
		h.igd = NULL;
		assert_int_equal(write(h.go[1], "", 1), 1);
		while (threads() > before + 1) /* the router's */
			poll(NULL, 0, 1);
		assert_int_equal(h.calls, 0);
		house_done(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_router_that_refuses_is_asked_as_it_wants_to_be),
		cmocka_unit_test(who_wants_its_address_outside_gets_that_with_the_search),
		cmocka_unit_test(a_router_that_does_not_answer_when_it_is_asked_anew_has_what_it_gave),
		cmocka_unit_test(a_search_whose_owner_has_left_ends),
		cmocka_unit_test(a_router_without_an_address_outside_opens_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
