/* SPDX-License-Identifier: Apache-2.0 */
/* The client against servers that are none: they say nothing, something else, or too much. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "net/pump.h"
#include "net/sock.h"
#include "rendezvous/test_kit.h"
#include "secure/stream.h"
#include "wire/rdv.h"

enum { ARRIVALS_MAX = 81 }; /* 20 s, a quarter of a second each, and the first */

struct mute {
	int listener;
	char target[64];
};

static void mute_init(struct mute *m)
{
	struct bk_addr at = bk_addr_v4(127, 0, 0, 1, 0);

	assert_int_equal(bk_sock_listen(&at, false, 4, &m->listener), 0);
	assert_int_equal(bk_sock_local(m->listener, &at), 0);
	snprintf(m->target, sizeof(m->target), "127.0.0.1:%u", at.port);
}

static void a_server_that_says_nothing_is_a_timeout(void **state)
{
	struct heard h = {0};
	struct world w;
	struct mute m;

	(void)state;
	world_init(&w, (struct bk_server_opts){0});
	mute_init(&m);
	client_start(&h, &w, (struct bk_rdv_opts){.server = m.target});
	world_let_time_fly(15 * BK_SEC);
	client_run(&h, &h.ends, 1);
	assert_int_equal(h.end_error, BK_E_TIMEOUT);
	assert_non_null(strstr(h.end_text, "cannot agree on TLS with"));
	client_free(h.rdv);
	close(m.listener);
	world_done(&w);
}

static void nobody_there_is_refused(void **state)
{
	struct heard h = {0};
	struct world w;
	struct mute m;

	(void)state;
	world_init(&w, (struct bk_server_opts){0});
	mute_init(&m);
	close(m.listener);
	client_start(&h, &w, (struct bk_rdv_opts){.server = m.target});
	client_run(&h, &h.ends, 1);
	assert_int_equal(h.end_error, BK_E_REFUSED);
	client_free(h.rdv);
	world_done(&w);
}

/* A server that speaks TLS, and of the messages only what the test lets it. */
struct actor {
	struct world *w;
	struct bk_watch *watch;
	struct mute mute;
	struct bk_identity *identity;
	struct bk_tls *tls;
	struct bk_pump *pump;
	struct bk_rdv_msg says[4];
	int says_len, told, arrivals;
	bool closes; /* behind what it said, and then the next one may come */
	char heard[8192];
	size_t heard_len;
	struct bk_timer *closer;
};

static void actor_say(struct actor *a)
{
	struct bk_buf out;

	bk_buf_init(&out, 1 << 16);
	for (int i = 0; i < a->says_len; i++)
		assert_int_equal(bk_rdv_append(&out, &a->says[i]), 0);
	if (out.len)
		assert_int_equal(bk_tls_write(a->tls, bk_buf_head(&out), out.len), (ssize_t)out.len);
	bk_buf_done(&out);
}

static int actor_on_data(void *arg, const uint8_t *data, size_t n)
{
	struct actor *a = arg;

	if (a->heard_len + n <= sizeof(a->heard)) { /* some come very often */
		memcpy(a->heard + a->heard_len, data, n);
		a->heard_len += n;
	}
	if (a->told++ > 0)
		return 0;
	actor_say(a); /* to the hello */
	if (a->closes)
		bk_timer_start(a->closer, 0);
	return 0;
}

static void actor_on_closer(void *arg)
{
	struct actor *a = arg;

	bk_pump_free(a->pump);
	bk_tls_free(a->tls);
	a->pump = NULL;
	a->tls = NULL;
	a->told = 0;
}

static void actor_on_input(void *arg)
{
	static const struct bk_tls_events events = {.on_data = actor_on_data};
	struct actor *a = arg;
	uint8_t scratch[16384];

	bk_tls_advance(a->tls, &events, a, scratch, sizeof(scratch));
	bk_pump_kick(a->pump);
}

