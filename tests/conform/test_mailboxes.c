/* SPDX-License-Identifier: Apache-2.0 */
/* What every mailbox must do, whoever runs it: bodkin's server, a LAN without one, a folder of files (the example's),
 * and two in memory, one of which has nothing that may be missing. A mailbox that passes is finished. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/server.h>
#include <bodkin/session.h>

#include <sodium.h>

#include "base/addr.h"
#include "base/error.h"
#include "base/time.h"
#include "examples/file_mailbox.h"
#include "lan/beside.h"
#include "lan/mailbox.h"
#include "meet/meet.h"
#include "net/sock.h"
#include "net/test_kit.h"
#include "net/udp.h"
#include "rendezvous/mailbox.h"
#include "tests/conform/mailroom.h"

enum { WATCHDOG_SECONDS = 60, FOLDER_LEN = 64, TEXT_LEN = 512, MAILS = 10, QUIET_TURNS = 200 };

/* --- the kinds --- */

struct stage {
	const struct kind *kind;
	struct bk_loop *loop;
	char folder[FOLDER_LEN];
	struct bk_mailbox mailboxes[2]; /* of either side */
	struct bk_server *server;
	struct bk_rdv_mailbox *clients[2];
	struct bk_lan_mailbox *machines[2];
	struct bk_beside both[2];
	struct file_mailbox *files;
	struct mailroom *room;
};

struct kind {
	const char *name;
	bool meets_again;
	bool tells_release;
	bool has_token;
	void (*open)(struct stage *st);
};

static void open_server(struct stage *st)
{
	const struct bk_server_opts opts = {.listen_ip = "127.0.0.1",
		.port = -1,
		.alt_port = -1,
		.state_dir = st->folder,
		.messages_per_second = 1000};
	char why[BK_SERVER_TEXT_MAX] = "", target[TEXT_LEN];

	if (bk_server_new(st->loop, &opts, &st->server, why) < 0)
		fail_msg("%s", why);
	snprintf(target, sizeof(target), "127.0.0.1:%u#%s", bk_server_port(st->server),
		bk_server_pin(st->server));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			bk_rdv_mailbox_new(&(struct bk_rdv_opts){.server = target}, &st->clients[i]), 0);
		st->mailboxes[i] = bk_rdv_mailbox_as_mailbox(st->clients[i]);
	}
}

/* A port that nobody has; the beacons of other tests are not ours. */
static uint16_t free_port(void)
{
	const struct bk_addr any = bk_addr_v4(127, 0, 0, 1, 0);
	struct bk_addr bound;
	int fd;

	assert_int_equal(bk_udp_open(&any, false, &fd), 0);
	assert_int_equal(bk_sock_local(fd, &bound), 0);
	close(fd);
	return bound.port;
}

/* Two machines, as far as loopback is a LAN. */
static void open_lan(struct stage *st)
{
	const struct bk_lan_opts opts = {.interfaces = "lo", .port = free_port(), .patience_ns = 500 * BK_MS};

	for (int i = 0; i < 2; i++) {
		assert_int_equal(bk_lan_mailbox_new(&opts, &st->machines[i]), 0);
		st->mailboxes[i] = (struct bk_mailbox){&bk_lan_ops, st->machines[i]};
	}
}

static void open_both(struct stage *st)
{
	open_server(st);
	open_lan(st);
	for (int i = 0; i < 2; i++) {
		st->both[i] = (struct bk_beside){.far = bk_rdv_mailbox_as_mailbox(st->clients[i]),
			.near = {&bk_lan_ops, st->machines[i]},
			.is_trying = bk_lan_box_is_trying};
		st->mailboxes[i] = (struct bk_mailbox){&bk_beside_ops, &st->both[i]};
	}
}

/* A server that nobody can reach beside it. */
static void open_lan_alone(struct stage *st)
{
	open_lan(st);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			bk_rdv_mailbox_new(&(struct bk_rdv_opts){.server = "127.0.0.1:1"}, &st->clients[i]),
			0);
		st->both[i] = (struct bk_beside){.far = bk_rdv_mailbox_as_mailbox(st->clients[i]),
			.near = {&bk_lan_ops, st->machines[i]},
			.is_trying = bk_lan_box_is_trying};
		st->mailboxes[i] = (struct bk_mailbox){&bk_beside_ops, &st->both[i]};
	}
}

static void open_folder(struct stage *st)
{
	const struct bk_mailbox_view view = {.addrs = {bk_addr_v4(127, 0, 0, 1, 0)}, .addrs_len = 1};

	assert_int_equal(file_mailbox_new(st->folder, &view, &st->files), 0);
	st->mailboxes[0] = st->mailboxes[1] = file_mailbox_as_mailbox(st->files);
}

