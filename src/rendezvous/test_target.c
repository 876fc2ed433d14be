/* SPDX-License-Identifier: Apache-2.0 */
/* Where the server is, and whether it is the one met before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "net/file.h"
#include "rendezvous/known.h"
#include "rendezvous/target.h"
#include "rendezvous/test_kit.h"

#define PIN "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"

static const struct {
	const char *text, *host; /* host NULL: malformed */
	int port;
	bool pin;
} server_rows[] = {
	{"example.org", "example.org", 15005, false},
	{"example.org:1", "example.org", 1, false},
	{"example.org:65535", "example.org", 65535, false},
	{"192.0.2.1:80", "192.0.2.1", 80, false},
	{"[2001:db8::1]", "2001:db8::1", 15005, false},
	{"[2001:db8::1]:443", "2001:db8::1", 443, false},
	{"2001:db8::1", "2001:db8::1", 15005, false},
	{"h#" PIN, "h", 15005, true},
	{"h:7#" PIN, "h", 7, true},
	{"[::1]:7#" PIN, "::1", 7, true},
	{"", NULL, 0, false},
	{":80", NULL, 0, false},
	{"h:1:2", NULL, 0, false},
	{"192.0.2.1:1:2", NULL, 0, false},
	{"fe80::1%eth0", "fe80::1%eth0", 15005, false},
	{"h:", NULL, 0, false},
	{"h:0", NULL, 0, false},
	{"h:65536", NULL, 0, false},
	{"h:000080", NULL, 0, false},
	{"h:+80", NULL, 0, false},
	{"h:80x", NULL, 0, false},
	{"[::1", NULL, 0, false},
	{"[]:80", NULL, 0, false},
	{"[::1]80", NULL, 0, false},
	{"[::1]:", NULL, 0, false},
	{"h h", NULL, 0, false},
	{"h\n", NULL, 0, false},
	{"http://h", NULL, 0, false},
	{"#" PIN, NULL, 0, false},
	{"h#", NULL, 0, false},
	{"h#" PIN "A", NULL, 0, false},
	{"h#short", NULL, 0, false},
	{"h#" PIN "#", NULL, 0, false},
};

static void servers_are_read_as_people_write_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(server_rows) / sizeof(server_rows[0]); i++) {
		struct bk_target t = {.port = 42};
		int err = bk_target_from_str(server_rows[i].text, &t);

		if (!server_rows[i].host) {
			if (err != BK_E_MALFORMED || t.port != 42)
				fail_msg("'%s' was taken", server_rows[i].text);
			continue;
		}
		if (err < 0)
			fail_msg("'%s' was refused", server_rows[i].text);
		assert_string_equal(t.host, server_rows[i].host);
		assert_int_equal(t.port, server_rows[i].port);
		assert_int_equal(t.has_pin, server_rows[i].pin);
	}
}

static void a_host_up_to_its_limit_is_taken(void **state)
{
	char text[BK_TARGET_HOST_MAX + 2];
	struct bk_target t;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[BK_TARGET_HOST_MAX + 1] = 0;
	assert_int_equal(bk_target_from_str(text, &t), BK_E_MALFORMED);
	text[BK_TARGET_HOST_MAX] = 0;
	assert_int_equal(bk_target_from_str(text, &t), 0);
	assert_int_equal(strlen(t.host), BK_TARGET_HOST_MAX);
}

static void a_timeout_elsewhere_may_be_of_a_network_that_lets_out_the_web_alone(void **state)
{
	struct bk_target t = {.host = "h", .port = 15005};

	(void)state;
	assert_non_null(strstr(bk_target_hint(&t, BK_E_TIMEOUT), "at port 443"));
	assert_string_equal(bk_target_hint(&t, BK_E_REFUSED), "");
	t.port = 443;
	assert_string_equal(bk_target_hint(&t, BK_E_TIMEOUT), "");
}

struct file {
	char dir[32], path[64];
};

static void file_init(struct file *f)
{
	strcpy(f->dir, "/tmp/bodkin-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/known_servers", f->dir);
}

static void file_done(struct file *f)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
	assert_int_equal(system(command), 0);
}

static enum bk_known_verdict check(const char *path, const char *host, const struct bk_pin *pin)
{
	int err;

	return bk_known_server_check(path, host, 1, pin, &err);
}

