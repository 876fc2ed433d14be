/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conform/mailbox_kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/addr.h"
#include "base/time.h"
#include "net/sock.h"
#include "net/udp.h"
#include "tests/conform/test_support.h"

enum { WATCHDOG_SECONDS = 60, CLAIMS_MAX = 32, NAME_MAX_LEN = 128 };

static void open_server(struct mailbox_stage *st)
{
	const struct bk_server_opts opts = {.listen_ip = "127.0.0.1",
		.port = -1,
		.alt_port = -1,
		.state_dir = st->folder,
		.messages_per_second = 1000};
	char why[BK_SERVER_TEXT_MAX] = "", target[MAILBOX_TEXT_LEN];

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
static void open_lan(struct mailbox_stage *st)
{
	const struct bk_lan_opts opts = {.interfaces = "lo", .port = free_port(), .patience_ns = 500 * BK_MS};

	for (int i = 0; i < 2; i++) {
		assert_int_equal(bk_lan_mailbox_new(&opts, &st->machines[i]), 0);
		st->mailboxes[i] = (struct bk_mailbox){&bk_lan_ops, st->machines[i]};
	}
}

static void open_both(struct mailbox_stage *st)
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
static void open_lan_alone(struct mailbox_stage *st)
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

static void open_folder(struct mailbox_stage *st)
{
	const struct bk_mailbox_view view = {.addrs = {bk_addr_v4(127, 0, 0, 1, 0)}, .addrs_len = 1};

	assert_int_equal(file_mailbox_new(st->folder, &view, &st->files), 0);
	st->mailboxes[0] = st->mailboxes[1] = file_mailbox_as_mailbox(st->files);
}

void mailbox_open_room(struct mailbox_stage *st)
{
	st->room = mailroom_new(st->loop, !st->kind->meets_again);
	st->mailboxes[0] = st->mailboxes[1] = mailroom_as_mailbox(st->room);
}

const struct mailbox_kind mailbox_kinds[MAILBOX_KINDS] = {
	{"server", true, true, true, open_server},
	{"lan", true, true, true, open_lan},
	{"both", true, true, true, open_both},
	{"no server", true, true, true, open_lan_alone},
	{"files", false, true, false, open_folder},
	{"memory", true, true, true, mailbox_open_room},
	{"bare", false, false, false, mailbox_open_room},
};

void stage_init(struct mailbox_stage *st, const struct mailbox_kind *kind)
{
	*st = (struct mailbox_stage){.kind = kind, .folder = "/tmp/bodkin-test-XXXXXX"};
	assert_non_null(mkdtemp(st->folder));
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &st->loop), 0);
	kind->open(st);
}

void stage_done(struct mailbox_stage *st)
{
	char command[MAILBOX_FOLDER_LEN + 16];

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

void stage_run(struct mailbox_stage *st)
{
	alarm(WATCHDOG_SECONDS);
	assert_int_equal(bk_loop_run(st->loop), 0);
	alarm(0);
}

int mailbox_run(const struct mailbox_claim *claims, size_t n, const struct mailbox_claim *once, size_t once_n)
{
	static char names[MAILBOX_KINDS * CLAIMS_MAX][NAME_MAX_LEN];
	static struct CMUnitTest tests[MAILBOX_KINDS * CLAIMS_MAX];
	static struct mailbox_kind copies[MAILBOX_KINDS];
	size_t len = 0;

	if (MAILBOX_KINDS * n + once_n > MAILBOX_KINDS * CLAIMS_MAX)
		return 1;
	memcpy(copies, mailbox_kinds, sizeof(mailbox_kinds));
	for (size_t k = 0; k < MAILBOX_KINDS; k++) {
		for (size_t c = 0; c < n; c++, len++) {
			snprintf(names[len], NAME_MAX_LEN, "%s: %s", mailbox_kinds[k].name, claims[c].name);
			tests[len] = (struct CMUnitTest){
				.name = names[len], .test_func = claims[c].fn, .initial_state = &copies[k]};
		}
	}
	for (size_t i = 0; i < once_n; i++)
		tests[len++] = (struct CMUnitTest){.name = once[i].name, .test_func = once[i].fn};
	if (getenv("BK_TEST_ONLY"))
		cmocka_set_test_filter(getenv("BK_TEST_ONLY"));
	return sodium_init() < 0 ? 1 : _cmocka_run_group_tests("mailboxes", tests, len, NULL, NULL);
}