static void open_room(struct stage *st)
{
	st->room = mailroom_new(st->loop, !st->kind->meets_again);
	st->mailboxes[0] = st->mailboxes[1] = mailroom_as_mailbox(st->room);
}

static const struct kind kinds[] = {
	{"server", true, true, true, open_server},
	{"lan", true, true, true, open_lan},
	{"both", true, true, true, open_both},
	{"no server", true, true, true, open_lan_alone},
	{"files", false, true, false, open_folder},
	{"memory", true, true, true, open_room},
	{"bare", false, false, false, open_room},
};

static void stage_init(struct stage *st, const struct kind *kind)
{
	*st = (struct stage){.kind = kind, .folder = "/tmp/bodkin-test-XXXXXX"};
	assert_non_null(mkdtemp(st->folder));
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &st->loop), 0);
	kind->open(st);
}

static void stage_done(struct stage *st)
{
	char command[FOLDER_LEN + 16];

	for (int i = 0; i < 2; i++) {
		bk_rdv_mailbox_free(st->clients[i]);
		bk_lan_mailbox_free(st->machines[i]);
	}
	bk_server_free(st->server);
	file_mailbox_free(st->files);
	if (st->room)
		mailroom_free(st->room);
	bk_loop_free(st->loop);
	snprintf(command, sizeof(command), "rm -rf '%s'", st->folder);
	assert_int_equal(system(command), 0);
}

static void run(struct stage *st)
{
	alarm(WATCHDOG_SECONDS);
	assert_int_equal(bk_loop_run(st->loop), 0);
	alarm(0);
}

/* --- one who uses it --- */

enum moment { NEVER, IN_READY, IN_NAMEPLATE, IN_CLAIMED, IN_MAIL, IN_ROUND, IN_RELEASED, IN_ERROR, MOMENTS };

struct user {
	struct stage *st;
	const struct bk_mailbox_ops *ops;
	void *box; /* NULL: closed */
	enum moment close_in;
	bool in_call;
	int heard[MOMENTS];
	int ends, flushes;
	int code;
	uint32_t nameplate;
	bool has_token;
	uint8_t token[BK_MAILBOX_TOKEN_LEN];
	uint8_t left[BK_MAILBOX_MAIL_MAX], mail[BK_MAILBOX_MAIL_MAX];
	size_t left_len, mail_len, mail_bytes;
	int *until; /* stop the loop when that has become until_at */
	int until_at;
	bool garbled; /* a mail was not the pattern of its place */
};

static void user_close(struct user *u)
{
	if (u->box)
		u->ops->close(u->box);
	u->box = NULL;
}

static void heard(struct user *u, enum moment what)
{
	assert_false(u->in_call);
	assert_non_null(u->box);
	u->heard[what]++;
	if (u->close_in == what)
		user_close(u);
	if (u->until && *u->until >= u->until_at)
		bk_loop_stop(u->st->loop);
}

static void on_ready(void *arg)
{
	heard(arg, IN_READY);
}

static void on_view(void *arg)
{
	struct user *u = arg;

	assert_true(!u->in_call && u->box);
}

static void on_nameplate(void *arg, uint32_t nameplate)
{
	struct user *u = arg;

	u->nameplate = nameplate;
	heard(u, IN_NAMEPLATE);
}

static void on_claimed(void *arg, uint32_t nameplate, const uint8_t token[BK_MAILBOX_TOKEN_LEN],
	const uint8_t *left, size_t n)
{
	struct user *u = arg;

	u->nameplate = nameplate;
	u->has_token = token != NULL;
	if (token)
		memcpy(u->token, token, sizeof(u->token));
	assert_true(n <= sizeof(u->left));
	if (n)
		memcpy(u->left, left, n);
	u->left_len = n;
	heard(u, IN_CLAIMED);
}

static uint8_t pattern(int mail, size_t i)
{
	return (uint8_t)((size_t)mail * 37 + i * 11 + (i >> 8));
}

static void on_mail(void *arg, const uint8_t *body, size_t n)
{
	struct user *u = arg;

	assert_true(n <= sizeof(u->mail));
	memcpy(u->mail, body, n);
	u->mail_len = n;
	u->mail_bytes += n;
	for (size_t i = 0; i < n; i++)
		u->garbled |= body[i] != pattern(u->heard[IN_MAIL], i);
	heard(u, IN_MAIL);
}

static void on_round(void *arg, const uint8_t token[BK_MAILBOX_TOKEN_LEN])
{
	struct user *u = arg;

	memcpy(u->token, token, sizeof(u->token));
	heard(u, IN_ROUND);
}

static void on_released(void *arg, int code)
{
	struct user *u = arg;

	u->code = code;
	heard(u, IN_RELEASED);
}

static void on_error(void *arg, int code, const char *text)
{
	struct user *u = arg;

	assert_non_null(text);
	u->code = code;
	heard(u, IN_ERROR);
}

