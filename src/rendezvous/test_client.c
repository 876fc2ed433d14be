/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a real server; against others: test_strangers.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "rendezvous/test_kit.h"
#include "wire/rdv.h"

static void hello_tells_the_mapping_and_the_clock(void **state)
{
	struct heard h = {0};
	struct bk_mailbox_view v;
	struct world w;

	(void)state;
	world_init(&w, (struct bk_server_opts){0});
	client_start(&h, &w, (struct bk_rdv_opts){0});
	assert_int_equal(h.readies, 0);
	client_run(&h, &h.readies, 1);
	while (client_view(&h).samples_awaited || client_view(&h).is_reach_awaited)
		client_run(&h, &h.views, h.views + 1);
	client_flush(&h);
	client_run(&h, &h.flushes, 1);
	v = client_view(&h);
	assert_int_equal(v.samples_len, 2);
	for (size_t i = 0; i < v.samples_len; i++)
		assert_true(bk_addr_equal(&v.samples[i].mapped, &v.local));
	assert_int_equal(v.samples[1].server.port, bk_server_alt_port(w.server));
	assert_int_equal(v.same_address, BK_MAILBOX_REACH_YES);
	assert_true(v.rtt_ns > 0 && v.rtt_ns < BK_SEC);
	assert_in_range(
		v.clock_offset_ns < 0 ? -v.clock_offset_ns : v.clock_offset_ns, 0, (uint64_t)v.rtt_ns);
	assert_int_equal(h.ends, 0);
	client_free(h.rdv);
	world_done(&w);
}

static void two_clients_meet_at_a_nameplate(void **state)
{
	struct heard a = {0}, b = {0};
	struct world w;

	(void)state;
	world_init(&w, (struct bk_server_opts){0});
	client_start(&a, &w, (struct bk_rdv_opts){.client_id = "a"});
	client_run(&a, &a.readies, 1);
	assert_int_equal(bk_rdv_ops.leave(a.rdv, 0, "left", 4), 0);
	client_run(&a, &a.nameplates, 1);
	client_start(&b, &w, (struct bk_rdv_opts){.client_id = "b"});
	client_run(&b, &b.readies, 1);
	assert_int_equal(bk_rdv_ops.claim(b.rdv, a.nameplate), 0);
	client_run(&b, &b.claims, 1);
	assert_string_equal(b.left, "left");
	client_run(&a, &a.claims, 1);
	assert_int_equal(bk_rdv_ops.mail(b.rdv, "hello", 5), 0);
	client_run(&a, &a.mails, 1);
	assert_string_equal(a.mail, "hello");
	assert_int_equal(bk_rdv_ops.claim(b.rdv, 424242), 0);
	client_run(&b, &b.errors, 1);
	assert_int_equal(b.last_error, BK_E_NO_SUCH_PEER);
	client_free(b.rdv);
	client_run(&a, &a.releases, 1);
	client_free(a.rdv);
	world_done(&w);
}

static void a_refused_hello_says_why(void **state)
{
	static const struct {
		const char *token;
		int error; /* 0: welcome */
	} rows[] = {{"sesame", 0}, {"other", BK_E_UNAUTHORIZED}, {NULL, BK_E_UNAUTHORIZED}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct heard h = {0};
		struct world w;

		world_init(&w, (struct bk_server_opts){.token = "sesame"});
		client_start(&h, &w, (struct bk_rdv_opts){.token = rows[i].token});
		client_run(&h, rows[i].error ? &h.ends : &h.readies, 1);
		assert_int_equal(h.end_error, rows[i].error);
		if (rows[i].error)
			assert_non_null(strstr(h.end_text, "refused"));
		client_free(h.rdv);
		world_done(&w);
	}
}

static void an_id_in_use_is_refused(void **state)
{
	struct heard a = {0}, b = {0};
	struct world w;

	(void)state;
	world_init(&w, (struct bk_server_opts){0});
	client_start(&a, &w, (struct bk_rdv_opts){.client_id = "same"});
	client_run(&a, &a.readies, 1);
	client_start(&b, &w, (struct bk_rdv_opts){.client_id = "same"});
	client_run(&b, &b.ends, 1);
	assert_int_equal(b.end_error, BK_E_ID_IN_USE);
	assert_int_equal(a.ends, 0);
	client_free(a.rdv);
	client_free(b.rdv);
	world_done(&w);
}

static void on_stopped(void *arg)
{
	(void)arg;
}

static void a_server_that_stops_says_so(void **state)
{
	struct heard h = {0};
	struct world w;

	(void)state;
	world_init(&w, (struct bk_server_opts){0});
	client_start(&h, &w, (struct bk_rdv_opts){0});
	client_run(&h, &h.readies, 1);
	bk_server_stop(w.server, on_stopped, NULL);
	client_run(&h, &h.ends, 1);
	assert_int_equal(h.end_error, BK_E_SHUTDOWN);
	assert_non_null(strstr(h.end_text, "is shutting down"));
	client_free(h.rdv);
	world_done(&w);
}

