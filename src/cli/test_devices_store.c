/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/devices_store.h"

static char folder[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/bodkin-devices-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void make(const char *name, struct bk_cli_devices_store *s)
{
	char invite[BK_GROUP_INVITE_MAX], text[BK_CLI_TEXT_MAX];

	assert_int_equal(bk_group_invite_make(invite), 0);
	assert_int_equal(bk_cli_devices_store_make(folder, invite, "", name, text), 0);
	assert_int_equal(bk_cli_devices_store_load(s, folder, text), 0);
}

/* key: its first byte. */
static enum bk_cli_device_verdict meet(struct bk_cli_devices_store *s, const char *name, uint8_t key)
{
	uint8_t bytes[BK_GROUP_KEY_LEN] = {key};

	return bk_cli_devices_store_meet(s, name, bytes);
}

static void a_name_belongs_to_the_key_that_had_it_first(void **state)
{
	struct bk_cli_devices_store s;

	(void)state;
	make("anna", &s);
	assert_int_equal(meet(&s, "bert", 1), BK_CLI_DEVICE_NEW);
	assert_int_equal(meet(&s, "bert", 1), BK_CLI_DEVICE_KNOWN);
	assert_int_equal(meet(&s, "bert", 2), BK_CLI_DEVICE_CHANGED);
	bk_cli_devices_store_done(&s);
}

/* A daemon that was not started anew; in its group is the device that was left behind. */
static void who_is_in_the_group_before_takes_no_name_in_this_one(void **state)
{
	struct bk_cli_devices_store before, now;

	(void)state;
	make("anna", &before);
	assert_int_equal(meet(&before, "bert", 1), BK_CLI_DEVICE_NEW);
	make("anna", &now);
	assert_int_equal(meet(&before, "bert", 2), BK_CLI_DEVICE_CHANGED);
	assert_int_equal(meet(&before, "carl", 2), BK_CLI_DEVICE_NEW);
	assert_int_equal(meet(&before, "carl", 3), BK_CLI_DEVICE_CHANGED);
	assert_int_equal(meet(&now, "bert", 1), BK_CLI_DEVICE_NEW);
	assert_int_equal(meet(&now, "carl", 3), BK_CLI_DEVICE_NEW);
	bk_cli_devices_store_done(&before);
	bk_cli_devices_store_done(&now);
}

static void who_cannot_be_remembered_is_refused(void **state)
{
	struct bk_cli_devices_store s;
	char name[16];

	(void)state;
	make("anna", &s);
	*s.dir = 0; /* nothing is written: it would take long */
	for (int i = 0; i < BK_CLI_DEVICES_KNOWN_MAX; i++) {
		snprintf(name, sizeof(name), "device %d", i);
		assert_int_equal(meet(&s, name, 1), BK_CLI_DEVICE_NEW);
	}
	assert_int_equal(meet(&s, "bert", 1), BK_CLI_DEVICE_CHANGED);
	assert_int_equal(meet(&s, "device 7", 1), BK_CLI_DEVICE_KNOWN);
	bk_cli_devices_store_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_name_belongs_to_the_key_that_had_it_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			who_is_in_the_group_before_takes_no_name_in_this_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_cannot_be_remembered_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
