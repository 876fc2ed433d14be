/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out while a folder is looked at: nobody is told that there is nothing in it. */
#include "transfer/journals.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/test_famine.h"

static char root[] = "/tmp/bodkin-memory-XXXXXX";
static const char file[] = ".bodkin-0123456789abcdef.journal";
static int dir = -1;

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(root));
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(openat(dir, file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	famine_in = -1;
	unlinkat(dir, file, 0);
	close(dir);
	return rmdir(root);
}

/* Has the last run been one in which nothing failed? */
static bool is_through(void)
{
	bool is_so = famine_in >= 0;

	famine_in = -1;
	return is_so;
}

static void who_cannot_learn_of_journals_is_told_so(void **state)
{
	uint64_t *inodes = NULL;
	size_t n = 0;
	int fail_at = 0, err;

	(void)state;
	do {
		famine_in = fail_at++;
		err = bk_journals_inodes(dir, &inodes, &n);
		assert_int_equal(err, famine_in < 0 ? BK_E_NOMEM : 0);
	} while (!is_through());
	assert_int_equal(n, 1);
	assert_true(fail_at > 2);
	free(inodes);
}

static void who_cannot_list_journals_is_told_so(void **state)
{
	char **names;
	size_t n;
	int fail_at = 0;

	(void)state;
	do {
		famine_in = fail_at++;
		names = bk_journals_list(dir, 8, UINT64_MAX, &n);
		assert_true(famine_in < 0 ? !names : n == 1);
	} while (!is_through());
	assert_string_equal(names[0], file);
	assert_true(fail_at > 2);
	free(names[0]);
	free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_cannot_learn_of_journals_is_told_so),
		cmocka_unit_test(who_cannot_list_journals_is_told_so),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