static void on_end(void *arg, int error, const char *text)
{
	struct user *u = arg;

	(void)error;
	assert_non_null(text);
	u->ends++;
	bk_loop_stop(u->st->loop);
}

static const struct bk_mailbox_events events = {
	.on_ready = on_ready,
	.on_view = on_view,
	.on_nameplate = on_nameplate,
	.on_claimed = on_claimed,
	.on_mail = on_mail,
	.on_round = on_round,
	.on_released = on_released,
	.on_error = on_error,
	.on_end = on_end,
};

static void user_open(struct user *u, struct stage *st, int side)
{
	*u = (struct user){.st = st, .ops = st->mailboxes[side].ops, .in_call = true};
	assert_int_equal(u->ops->open(st->mailboxes[side].arg, st->loop, &events, u, &u->box), 0);
	u->in_call = false;
}

static void run_until(struct user *u, enum moment what, int at)
{
	u->until = &u->heard[what];
	u->until_at = at;
	while (u->heard[what] < at && !u->ends)
		run(u->st);
	assert_int_equal(u->ends, 0);
	u->until = NULL;
}

static void user_start(struct user *u, struct stage *st, int side)
{
	user_open(u, st, side);
	run_until(u, IN_READY, 1);
}

static void user_leave(struct user *u, uint32_t wish, const char *left)
{
	u->in_call = true;
	assert_int_equal(u->ops->leave(u->box, wish, left, strlen(left)), 0);
	u->in_call = false;
}

static void user_claim(struct user *u, uint32_t nameplate)
{
	u->in_call = true;
	assert_int_equal(u->ops->claim(u->box, nameplate), 0);
	u->in_call = false;
}

/* n bytes of the pattern of the mail's place. */
static void user_mail(struct user *u, int place, size_t n)
{
	static uint8_t body[BK_MAILBOX_MAIL_MAX];

	for (size_t i = 0; i < n; i++)
		body[i] = pattern(place, i);
	u->in_call = true;
	assert_int_equal(u->ops->mail(u->box, body, n), 0);
	u->in_call = false;
}

static void user_rejoin(struct user *u, unsigned side, uint64_t number, bool asks, const uint8_t *token)
{
	struct bk_mailbox_rejoin j = {.secret = {5, 6, 7}, .side = side, .number = number, .asks = asks};

	if (token)
		memcpy(j.token, token, sizeof(j.token));
	u->in_call = true;
	assert_int_equal(u->ops->rejoin(u->box, &j), 0);
	u->in_call = false;
}

static void start_two(struct stage *st, const struct kind *kind, struct user *a, struct user *b)
{
	stage_init(st, kind);
	user_start(a, st, 0);
	user_start(b, st, 1);
}

static void meet_two(struct stage *st, const struct kind *kind, struct user *a, struct user *b)
{
	start_two(st, kind, a, b);
	user_leave(a, 0, "left");
	run_until(a, IN_NAMEPLATE, 1);
	user_claim(b, a->nameplate);
	run_until(b, IN_CLAIMED, 1);
}

static void end_two(struct stage *st, struct user *a, struct user *b)
{
	user_close(a);
	user_close(b);
	stage_done(st);
}

/* --- nameplates --- */

static void what_is_left_is_for_the_one_who_claims_it_and_both_hear_of_it(void **arg)
{
	struct user a, b;
	struct stage st;

	meet_two(&st, *arg, &a, &b);
	assert_in_range(a.nameplate, 1, 9999999);
	assert_int_equal(b.nameplate, a.nameplate);
	assert_int_equal(b.left_len, 4);
	assert_memory_equal(b.left, "left", 4);
	run_until(&a, IN_CLAIMED, 1);
	assert_int_equal(a.left_len, 0);
	assert_true(a.has_token == st.kind->has_token && b.has_token == st.kind->has_token);
	assert_memory_equal(a.token, b.token, sizeof(a.token));
	kit_run_idle(st.loop, QUIET_TURNS);
	assert_true(a.heard[IN_CLAIMED] == 1 && b.heard[IN_CLAIMED] == 1);
	assert_true(a.heard[IN_NAMEPLATE] == 1 && b.heard[IN_NAMEPLATE] == 0);
	end_two(&st, &a, &b);
}

static void a_nameplate_is_claimed_once(void **arg)
{
	struct user a, b, c;
	struct stage st;

	meet_two(&st, *arg, &a, &b);
	user_start(&c, &st, 1);
	user_claim(&c, a.nameplate);
	run_until(&c, IN_ERROR, 1);
	assert_true(c.code == BK_E_CODE_USED || c.code == BK_E_NO_SUCH_PEER);
	assert_int_equal(c.heard[IN_CLAIMED], 0);
	user_close(&c);
	user_mail(&b, 0, 5);
	run_until(&a, IN_MAIL, 1);
	end_two(&st, &a, &b);
}