static void actor_on_end(void *arg, int error)
{
	(void)arg;
	(void)error;
}

static void actor_on_arrival(void *arg, int fd, int events)
{
	static const struct bk_pump_events pump_events = {.on_input = actor_on_input, .on_end = actor_on_end};
	struct actor *a = arg;
	const struct bk_tls_opts opts = {.is_server = true, .identity = a->identity, .alpn = BK_RDV_ALPN};
	struct bk_addr from;
	int conn;

	(void)events;
	if (bk_sock_accept(fd, &from, &conn) < 0 || a->tls)
		return;
	a->arrivals++;
	assert_int_equal(bk_tls_new(&opts, &a->tls), 0);
	assert_int_equal(bk_pump_new(a->w->loop, conn, bk_tls_in(a->tls), bk_tls_out(a->tls), &pump_events, a,
				 &a->pump),
		0);
}

static void actor_init(struct actor *a, struct world *w)
{
	*a = (struct actor){.w = w};
	mute_init(&a->mute);
	assert_int_equal(bk_identity_new(&a->identity), 0);
	assert_int_equal(bk_timer_new(w->loop, actor_on_closer, a, &a->closer), 0);
	assert_int_equal(bk_watch_new(w->loop, a->mute.listener, actor_on_arrival, a, &a->watch), 0);
	assert_int_equal(bk_watch_set(a->watch, BK_READABLE), 0);
}

static void actor_done(struct actor *a)
{
	bk_pump_free(a->pump);
	bk_tls_free(a->tls);
	bk_watch_free(a->watch);
	bk_timer_free(a->closer);
	bk_identity_free(a->identity);
	close(a->mute.listener);
}

/* What most of these stories begin and end with. */
static void begin(struct actor *a, struct world *w)
{
	world_init(w, (struct bk_server_opts){0});
	actor_init(a, w);
}

static void end(struct heard *h, struct actor *a, struct world *w)
{
	client_free(h->rdv);
	actor_done(a);
	world_done(w);
}

static bool has_heard(const struct actor *a, const char *word)
{
	return memmem(a->heard, a->heard_len, word, strlen(word));
}

static unsigned times_heard(const struct actor *a, const char *word)
{
	const char *at = a->heard, *end = at + a->heard_len;
	unsigned n = 0;

	while ((at = memmem(at, (size_t)(end - at), word, strlen(word)))) {
		at += strlen(word);
		n++;
	}
	return n;
}

static void a_server_that_never_says_hello_is_a_timeout(void **state)
{
	struct heard h = {0};
	struct actor a;
	struct world w;

	(void)state;
	begin(&a, &w);
	client_start(&h, &w, (struct bk_rdv_opts){.server = a.mute.target, .is_hidden = true});
	world_let_time_fly(30 * BK_SEC);
	client_run(&h, &h.ends, 1);
	assert_int_equal(times_heard(&a, "ClientHelloMessage"), 1);
	assert_int_equal(h.end_error, BK_E_TIMEOUT);
	assert_non_null(strstr(h.end_text, "cannot say hello to"));
	end(&h, &a, &w);
}

static struct bk_rdv_msg hello(uint32_t ping_ms)
{
	return (struct bk_rdv_msg){.type = BK_RDV_SERVER_HELLO,
		.client_id = "client",
		.public_ip = "127.0.0.1",
		.public_port = 1,
		.version = 1,
		.ping_ms = ping_ms};
}

static void a_server_that_falls_silent_is_given_up(void **state)
{
	static const uint32_t intervals[] = {1, 1000, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct heard h = {0};
		struct actor a;
		struct world w;

		begin(&a, &w);
		a.says[0] = hello(intervals[i]);
		a.says_len = 1;
		client_start(&h, &w, (struct bk_rdv_opts){.server = a.mute.target});
		client_run(&h, &h.readies, 1);
		world_let_time_fly(80 * BK_SEC);
		client_run(&h, &h.ends, 1);
		assert_int_equal(h.end_error, BK_E_IDLE);
		assert_non_null(strstr(h.end_text, "lost the connection"));
		end(&h, &a, &w);
	}
}

