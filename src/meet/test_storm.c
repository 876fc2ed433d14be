/* SPDX-License-Identifier: Apache-2.0 */
/* A mailbox that has the one run whom it put together with a friend of its own: by rounds that nobody asked for, by
 * saying that the other side is gone whenever we come. What it makes us do is bounded: so often do we come, so much
 * is sent to those whom it names. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "base/error.h"
#include "meet/meet.h"
#include "meet/pairing.h"
#include "net/sock.h"
#include "net/udp.h"
#include "secure/code.h"
#include "session/test_kit.h"

enum {
	NAMEPLATE = 7,
	LIES = 1000,
	ROUNDS_MAX = 20,       /* at once; and then one in 5 s */
	OPENINGS_MAX = 2 + 20, /* the first, the one that was asked for; likewise */
	QUESTIONS_MAX = 6 + 1, /* of one gathering, and one that keeps a mapping alive */
};

struct storm {
	struct bk_loop *loop;
	struct bk_meet *meet;
	struct bk_timer *ready; /* the newest box is */
	const struct bk_mailbox_events *events;
	void *arg;
	struct bk_addr named; /* an address that the mailbox names, and what hears there */
	int ear, openings, mets, codes, leaves;
	uint8_t left[64];
	size_t left_len;
	char password[BK_CODE_STR_MAX];
};

static void on_ready(void *arg)
{
	struct storm *s = arg;

	s->events->on_ready(s->arg);
}

static int open_box(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events, void *events_arg,
	void **ret_box)
{
	struct storm *s = arg;

	(void)loop;
	s->events = events;
	s->arg = events_arg;
	s->openings++;
	*ret_box = s;
	bk_timer_start(s->ready, 0);
	return 0;
}

static void close_box(void *box)
{
	(void)box;
}

static void view(void *box, struct bk_mailbox_view *ret_view)
{
	const struct storm *s = box;

	ret_view->rtt_ns = BK_MS;
	ret_view->stun[0] = s->named;
	ret_view->stun_len = 1;
}

static int leave(void *box, uint32_t wish, const void *body, size_t n)
{
	struct storm *s = box;

	(void)wish;
	assert_true(n <= sizeof(s->left));
	memcpy(s->left, body, n);
	s->leaves++;
	s->left_len = n;
	return 0;
}

static int claim(void *box, uint32_t nameplate)
{
	(void)box, (void)nameplate;
	return 0;
}

static int mail(void *box, const void *body, size_t n)
{
	(void)box, (void)body, (void)n;
	return 0;
}

static void release(void *box)
{
	(void)box;
}

static int rejoin(void *box, const struct bk_mailbox_rejoin *j)
{
	(void)box, (void)j;
	return 0;
}

static void on_code(void *arg, const char *text)
{
	struct storm *s = arg;
	struct bk_code code;

	assert_int_equal(bk_code_from_str(text, &code), 0);
	snprintf(s->password, sizeof(s->password), "%s", code.password);
	s->codes++;
}

static void on_met(void *arg)
{
	struct storm *s = arg;

	s->mets++;
}

static void on_end(void *arg, int error, const char *text)
{
	(void)arg, (void)error;
	fail_msg("%s", text);
}

/* Somebody comes with these words. */
static void join(struct storm *s, const char *password)
{
	const struct bk_intro intro = {.version = BK_INTRO_VERSION, .id = "friend"};
	const uint8_t token[BK_MAILBOX_TOKEN_LEN] = {1};
	struct bk_pairing pairing;
	struct bk_buf out;

	bk_buf_init(&out, BK_PAIRING_MAIL_MAX);
	assert_int_equal(bk_pairing_init(&pairing, false, password), 0);
	assert_int_equal(bk_pairing_answer(&pairing, NAMEPLATE, s->left, s->left_len, &intro, &out), 0);
	s->events->on_claimed(s->arg, NAMEPLATE, token, NULL, 0);
	s->events->on_mail(s->arg, bk_buf_head(&out), out.len);
	bk_buf_done(&out);
	bk_pairing_done(&pairing);
}