static void a_server_that_dies_ends_it_and_flushes(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		struct heard h = {0};
		struct world w;

		world_init(&w, (struct bk_server_opts){0});
		client_start(&h, &w, (struct bk_rdv_opts){0});
		client_run(&h, &h.readies, 1);
		client_flush(&h);
		h.free_on_flush = round == 1;
		h.free_on_end = round == 2;
		bk_server_free(w.server);
		w.server = NULL;
		client_run(&h, round == 1 ? &h.flushes : &h.ends, 1);
		kit_run_idle(w.loop, 3);
		assert_int_equal(h.flushes, 1);
		assert_int_equal(h.ends, round != 1);
		if (h.ends)
			assert_true(h.end_error == BK_E_SERVER_GONE || h.end_error == BK_E_RESET);
		client_free(h.rdv);
		world_done(&w);
	}
}

static void a_server_with_another_key_is_refused(void **state)
{
	struct heard h = {0};
	struct world w;
	char *pin;

	(void)state;
	world_init(&w, (struct bk_server_opts){0});
	pin = strchr(w.target, '#') + 1;
	*pin = *pin == 'A' ? 'B' : 'A';
	client_start(&h, &w, (struct bk_rdv_opts){0});
	client_run(&h, &h.ends, 1);
	assert_int_equal(h.end_error, BK_E_PIN_MISMATCH);
	client_free(h.rdv);
	world_done(&w);
}

static void a_server_that_changed_its_key_is_refused_by_name_of_the_file(void **state)
{
	struct heard h = {0}, again = {0};
	char dir[100], known[120], key[200];
	struct world w;

	(void)state;
	world_init(&w, (struct bk_server_opts){0});
	snprintf(dir, sizeof(dir), "%s/not/yet", w.dir);
	snprintf(known, sizeof(known), "%s/known_servers", dir);
	*strchr(w.target, '#') = 0;
	client_start(&h, &w, (struct bk_rdv_opts){.state_dir = dir});
	client_run(&h, &h.readies, 1);
	client_free(h.rdv);
	/* the same place, another key */
	snprintf(key, sizeof(key), "sed -i 's/[A-Za-z0-9_-]\\{43\\}/%s/' '%s'",
		"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", known);
	assert_int_equal(system(key), 0);
	client_start(&again, &w, (struct bk_rdv_opts){.state_dir = dir});
	client_run(&again, &again.ends, 1);
	assert_int_equal(again.end_error, BK_E_PIN_MISMATCH);
	assert_non_null(strstr(again.end_text, known));
	client_free(again.rdv);
	world_done(&w);
}

static void a_client_may_be_freed_in_its_callbacks_and_at_any_moment(void **state)
{
	int before = kit_count_descriptors();

	(void)state;
	for (int turns = 0; turns < 40; turns += 2) {
		struct heard h = {0};
		struct world w;

		world_init(&w, (struct bk_server_opts){0});
		h.free_on_ready = turns & 2;
		client_start(&h, &w, (struct bk_rdv_opts){0});
		kit_run_idle(w.loop, turns);
		client_free(h.rdv);
		kit_run_idle(w.loop, 3);
		assert_int_equal(h.ends, 0);
		world_done(&w);
	}
	assert_int_equal(kit_count_descriptors(), before);
}

static void the_hello_tells_round_trip_and_clock(void **state)
{
	struct heard h = {0};
	struct world w;

	(void)state;
	world_init(&w, (struct bk_server_opts){0});
	client_start(&h, &w, (struct bk_rdv_opts){0});
	client_run(&h, &h.readies, 1);
	assert_true(client_view(&h).rtt_ns > 0);
	assert_in_range(client_view(&h).clock_offset_ns < 0 ? -client_view(&h).clock_offset_ns
							    : client_view(&h).clock_offset_ns,
		0, BK_SEC);
	client_free(h.rdv);
	world_done(&w);
}

static void the_key_of_the_first_box_is_demanded_of_later_ones(void **state)
{
	struct heard h = {0}, again = {0}, wrong = {0};
	struct world w;

	(void)state;
	world_init(&w, (struct bk_server_opts){0});
	*strchr(w.target, '#') = 0;
	client_start(&h, &w, (struct bk_rdv_opts){0});
	client_run(&h, &h.readies, 1);
	assert_true(w.mailboxes[0]->target.has_pin);
	*w.mailboxes[0]->client_id = 0;
	client_start_at(&again, &w, w.mailboxes[0]);
	client_run(&again, &again.readies, 1);
	w.mailboxes[0]->target.pin.bytes[0] ^= 1;
	client_start_at(&wrong, &w, w.mailboxes[0]);
	client_run(&wrong, &wrong.ends, 1);
	assert_int_equal(wrong.end_error, BK_E_PIN_MISMATCH);
	client_free(h.rdv);
	client_free(again.rdv);
	client_free(wrong.rdv);
	world_done(&w);
}