static void one_that_asks_for_short_pings_is_given_up_soon(void **state)
{
	struct heard h = {0};
	struct actor a;
	struct world w;
	bk_time since;

	(void)state;
	begin(&a, &w);
	a.says[0] = hello(1000);
	a.says_len = 1;
	client_start(&h, &w, (struct bk_rdv_opts){.server = a.mute.target});
	client_run(&h, &h.readies, 1);
	since = bk_loop_now(w.loop);
	world_let_time_fly(2500 * BK_MS);
	client_run(&h, &h.ends, 1);
	assert_int_equal(h.end_error, BK_E_IDLE);
	assert_true(bk_loop_now(w.loop) - since < 8 * BK_SEC);
	end(&h, &a, &w);
}

static void what_is_asked_early_travels_with_the_hello(void **state)
{
	struct heard h = {.claims_early = 7};
	struct actor a;
	struct world w;

	(void)state;
	begin(&a, &w);
	client_start(&h, &w, (struct bk_rdv_opts){.server = a.mute.target});
	world_let_time_fly(30 * BK_SEC);
	client_run(&h, &h.ends, 1);
	assert_int_equal(h.readies, 0);
	assert_true(has_heard(&a, "ClientClaimMessage"));
	assert_true(has_heard(&a, "ClientProbeMessage"));
	assert_true(has_heard(&a, "ClientReachMessage"));
	assert_true(memmem(a.heard, a.heard_len, "ClientHello", 11) <
		    memmem(a.heard, a.heard_len, "ClientClaim", 11));
	end(&h, &a, &w);
}

static void a_hello_that_comes_again_takes_the_same_along(void **state)
{
	struct heard h = {.claims_early = 7};
	struct actor a;
	struct world w;

	(void)state;
	begin(&a, &w);
	a.says[0] = (struct bk_rdv_msg){
		.type = BK_RDV_SERVER_REFUSE, .content = "full", .code = "full", .wait_ms = 300};
	a.says_len = 1;
	a.closes = true;
	client_start(&h, &w, (struct bk_rdv_opts){.server = a.mute.target});
	client_run(&h, &h.waits, 2);
	assert_int_equal(times_heard(&a, "ClientHelloMessage"), 2);
	assert_int_equal(times_heard(&a, "ClientClaimMessage"), 2);
	end(&h, &a, &w);
}

static void on_passed(void *arg)
{
	bk_loop_stop(arg);
}

static void let_pass(struct world *w, bk_dur d)
{
	struct bk_timer *timer;

	assert_int_equal(bk_timer_new(w->loop, on_passed, w->loop, &timer), 0);
	bk_timer_start(timer, d);
	world_let_time_fly(2 * d);
	world_run(w);
	bk_timer_free(timer);
}

/* A lost last segment is missed after two round trips and 200 ms, one with others behind it after one. */
static void mail_is_not_the_last_on_its_way_and_silence_is_kept_else(void **state)
{
	struct heard h = {0};
	struct actor a;
	struct world w;
	unsigned before, alone, along;

	(void)state;
	begin(&a, &w);
	a.says[0] = hello(60000);
	a.says_len = 1;
	client_start(&h, &w, (struct bk_rdv_opts){.server = a.mute.target, .is_hidden = true});
	client_run(&h, &h.readies, 1);
	let_pass(&w, 500 * BK_MS);
	before = times_heard(&a, "ClientPingMessage");
	let_pass(&w, 3 * BK_SEC);
	alone = times_heard(&a, "ClientPingMessage");
	assert_int_equal(alone, before);
	assert_int_equal(bk_rdv_ops.mail(h.rdv, "hear", 4), 0);
	let_pass(&w, 3 * BK_SEC);
	along = times_heard(&a, "ClientPingMessage") - alone;
	assert_in_range(along, 8, 20); /* far below what a server bears */
	end(&h, &a, &w);
}