static void a_nameplate_that_nobody_has_is_an_error_and_no_end(void **arg)
{
	struct user a, b;
	struct stage st;

	start_two(&st, *arg, &a, &b);
	user_claim(&b, 424242);
	run_until(&b, IN_ERROR, 1);
	assert_int_equal(b.code, BK_E_NO_SUCH_PEER);
	user_leave(&a, 0, "left");
	run_until(&a, IN_NAMEPLATE, 1);
	user_claim(&b, a.nameplate);
	run_until(&b, IN_CLAIMED, 1);
	end_two(&st, &a, &b);
}

static void a_wish_is_granted_to_the_first_who_has_it(void **arg)
{
	struct user a, b;
	struct stage st;

	start_two(&st, *arg, &a, &b);
	user_leave(&a, 4711, "a");
	run_until(&a, IN_NAMEPLATE, 1);
	assert_int_equal(a.nameplate, 4711);
	user_leave(&b, 4711, "b");
	run_until(&b, IN_ERROR, 1);
	assert_int_equal(b.code, BK_E_EXISTS);
	end_two(&st, &a, &b);
}

static void two_pairs_do_not_hear_each_other(void **arg)
{
	struct user a, b, c, d;
	struct stage st;

	meet_two(&st, *arg, &a, &b);
	user_start(&c, &st, 0);
	user_start(&d, &st, 1);
	user_leave(&c, 0, "other");
	run_until(&c, IN_NAMEPLATE, 1);
	assert_int_not_equal(c.nameplate, a.nameplate);
	user_claim(&d, c.nameplate);
	run_until(&d, IN_CLAIMED, 1);
	assert_memory_equal(d.left, "other", 5);
	user_mail(&b, 0, 100);
	user_mail(&d, 0, 200);
	run_until(&a, IN_MAIL, 1);
	run_until(&c, IN_MAIL, 1);
	assert_true(a.mail_len == 100 && c.mail_len == 200);
	user_close(&c);
	user_close(&d);
	end_two(&st, &a, &b);
}

/* --- mail --- */

static void mail_goes_both_ways_whole_and_in_order(void **arg)
{
	static const size_t sizes[MAILS] = {1, 2, 100, 1000, 4096, 9000, 8999, 3, 65536, 7};
	struct user a, b;
	struct stage st;
	size_t all = 0;

	meet_two(&st, *arg, &a, &b);
	run_until(&a, IN_CLAIMED, 1);
	for (int i = 0; i < MAILS; i++) {
		all += sizes[i];
		user_mail(&a, i, sizes[i]);
		user_mail(&b, i, sizes[i]);
	}
	run_until(&a, IN_MAIL, MAILS);
	run_until(&b, IN_MAIL, MAILS);
	assert_false(a.garbled || b.garbled);
	assert_true(a.mail_bytes == all && b.mail_bytes == all);
	end_two(&st, &a, &b);
}

static void mail_waits_for_who_has_not_heard_of_the_other_yet(void **arg)
{
	struct user a, b;
	struct stage st;

	meet_two(&st, *arg, &a, &b);
	user_mail(&b, 0, 33);
	run_until(&a, IN_MAIL, 1);
	assert_int_equal(a.heard[IN_CLAIMED], 1);
	assert_false(a.garbled);
	end_two(&st, &a, &b);
}

static void on_flushed(void *arg)
{
	struct user *u = arg;

	assert_false(u->in_call);
	u->flushes++;
	bk_loop_stop(u->st->loop);
}

static void a_flush_comes_once_and_then_the_mail_is_taken(void **arg)
{
	struct user a, b;
	struct stage st;

	meet_two(&st, *arg, &a, &b);
	user_mail(&b, 0, 9000);
	if (b.ops->flush) {
		b.in_call = true;
		b.ops->flush(b.box, on_flushed, &b);
		b.in_call = false;
		while (!b.flushes)
			run(&st);
		kit_run_idle(st.loop, QUIET_TURNS);
		assert_int_equal(b.flushes, 1);
	}
	assert_true(!b.ops->is_mail_taken || b.ops->is_mail_taken(b.box));
	end_two(&st, &a, &b);
}

/* --- leaving --- */

static void who_releases_is_gone_for_good(void **arg)
{
	const struct kind *kind = *arg;
	struct user a, b;
	struct stage st;

	if (!kind->tells_release)
		return;
	for (int who = 0; who < 2; who++) {
		struct user *leaving = who ? &b : &a, *staying = who ? &a : &b;

		meet_two(&st, kind, &a, &b);
		run_until(&a, IN_CLAIMED, 1);
		leaving->in_call = true;
		leaving->ops->release(leaving->box);
		leaving->in_call = false;
		run_until(staying, IN_RELEASED, 1);
		assert_int_equal(staying->code, 0);
		assert_int_equal(leaving->heard[IN_RELEASED], 0);
		end_two(&st, &a, &b);
	}
}