/* Two that are made at once, before either has seen a key. */
static void a_key_that_another_box_has_seen_meanwhile_is_demanded_too(void **state)
{
	(void)state;
	for (int turns = 0; turns < 40; turns++) {
		struct heard h = {0};
		struct world w;

		world_init(&w, (struct bk_server_opts){0});
		*strchr(w.target, '#') = 0;
		client_start(&h, &w, (struct bk_rdv_opts){0});
		kit_run_idle(w.loop, turns);
		if (!h.readies) {
			w.mailboxes[0]->target.has_pin = true;
			client_run(&h, &h.ends, 1);
			assert_int_equal(h.end_error, BK_E_PIN_MISMATCH);
			assert_int_equal(h.readies, 0);
		}
		client_free(h.rdv);
		world_done(&w);
	}
}

/* --- told to wait --- */

static void who_finds_no_room_says_so_and_comes_again(void **state)
{
	(void)state;
	for (int is_freed = 0; is_freed < 2; is_freed++) {
		struct heard a = {0}, b = {0};
		struct world w;

		world_init(&w, (struct bk_server_opts){.per_address_max = 1});
		client_start(&a, &w, (struct bk_rdv_opts){.client_id = "a"});
		client_run(&a, &a.readies, 1);
		client_start(&b, &w, (struct bk_rdv_opts){.client_id = "b"});
		client_run(&b, &b.waits, 1);
		assert_non_null(strstr(b.wait_text, "trying again in 5 s"));
		if (is_freed)
			client_free(a.rdv);
		world_let_time_fly(60 * BK_SEC);
		client_run(&b, is_freed ? &b.readies : &b.ends, 1);
		assert_int_equal(b.waits, is_freed ? 1 : 4); /* 20 s in all */
		assert_int_equal(b.end_error, is_freed ? 0 : BK_E_FULL);
		client_free(b.rdv);
		if (!is_freed)
			client_free(a.rdv);
		world_done(&w);
	}
}

static void who_asks_too_often_says_so_and_asks_again(void **state)
{
	struct heard h = {0};
	struct world w;
	int asked;

	(void)state;
	world_init(&w, (struct bk_server_opts){.messages_per_second = 1000});
	client_start(&h, &w, (struct bk_rdv_opts){0});
	client_run(&h, &h.readies, 1);
	for (int i = 0; !h.waits; i++) {
		assert_true(i < 100);
		assert_int_equal(bk_rdv_ops.claim(h.rdv, 4242), 0);
		world_let_time_fly(50 * BK_MS);
		while (h.errors <= i && !h.waits)
			kit_run_idle(w.loop, 1);
	}
	asked = h.errors;
	assert_non_null(strstr(h.wait_text, "trying again in"));
	world_let_time_fly(30 * BK_SEC);
	client_run(&h, &h.errors, asked + 1);
	assert_int_equal(h.last_error, BK_E_NO_SUCH_PEER);
	assert_int_equal(h.ends, 0);
	client_free(h.rdv);
	world_done(&w);
}

static void options_that_cannot_work_are_refused_at_once(void **state)
{
	char long_text[BK_RDV_TEXT_MAX + 2];
	struct bk_rdv_opts rows[3] = {{.server = "h:0", .client_id = "x"},
		{.server = "127.0.0.1", .client_id = long_text},
		{.server = "127.0.0.1", .client_id = "x", .token = long_text}};
	struct bk_rdv_mailbox *m;

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = 0;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(bk_rdv_mailbox_new(&rows[i], &m), BK_E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_tells_the_mapping_and_the_clock),
		cmocka_unit_test(two_clients_meet_at_a_nameplate),
		cmocka_unit_test(a_refused_hello_says_why),
		cmocka_unit_test(an_id_in_use_is_refused),
		cmocka_unit_test(a_server_that_stops_says_so),
		cmocka_unit_test(a_server_that_dies_ends_it_and_flushes),
		cmocka_unit_test(a_server_with_another_key_is_refused),
		cmocka_unit_test(a_server_that_changed_its_key_is_refused_by_name_of_the_file),
		cmocka_unit_test(a_client_may_be_freed_in_its_callbacks_and_at_any_moment),
		cmocka_unit_test(the_hello_tells_round_trip_and_clock),
		cmocka_unit_test(the_key_of_the_first_box_is_demanded_of_later_ones),
		cmocka_unit_test(a_key_that_another_box_has_seen_meanwhile_is_demanded_too),
		cmocka_unit_test(who_finds_no_room_says_so_and_comes_again),
		cmocka_unit_test(who_asks_too_often_says_so_and_asks_again),
		cmocka_unit_test(options_that_cannot_work_are_refused_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