static void a_server_that_answers_before_its_hello_is_left_by_name(void **state)
{
	static const struct bk_rdv_msg says[] = {
		{.type = BK_RDV_SERVER_CLAIMED, .nameplate = 7},
		{.type = BK_RDV_SERVER_RELEASED},
		{.type = BK_RDV_SERVER_RELEASED, .nameplate = 7, .code = "peer-vanished"},
		{.type = BK_RDV_SERVER_NAMEPLATE, .nameplate = 7},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
		struct heard h = {.claims_early = 7};
		struct actor a;
		struct world w;

		begin(&a, &w);
		a.says[0] = says[i];
		a.says[1] = hello(1000);
		a.says_len = 2;
		client_start(&h, &w, (struct bk_rdv_opts){.server = a.mute.target});
		client_run(&h, &h.ends, 1);
		assert_int_equal(h.claims + h.readies + h.releases + h.nameplates, 0);
		assert_int_equal(h.end_error, BK_E_PROTOCOL);
		assert_non_null(strstr(h.end_text, "cannot say hello to server '127.0.0.1:"));
		assert_non_null(strstr(h.end_text, bk_rdv_type_name(says[i].type)));
		end(&h, &a, &w);
	}
}

/* Two ports beside each other: who listens, and who has the one behind it. */
static void actor_init_beside(struct actor *a, struct world *w, struct mute *ret_beside)
{
	for (int tries = 0; tries < 100; tries++) {
		struct bk_addr at;

		actor_init(a, w);
		assert_int_equal(bk_sock_local(a->mute.listener, &at), 0);
		at.port++;
		if (bk_sock_listen(&at, false, 4, &ret_beside->listener) == 0)
			return;
		actor_done(a);
	}
	fail();
}

static void the_second_port_is_asked_before_the_server_has_said_anything(void **state)
{
	struct heard h = {0};
	struct mute beside;
	struct bk_mailbox_view v;
	struct bk_addr from;
	struct actor a;
	struct world w;
	int fd;

	(void)state;
	world_init(&w, (struct bk_server_opts){0});
	actor_init_beside(&a, &w, &beside);
	client_start(&h, &w, (struct bk_rdv_opts){.server = a.mute.target});
	client_run(&h, &h.views, 1);
	assert_int_equal(a.told, 0);
	v = client_view(&h);
	assert_int_equal(v.samples_awaited, 1);
	assert_int_equal(v.stun_len, 2);
	assert_int_equal(bk_sock_accept(beside.listener, &from, &fd), 0);
	bk_sock_abort(fd);
	client_free(h.rdv);
	close(beside.listener);
	actor_done(&a);
	world_done(&w);
}

static void a_mapping_probe_that_fails_is_not_awaited(void **state)
{
	struct heard h = {0};
	struct bk_mailbox_view v;
	struct bk_addr nobody;
	struct mute gone;
	struct actor a;
	struct world w;

	(void)state;
	world_init(&w, (struct bk_server_opts){0});
	mute_init(&gone);
	assert_int_equal(bk_sock_local(gone.listener, &nobody), 0);
	close(gone.listener);
	actor_init(&a, &w);
	a.says[0] = hello(1000);
	a.says[0].alt_port = nobody.port;
	a.says_len = 1;
	client_start(&h, &w, (struct bk_rdv_opts){.server = a.mute.target});
	client_run(&h, &h.readies, 1);
	v = client_view(&h);
	assert_int_equal(v.samples_awaited, 1);
	client_run(&h, &h.views, h.views + 1);
	v = client_view(&h);
	assert_int_equal(v.samples_awaited, 0);
	assert_int_equal(v.samples_len, 1);
	assert_int_equal(h.ends, 0);
	end(&h, &a, &w);
}