static void a_server_is_believed_once_and_held_to_it(void **state)
{
	struct bk_pin first = {.bytes = {1}}, second = {.bytes = {2}};
	struct file f;

	(void)state;
	file_init(&f);
	assert_int_equal(check(f.path, "h", &first), BK_KNOWN_NEW);
	assert_int_equal(bk_known_server_remember(f.path, "h", 1, &first), 0);
	assert_int_equal(check(f.path, "h", &first), BK_KNOWN_YES);
	assert_int_equal(check(f.path, "h", &second), BK_KNOWN_CHANGED);
	assert_int_equal(bk_known_server_remember(f.path, "h", 1, &second), BK_E_PIN_MISMATCH);
	assert_int_equal(bk_known_server_remember(f.path, "h", 2, &second), 0); /* another server */
	assert_int_equal(bk_known_server_remember(f.path, "::1", 1, &second), 0);
	assert_int_equal(check(f.path, "h", &first), BK_KNOWN_YES);
	assert_int_equal(check(NULL, "h", &second), BK_KNOWN_NEW);
	file_done(&f);
}

static void names_are_compared_as_names(void **state)
{
	static const char *const same[] = {"Host.Example", "host.example", "host.example.", "HOST.EXAMPLE."};
	static const char *const other[] = {
		"host.exampl", "host.example2", "hostexample", "host..example", ".host.example"};
	struct bk_pin first = {.bytes = {1}}, second = {.bytes = {2}};
	struct file f;

	(void)state;
	file_init(&f);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_int_equal(bk_known_server_remember(f.path, same[i], 1, &first), 0);
		for (size_t j = 0; j < sizeof(same) / sizeof(same[0]); j++)
			assert_int_equal(check(f.path, same[j], &second), BK_KNOWN_CHANGED);
		assert_int_equal(unlink(f.path), 0);
	}
	assert_int_equal(bk_known_server_remember(f.path, same[0], 1, &first), 0);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_int_equal(check(f.path, other[i], &second), BK_KNOWN_NEW);
	assert_int_equal(bk_known_server_remember(f.path, "2001:DB8::0:1", 1, &first), 0);
	assert_int_equal(check(f.path, "2001:db8::1", &second), BK_KNOWN_CHANGED);
	file_done(&f);
}

static void a_file_that_cannot_be_used_is_never_a_new_server(void **state)
{
	struct bk_pin pin = {.bytes = {1}}, other = {.bytes = {2}};
	struct file f;
	char deep[120];
	char *big;
	int err;

	(void)state;
	file_init(&f);
	assert_int_equal(bk_file_write(f.path, "a line of some later version\n", 29), 0);
	assert_int_equal(
		bk_known_server_remember(f.path, "h", 1, &pin), 0); /* kept, and beside it a new one */
	assert_int_equal(check(f.path, "h", &other), BK_KNOWN_CHANGED);
	big = calloc(1, (1 << 20) + 1);
	assert_non_null(big);
	assert_int_equal(bk_file_write(f.path, big, (1 << 20) + 1), 0);
	free(big);
	assert_int_equal(bk_known_server_check(f.path, "h", 1, &pin, &err), BK_KNOWN_UNSURE);
	assert_int_equal(err, BK_E_TOO_BIG);
	assert_int_equal(bk_known_server_remember(f.path, "h", 1, &pin), BK_E_TOO_BIG);
	assert_int_equal(check(f.dir, "h", &pin), BK_KNOWN_UNSURE);  /* a folder */
	snprintf(deep, sizeof(deep), "%s/no/known_servers", f.path); /* a folder that cannot be made */
	assert_true(bk_known_server_remember(deep, "h", 1, &pin) < 0);
	file_done(&f);
}

/* Each writer is a process of its own, as programs are. */
static void nobody_s_entry_is_lost_to_another_program(void **state)
{
	enum { WRITERS = 8, EACH = 8 };
	struct bk_pin pin = {.bytes = {1}};
	char host[16];
	struct file f;
	int status;

	(void)state;
	file_init(&f);
	for (int i = 0; i < WRITERS; i++) {
		if (fork())
			continue;
		for (int k = 0; k < EACH; k++) {
			snprintf(host, sizeof(host), "h%d-%d", i, k);
			if (bk_known_server_remember(f.path, host, 1, &pin) < 0)
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	for (int i = 0; i < WRITERS * EACH; i++) {
		snprintf(host, sizeof(host), "h%d-%d", i / EACH, i % EACH);
		assert_int_equal(check(f.path, host, &pin), BK_KNOWN_YES);
	}
	file_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_are_read_as_people_write_them),
		cmocka_unit_test(a_host_up_to_its_limit_is_taken),
		cmocka_unit_test(a_timeout_elsewhere_may_be_of_a_network_that_lets_out_the_web_alone),
		cmocka_unit_test(a_server_is_believed_once_and_held_to_it),
		cmocka_unit_test(names_are_compared_as_names),
		cmocka_unit_test(a_file_that_cannot_be_used_is_never_a_new_server),
		cmocka_unit_test(nobody_s_entry_is_lost_to_another_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
