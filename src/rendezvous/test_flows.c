/* SPDX-License-Identifier: Apache-2.0 */
/* Flows for the NAT to map, against a listener that is the server, and by hand what it would say of them. */
#include "rendezvous/flows.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sock.h"
#include "net/test_kit.h"

enum { AT_ONCE = BK_MAILBOX_FLOWS_MAX - 1, PUBLIC = 5000 };

struct scene {
	struct bk_loop *loop;
	struct bk_mailbox_view view;
	struct bk_announcer announcer;
	struct bk_flows flows;
	struct bk_addr local, server;
	int listener, views;
};

static void on_view(void *arg)
{
	((struct scene *)arg)->views++;
}

static void scene_init(struct scene *s)
{
	*s = (struct scene){.loop = kit_loop_new()};
	s->listener = kit_listen(&s->server);
	s->local = kit_loopback(kit_quiet_port());
	s->flows = (struct bk_flows){
		.loop = s->loop, .view = &s->view, .on_view = on_view, .arg = s, .announcer = &s->announcer};
}

static void scene_done(struct scene *s)
{
	bk_flows_close(&s->flows);
	assert_int_equal(s->view.flows_awaited, 0);
	close(s->listener);
	bk_loop_free(s->loop);
}

/* What the server is shown, and whence. */
static struct bk_rdv_msg take_one(struct scene *s, struct bk_addr *ret_from)
{
	struct bk_rdv_msg m = {.type = BK_RDV_SERVER_MAPPED};
	uint8_t head[BK_PREFACE_LEN];
	struct bk_preface preface;
	int fd;

	while (bk_sock_accept(s->listener, ret_from, &fd) < 0)
		kit_run_idle(s->loop, 1);
	while (recv(fd, head, sizeof(head), MSG_PEEK | MSG_DONTWAIT) < (ssize_t)sizeof(head))
		kit_run_idle(s->loop, 1);
	assert_int_equal(bk_preface_decode(head, sizeof(head), &preface), 0);
	assert_int_equal(preface.kind, BK_PREFACE_PROBE);
	close(fd);
	memcpy(m.nonce, preface.secret, sizeof(m.nonce));
	strcpy(m.public_ip, "203.0.113.1");
	return m;
}

static void several_leave_at_once_and_one_more_when_it_is_asked_for(void **state)
{
	struct scene s;
	struct bk_addr from;

	(void)state;
	scene_init(&s);
	bk_flows_begin(&s.flows, &s.local, &s.server, true); /* later than what? */
	assert_int_equal(s.view.flows_awaited, 0);
	bk_flows_begin(&s.flows, &s.local, &s.server, false);
	bk_flows_begin(&s.flows, &s.local, &s.server, false);
	assert_int_equal(s.view.flows_awaited, AT_ONCE);
	for (int i = 0; i < AT_ONCE; i++) {
		struct bk_rdv_msg m = take_one(&s, &from);

		assert_true(from.port != s.local.port && (from.port - s.local.port) % 2 == 0);
		m.public_port = (uint16_t)(PUBLIC + i);
		assert_true(bk_flows_mapped(&s.flows, &m));
		assert_false(bk_flows_mapped(&s.flows, &m)); /* once */
	}
	assert_int_equal(s.view.flows_awaited, 0);
	for (int i = 0; i < AT_ONCE; i++)
		assert_int_equal(s.view.flows[i].mapped.port, PUBLIC + i);
	for (uint16_t round = 1; round < 3; round++) {
		struct bk_rdv_msg m;

		bk_flows_begin(&s.flows, &s.local, &s.server, true);
		assert_true(s.view.flows_awaited == 1 && !s.view.flows[AT_ONCE].mapped.family);
		m = take_one(&s, &from);
		m.public_port = (uint16_t)(PUBLIC + 100 * round);
		assert_true(bk_flows_mapped(&s.flows, &m));
		assert_int_equal(s.view.flows[AT_ONCE].mapped.port, PUBLIC + 100 * round);
	}
	scene_done(&s);
}

static void what_left_from_or_to_elsewhere_is_dropped(void **state)
{
	struct scene s;
	struct bk_addr elsewhere;

	(void)state;
	scene_init(&s);
	bk_flows_begin(&s.flows, &s.local, &s.server, false);
	bk_flows_announce(&s.flows, &s.local, &s.server);
	assert_int_equal(s.view.flows_awaited, AT_ONCE); /* nobody to tell, yet */
	elsewhere = bk_addr_with_port(s.server, (uint16_t)(s.server.port ^ 1));
	bk_flows_announce(&s.flows, &s.local, &elsewhere);
	assert_int_equal(s.view.flows_awaited, 0);
	scene_done(&s);
}

/* Its answer would be an error that is nobody's. */
static void the_server_is_not_told_more_than_it_has_room_for(void **state)
{
	struct bk_announcer a = {0};
	bk_time now = 100 * BK_SEC;

	(void)state;
	for (int i = 0; i < BK_ANNOUNCER_MAX; i++) {
		assert_true(bk_announcer_has_room(&a, now));
		a.said[a.next++ % BK_ANNOUNCER_MAX] = now;
		now += BK_SEC / 2;
	}
	assert_false(bk_announcer_has_room(&a, now));
	assert_false(bk_announcer_has_room(&a, 110 * BK_SEC + BK_SEC / 2));
	assert_true(bk_announcer_has_room(&a, 111 * BK_SEC));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_leave_at_once_and_one_more_when_it_is_asked_for),
		cmocka_unit_test(what_left_from_or_to_elsewhere_is_dropped),
		cmocka_unit_test(the_server_is_not_told_more_than_it_has_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