static void a_clock_beyond_belief_is_not_taken(void **state)
{
	struct heard h = {0};
	struct actor a;
	struct world w;

	(void)state;
	begin(&a, &w);
	a.says[0] = hello(1000);
	a.says[1] = (struct bk_rdv_msg){.type = BK_RDV_SERVER_PONG, .number = 1, .time = INT64_MAX};
	a.says[2] = (struct bk_rdv_msg){.type = BK_RDV_SERVER_PONG, .number = 999, .time = 5};
	a.says[3] = (struct bk_rdv_msg){.type = BK_RDV_SERVER_REFUSE, .client_id = "client", .content = "no"};
	a.says_len = 4;
	client_start(&h, &w, (struct bk_rdv_opts){.server = a.mute.target});
	client_run(&h, &h.readies, 1);
	kit_run_idle(w.loop, 20);
	assert_int_equal(client_view(&h).rtt_ns, 0);
	assert_int_equal(client_view(&h).clock_offset_ns, 0);
	end(&h, &a, &w);
}

static void a_server_that_refuses_and_stays_is_left(void **state)
{
	struct heard h = {0};
	struct actor a;
	struct world w;

	(void)state;
	begin(&a, &w);
	a.says[0] = (struct bk_rdv_msg){
		.type = BK_RDV_SERVER_REFUSE, .client_id = "client", .content = "go away", .code = "full"};
	a.says_len = 1;
	client_start(&h, &w, (struct bk_rdv_opts){.server = a.mute.target});
	world_let_time_fly(30 * BK_SEC);
	client_run(&h, &h.ends, 1);
	assert_int_equal(h.end_error, BK_E_FULL);
	assert_non_null(strstr(h.end_text, "go away"));
	end(&h, &a, &w);
}

/* A wait of a moment is no leave to come as fast as one can. */
static void a_server_that_always_says_later_is_come_to_so_often_and_no_more(void **state)
{
	struct heard h = {0};
	struct actor a;
	struct world w;

	(void)state;
	begin(&a, &w);
	a.says[0] = (struct bk_rdv_msg){.type = BK_RDV_SERVER_REFUSE,
		.client_id = "client",
		.content = "later",
		.code = "full",
		.wait_ms = 1};
	a.says_len = 1;
	a.closes = true;
	client_start(&h, &w, (struct bk_rdv_opts){.server = a.mute.target});
	world_let_time_fly(200 * BK_SEC);
	client_run(&h, &h.ends, 1);
	assert_int_equal(h.end_error, BK_E_FULL);
	assert_non_null(strstr(h.end_text, "later"));
	assert_in_range(a.arrivals, 2, ARRIVALS_MAX);
	assert_int_equal(h.waits, a.arrivals - 1);
	end(&h, &a, &w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_that_says_nothing_is_a_timeout),
		cmocka_unit_test(nobody_there_is_refused),
		cmocka_unit_test(a_server_that_never_says_hello_is_a_timeout),
		cmocka_unit_test(a_server_that_falls_silent_is_given_up),
		cmocka_unit_test(one_that_asks_for_short_pings_is_given_up_soon),
		cmocka_unit_test(what_is_asked_early_travels_with_the_hello),
		cmocka_unit_test(a_hello_that_comes_again_takes_the_same_along),
		cmocka_unit_test(mail_is_not_the_last_on_its_way_and_silence_is_kept_else),
		cmocka_unit_test(a_server_that_answers_before_its_hello_is_left_by_name),
		cmocka_unit_test(the_second_port_is_asked_before_the_server_has_said_anything),
		cmocka_unit_test(a_mapping_probe_that_fails_is_not_awaited),
		cmocka_unit_test(a_clock_beyond_belief_is_not_taken),
		cmocka_unit_test(a_server_that_refuses_and_stays_is_left),
		cmocka_unit_test(a_server_that_always_says_later_is_come_to_so_often_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