static void closed_in_any_event_it_is_silent(void **arg)
{
	int before = kit_count_descriptors();

	for (enum moment m = IN_READY; m <= IN_MAIL; m++) {
		struct user a, b;
		struct stage st;

		stage_init(&st, *arg);
		user_open(&a, &st, 0);
		a.close_in = m;
		run_until(&a, IN_READY, 1);
		user_start(&b, &st, 1);
		if (a.box) {
			user_leave(&a, 0, "left");
			run_until(&a, IN_NAMEPLATE, 1);
		}
		if (a.box) {
			user_claim(&b, a.nameplate);
			run_until(&b, IN_CLAIMED, 1);
			user_mail(&b, 0, 10);
			user_mail(&b, 1, 10);
			run_until(&a, m, 1);
		}
		assert_null(a.box);
		kit_run_idle(st.loop, QUIET_TURNS);
		end_two(&st, &a, &b);
	}
	assert_int_equal(kit_count_descriptors(), before);
}

static void closed_at_any_moment_it_leaves_nothing(void **arg)
{
	int before = kit_count_descriptors();

	for (int turns = 0; turns < 30; turns += 2) {
		struct user a, b;
		struct stage st;

		start_two(&st, *arg, &a, &b);
		user_leave(&a, 0, "left");
		run_until(&a, IN_NAMEPLATE, 1);
		user_claim(&b, a.nameplate);
		kit_run_idle(st.loop, turns);
		user_close(turns % 4 ? &a : &b);
		kit_run_idle(st.loop, turns % 10);
		end_two(&st, &a, &b);
	}
	assert_int_equal(kit_count_descriptors(), before);
}

/* --- what it knows --- */

static void what_it_tells_beside_the_mail_is_within_bounds(void **arg)
{
	struct bk_mailbox_view v = {0};
	struct user a, b;
	struct stage st;

	start_two(&st, *arg, &a, &b);
	if (a.ops->view)
		a.ops->view(a.box, &v);
	assert_true(v.rtt_ns >= 0 && v.mail_delay_ns >= 0);
	assert_true(v.samples_len <= BK_MAILBOX_SAMPLES_MAX && v.stun_len <= BK_MAILBOX_SAMPLES_MAX &&
		    v.addrs_len <= BK_MAILBOX_ADDRS_MAX);
	for (size_t i = 0; i < v.samples_len; i++)
		assert_true(v.samples[i].server.family && v.samples[i].mapped.port && v.local.port);
	for (size_t i = 0; i < v.stun_len; i++)
		assert_int_equal(v.stun[i].family, 4);
	end_two(&st, &a, &b);
}

/* --- meeting again --- */

static void two_with_a_secret_meet_again_and_again(void **arg)
{
	const struct kind *kind = *arg;
	uint8_t before[BK_MAILBOX_TOKEN_LEN] = {0};
	struct user u[2];
	struct stage st;

	if (!kind->meets_again)
		return;
	start_two(&st, kind, &u[0], &u[1]);
	for (unsigned side = 0; side < 2; side++)
		user_rejoin(&u[side], side, 1, false, NULL);
	for (int round = 1; round < 5; round++) {
		unsigned asking = (unsigned)round % 2;

		user_rejoin(&u[asking], asking, 2 * (uint64_t)round, true, NULL);
		for (unsigned side = 0; side < 2; side++) {
			run_until(&u[side], IN_ROUND, round);
			user_rejoin(&u[side], side, 2 * (uint64_t)round + 1, false, u[side].token);
		}
		assert_memory_equal(u[0].token, u[1].token, sizeof(before));
		assert_memory_not_equal(u[0].token, before, sizeof(before));
		memcpy(before, u[0].token, sizeof(before));
		for (unsigned side = 0; side < 2; side++)
			user_mail(&u[side], round - 1, 500);
		for (unsigned side = 0; side < 2; side++)
			run_until(&u[side], IN_MAIL, round);
		assert_false(u[0].garbled || u[1].garbled);
	}
	end_two(&st, &u[0], &u[1]);
}

static void who_comes_later_is_told_of_the_round_and_gets_its_mail(void **arg)
{
	const struct kind *kind = *arg;
	struct user a, b, again;
	struct stage st;

	if (!kind->meets_again)
		return;
	start_two(&st, kind, &a, &b);
	user_rejoin(&b, 1, 1, false, NULL);
	user_rejoin(&a, 0, 1, true, NULL);
	run_until(&b, IN_ROUND, 1);
	run_until(&a, IN_ROUND, 1);
	user_rejoin(&a, 0, 2, false, a.token);
	user_mail(&a, 0, 700);
	user_open(&again, &st, 1);
	user_rejoin(&again, 1, 2, false, NULL); /* before it is ready, too */
	run_until(&again, IN_ROUND, 1);
	assert_memory_equal(again.token, a.token, sizeof(a.token));
	user_rejoin(&again, 1, 3, false, again.token);
	run_until(&again, IN_MAIL, 1);
	assert_false(again.garbled);
	assert_int_equal(b.heard[IN_MAIL], 0);
	user_close(&again);
	end_two(&st, &a, &b);
}