static void set_up(struct storm *s, enum bk_transport_choice transport)
{
	static const struct bk_mailbox_ops ops = {.size = sizeof(ops),
		.open = open_box,
		.close = close_box,
		.view = view,
		.leave = leave,
		.claim = claim,
		.mail = mail,
		.release = release,
		.rejoin = rejoin};
	static const struct bk_meet_events events = {.on_code = on_code, .on_met = on_met, .on_end = on_end};
	const struct bk_session_opts session = {.transport = transport, .name = "x"};
	const struct bk_addr any = bk_addr_v4(127, 0, 0, 1, 0);

	*s = (struct storm){0};
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &s->loop), 0);
	assert_int_equal(bk_timer_new(s->loop, on_ready, s, &s->ready), 0);
	assert_int_equal(bk_udp_open(&any, false, &s->ear), 0);
	assert_int_equal(bk_sock_local(s->ear, &s->named), 0);
	assert_int_equal(
		bk_meet_new(
			&(struct bk_meet_opts){.loop = s->loop, .session = &session, .mailbox = {&ops, s}},
			&events, s, &s->meet),
		0);
	kit_run_idle(s->loop, 1);
	s->events->on_nameplate(s->arg, NAMEPLATE);
	assert_int_equal(s->codes, 1);
}

/* The mailbox has a friend who has the code. */
static void set_up_with_friend(struct storm *s, enum bk_transport_choice transport)
{
	set_up(s, transport);
	join(s, s->password);
	assert_int_equal(s->mets, 1);
}

static void tear_down(struct storm *s)
{
	bk_meet_free(s->meet);
	bk_timer_free(s->ready);
	close(s->ear);
	bk_loop_free(s->loop);
}

static unsigned count_heard(const struct storm *s)
{
	char datagram[64];
	unsigned n = 0;

	while (recv(s->ear, datagram, sizeof(datagram), MSG_DONTWAIT) >= 0)
		n++;
	return n;
}

static void rounds_that_nobody_asked_for_send_little_to_whom_the_mailbox_names(void **state)
{
	unsigned heard = 0;
	struct storm s;

	(void)state;
	set_up_with_friend(&s, BK_TRANSPORT_CHOICE_UDP);
	for (int i = 0; i < LIES; i++) {
		const uint8_t token[BK_MAILBOX_TOKEN_LEN] = {2, (uint8_t)i, (uint8_t)(i >> 8)};

		s.events->on_round(s.arg, token);
		kit_run_idle(s.loop, 1);
		heard += count_heard(&s);
	}
	assert_in_range(heard, 1, (1 + ROUNDS_MAX) * QUESTIONS_MAX);
	assert_int_equal(s.openings, 1);
	tear_down(&s);
}

static void who_is_told_to_come_again_whenever_it_comes_does_so_a_few_times(void **state)
{
	struct storm s;

	(void)state;
	set_up_with_friend(&s, BK_TRANSPORT_CHOICE_TCP);
	assert_int_equal(bk_meet_again(s.meet), 0);
	for (int i = 0; i < LIES; i++) {
		kit_run_idle(s.loop, 1);
		s.events->on_released(s.arg, BK_E_PEER_VANISHED);
	}
	assert_in_range(s.openings, 3, OPENINGS_MAX);
	tear_down(&s);
}

/* It says a number before it was asked for one: then the words that go with it are not made yet. */
static void words_that_are_used_up_are_not_told_again_under_another_number(void **state)
{
	char used_up[BK_CODE_STR_MAX];
	struct storm s;

	(void)state;
	set_up(&s, BK_TRANSPORT_CHOICE_TCP);
	strcpy(used_up, s.password);
	join(&s, "wrong-guess");
	s.events->on_nameplate(s.arg, NAMEPLATE + 1);
	assert_int_equal(s.codes, 1);
	kit_run_idle(s.loop, 1);
	assert_int_equal(s.leaves, 2);
	s.events->on_nameplate(s.arg, NAMEPLATE + 1);
	assert_int_equal(s.codes, 2);
	assert_string_not_equal(s.password, used_up);
	tear_down(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rounds_that_nobody_asked_for_send_little_to_whom_the_mailbox_names),
		cmocka_unit_test(words_that_are_used_up_are_not_told_again_under_another_number),
		cmocka_unit_test(who_is_told_to_come_again_whenever_it_comes_does_so_a_few_times),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