static void an_old_number_does_not_take_anybodys_place(void **arg)
{
	const struct kind *kind = *arg;
	struct user a, b;
	struct stage st;

	if (!kind->meets_again)
		return;
	start_two(&st, kind, &a, &b);
	user_rejoin(&a, 0, 7, false, NULL);
	kit_run_idle(st.loop, QUIET_TURNS);
	user_rejoin(&b, 0, 7, false, NULL);
	run_until(&b, IN_ERROR, 1);
	assert_int_equal(b.code, BK_E_EXISTS);
	end_two(&st, &a, &b);
}

/* --- what it is for --- */

struct guest {
	struct stage *st;
	struct guest *other;
	struct bk_meet *meet;
	int mets, until;
	struct bk_meeting met;
};

static void on_guest_met(void *arg)
{
	struct guest *g = arg;

	g->mets++;
	g->met = *bk_meet_result(g->meet);
	if (g->mets >= g->until && g->other->mets >= g->other->until)
		bk_loop_stop(g->st->loop);
}

static void on_guest_end(void *arg, int error, const char *text)
{
	(void)arg;
	fail_msg("%s: %s", bk_error_name(error), text);
}

static void on_guest_code(void *arg, const char *code);

static void guest_come(struct guest *g, const char *code)
{
	static const struct bk_meet_events meet_events = {
		.on_code = on_guest_code, .on_met = on_guest_met, .on_end = on_guest_end};
	const struct bk_session_opts opts = {.code = code, .name = code ? "b" : "a"};
	const struct bk_meet_opts meet_opts = {.loop = g->st->loop,
		.session = &opts,
		.mailbox = g->st->mailboxes[code != NULL],
		.pin = {.bytes = {1}}};

	assert_int_equal(bk_meet_new(&meet_opts, &meet_events, g, &g->meet), 0);
}

static void on_guest_code(void *arg, const char *code)
{
	struct guest *g = arg;

	guest_come(g->other, code);
}

static void two_who_met_over_it_meet_again_where_it_can(void **arg)
{
	const struct kind *kind = *arg;
	struct stage st;
	struct guest a = {.st = &st, .until = 1}, b = {.st = &st, .until = 1};

	a.other = &b;
	b.other = &a;
	stage_init(&st, kind);
	guest_come(&a, NULL);
	run(&st);
	for (int round = 2; round < 6; round++) {
		struct guest *asking = round % 2 ? &a : &b;

		a.until = b.until = round;
		assert_int_equal(bk_meet_again(asking->meet), kind->meets_again ? 0 : BK_E_SERVER_GONE);
		if (!kind->meets_again)
			break;
		run(&st);
		assert_memory_equal(a.met.token, b.met.token, sizeof(a.met.token));
		assert_string_equal(a.met.peer.id, b.met.own.id);
		assert_string_equal(b.met.peer.id, a.met.own.id);
		assert_in_range(llabs(a.met.start - b.met.start), 0, 50 * BK_MS);
	}
	bk_meet_free(a.meet);
	bk_meet_free(b.meet);
	stage_done(&st);
}

struct pair;

struct talker {
	struct pair *pair;
	struct bk_session *session;
	struct bk_channel *channel;
	bool is_open, is_closed;
	int error, paths;
	enum bk_path_kind kind;
	char heard[16], text[TEXT_LEN];
	size_t heard_len;
};

struct pair {
	struct stage st;
	struct talker maker, joiner;
	const char *wrong_words; /* the joiner's; NULL: the right ones */
	int codes;
	int guesser_error; /* of who came with the wrong ones, before the maker had another code */
};

static void on_session_closed(struct bk_session *session, void *arg, int error, const char *text)
{
	struct talker *t = arg;
	struct pair *p = t->pair;

	(void)session;
	assert_non_null(text);
	t->is_closed = true;
	t->error = error;
	snprintf(t->text, sizeof(t->text), "%s", text);
	if (p->maker.is_closed && p->joiner.is_closed)
		bk_loop_stop(p->st.loop);
}

static void on_data(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	struct talker *t = arg;

	(void)channel;
	assert_true(t->heard_len + n < sizeof(t->heard));
	memcpy(t->heard + t->heard_len, data, n);
	t->heard_len += n;
	if (t->heard_len == 5 && t == &t->pair->joiner)
		bk_session_close(t->session, 0);
	else if (t->heard_len == 5)
		bk_channel_write(t->channel, "there", 5);
}

static const struct bk_channel_events channel_events = {.on_data = on_data};

static void on_channel(struct bk_session *session, void *arg, struct bk_channel *c, const char *kind)
{
	struct talker *t = arg;

	(void)session;
	(void)kind;
	t->channel = c;
	bk_channel_listen(c, &channel_events, t);
}

static void on_open(struct bk_session *session, void *arg)
{
	struct talker *t = arg;

	(void)session;
	t->is_open = true;
	if (t != &t->pair->joiner)
		return;
	assert_int_equal(bk_channel_open(t->session, "hello/1", &channel_events, t, &t->channel), 0);
	assert_int_equal(bk_channel_write(t->channel, "hello", 5), 0);
}

static void on_path(struct bk_session *session, void *arg, const struct bk_path *path)
{
	struct talker *t = arg;

	(void)session;
	t->paths++;
	t->kind = path->kind;
}

static void on_code(struct bk_session *session, void *arg, const char *code)
{
	static const struct bk_session_events joiner_events = {.on_open = on_open,
		.on_channel = on_channel,
		.on_path = on_path,
		.on_closed = on_session_closed};
	struct talker *t = arg;
	struct pair *p = t->pair;
	char wrong[TEXT_LEN];
	struct bk_session_opts opts = {
		.mailbox = &p->st.mailboxes[1], .code = p->wrong_words ? wrong : code, .name = "b"};

	(void)session;
	snprintf(wrong, sizeof(wrong), "%d-%s", atoi(code), p->wrong_words ? p->wrong_words : "");
	if (p->codes++) {
		p->guesser_error = p->joiner.error;
		bk_session_free(p->joiner.session);
		p->joiner = (struct talker){.pair = p};
		opts.code = code;
	}
	assert_int_equal(
		bk_session_new(p->st.loop, &opts, &joiner_events, &p->joiner, &p->joiner.session), 0);
}

static void pair_run(struct pair *p, const struct kind *kind)
{
	static const struct bk_session_events maker_events = {.on_code = on_code,
		.on_open = on_open,
		.on_channel = on_channel,
		.on_path = on_path,
		.on_closed = on_session_closed};
	const struct bk_session_opts opts = {.mailbox = &p->st.mailboxes[0], .name = "a"};

	stage_init(&p->st, kind);
	p->maker.pair = p->joiner.pair = p;
	assert_int_equal(bk_session_new(p->st.loop, &opts, &maker_events, &p->maker, &p->maker.session), 0);
	run(&p->st);
	bk_session_free(p->maker.session);
	bk_session_free(p->joiner.session);
	stage_done(&p->st);
}

static void two_sessions_meet_over_it_and_talk(void **arg)
{
	struct pair p = {0};

	pair_run(&p, *arg);
	assert_true(p.maker.is_open && p.joiner.is_open);
	assert_true(p.maker.kind == BK_PATH_KIND_DIRECT && p.joiner.kind == BK_PATH_KIND_DIRECT);
	assert_int_equal(p.maker.error, 0);
	assert_int_equal(p.joiner.error, 0);
	assert_string_equal(p.maker.heard, "hello");
	assert_string_equal(p.joiner.heard, "there");
}

static void a_wrong_code_over_it_ends_both_or_who_came_with_it_and_the_next_code_is_good(void **arg)
{
	const struct kind *kind = *arg;
	struct pair p = {.wrong_words = "wrong-words"};

	pair_run(&p, kind);
	if (kind->meets_again && kind->tells_release) {
		assert_true(p.codes == 2 && p.maker.is_open && p.joiner.is_open);
		assert_true(p.guesser_error == 0 || p.guesser_error == BK_E_WRONG_CODE);
		return;
	}
	assert_false(p.maker.is_open || p.joiner.is_open);
	assert_int_equal(p.maker.error, BK_E_WRONG_CODE);
	assert_true(p.joiner.error == BK_E_WRONG_CODE || p.joiner.error == BK_E_PEER_VANISHED);
}

/* --- options --- */

static void a_session_has_a_server_or_a_mailbox_and_a_table_has_what_is_required(void **arg)
{
	const struct bk_session_events session_events = {.on_closed = on_session_closed};
	struct bk_session *session;
	struct stage st;

	(void)arg;
	stage_init(&st, &kinds[5]);
	for (int i = 0; i < 7; i++) {
		struct bk_mailbox_ops ops = *st.mailboxes[0].ops;
		struct bk_mailbox mailbox = {&ops, st.mailboxes[0].arg};
		struct bk_session_opts opts = {.mailbox = i ? &mailbox : NULL, .server = i == 1 ? "x" : NULL};

		ops.open = i == 2 ? NULL : ops.open;
		ops.close = i == 3 ? NULL : ops.close;
		ops.leave = i == 4 ? NULL : ops.leave;
		ops.claim = i == 5 ? NULL : ops.claim;
		ops.size = i == 6 ? sizeof(ops.size) : ops.size;
		assert_int_equal(
			bk_session_new(st.loop, &opts, &session_events, NULL, &session), BK_E_INVALID);
	}
	stage_done(&st);
}

static const char *this_network(void *arg)
{
	(void)arg;
	return "this network";
}

static int leave_nothing(void *box, uint32_t wish, const void *body, size_t n)
{
	(void)box;
	(void)wish;
	(void)body;
	(void)n;
	return BK_E_FULL;
}

/* Above it nothing is said of a server that may not be there. */
static void sentences_call_a_mailbox_by_its_name(void **state)
{
	static const struct bk_session_events session_events = {.on_closed = on_session_closed};
	static const struct kind bare = {"bare", false, false, false, open_room};
	static const struct {
		const char *(*name)(void *arg);
		const char *text;
	} rows[] = {
		{this_network, "cannot use this network: "},
		{NULL, "cannot use the mailbox: "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair p = {.joiner.is_closed = true};
		struct bk_mailbox_ops ops;
		struct bk_mailbox mailbox;
		const struct bk_session_opts opts = {.mailbox = &mailbox, .name = "a"};

		stage_init(&p.st, &bare);
		p.maker.pair = &p;
		ops = *p.st.mailboxes[0].ops;
		ops.size = sizeof(ops);
		ops.leave = leave_nothing;
		ops.name = rows[i].name;
		mailbox = (struct bk_mailbox){&ops, p.st.mailboxes[0].arg};
		assert_int_equal(
			bk_session_new(p.st.loop, &opts, &session_events, &p.maker, &p.maker.session), 0);
		run(&p.st);
		assert_int_equal(p.maker.error, BK_E_FULL);
		assert_ptr_equal(strstr(p.maker.text, rows[i].text), p.maker.text);
		bk_session_free(p.maker.session);
		stage_done(&p.st);
	}
}

#define CLAIM(fn)                                                                                            \
	{                                                                                                    \
#fn, fn                                                                                      \
	}

static const struct {
	const char *name;
	void (*fn)(void **arg);
} claims[] = {
	CLAIM(what_is_left_is_for_the_one_who_claims_it_and_both_hear_of_it),
	CLAIM(a_nameplate_is_claimed_once),
	CLAIM(a_nameplate_that_nobody_has_is_an_error_and_no_end),
	CLAIM(a_wish_is_granted_to_the_first_who_has_it),
	CLAIM(two_pairs_do_not_hear_each_other),
	CLAIM(mail_goes_both_ways_whole_and_in_order),
	CLAIM(mail_waits_for_who_has_not_heard_of_the_other_yet),
	CLAIM(a_flush_comes_once_and_then_the_mail_is_taken),
	CLAIM(who_releases_is_gone_for_good),
	CLAIM(closed_in_any_event_it_is_silent),
	CLAIM(closed_at_any_moment_it_leaves_nothing),
	CLAIM(what_it_tells_beside_the_mail_is_within_bounds),
	CLAIM(two_with_a_secret_meet_again_and_again),
	CLAIM(who_comes_later_is_told_of_the_round_and_gets_its_mail),
	CLAIM(an_old_number_does_not_take_anybodys_place),
	CLAIM(two_who_met_over_it_meet_again_where_it_can),
	CLAIM(two_sessions_meet_over_it_and_talk),
	CLAIM(a_wrong_code_over_it_ends_both_or_who_came_with_it_and_the_next_code_is_good),
};

enum { CLAIMS = sizeof(claims) / sizeof(claims[0]), KINDS = sizeof(kinds) / sizeof(kinds[0]) };

int main(void)
{
	static char names[KINDS * CLAIMS][128];
	static struct CMUnitTest tests[KINDS * CLAIMS + 2];
	static struct kind copies[KINDS];
	size_t n = 0;

	memcpy(copies, kinds, sizeof(kinds));
	for (size_t k = 0; k < KINDS; k++) {
		for (size_t c = 0; c < CLAIMS; c++, n++) {
			snprintf(names[n], sizeof(names[n]), "%s: %s", kinds[k].name, claims[c].name);
			tests[n] = (struct CMUnitTest){
				.name = names[n], .test_func = claims[c].fn, .initial_state = &copies[k]};
		}
	}
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(sentences_call_a_mailbox_by_its_name);
	tests[n] = (struct CMUnitTest)cmocka_unit_test(
		a_session_has_a_server_or_a_mailbox_and_a_table_has_what_is_required);
	if (getenv("BK_TEST_ONLY"))
		cmocka_set_test_filter(getenv("BK_TEST_ONLY"));
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
