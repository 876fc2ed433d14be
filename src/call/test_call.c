/* SPDX-License-Identifier: Apache-2.0 */
/* A call on a session of this file, which tells what it is told to tell. */
#include "call/call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct bk_session {
	const struct bk_session_events *events;
	void *arg;
	char code[32], wish[32];
	char text[64];
};

static struct bk_session *last; /* that was made */
static int made, freed, error_of_new;

int bk_session_new(struct bk_loop *loop, const struct bk_session_opts *opts,
	const struct bk_session_events *events, void *arg, struct bk_session **ret_session)
{
	struct bk_session *s;

	(void)loop;
	if (error_of_new)
		return error_of_new;
	s = calloc(1, sizeof(*s));
	assert_non_null(s);
	s->events = events;
	s->arg = arg;
	strcpy(s->code, opts->code ? opts->code : "");
	strcpy(s->wish, opts->code_wish ? opts->code_wish : "");
	made++;
	*ret_session = last = s;
	return 0;
}

void bk_session_free(struct bk_session *s)
{
	if (!s)
		return;
	explicit_bzero(s, sizeof(*s)); /* who looks at it now sees nothing */
	free(s);
	freed++;
}

void bk_session_close(struct bk_session *s, int error)
{
	(void)s;
	(void)error;
}

const char *bk_session_server_pin(struct bk_session *s)
{
	(void)s;
	return NULL;
}

bool bk_session_is_peers_word(const struct bk_session *s)
{
	(void)s;
	return false;
}

static int ends, end_error;

static void on_open(void *owner)
{
	(void)owner;
}

static void on_channel(void *owner, struct bk_channel *channel, const char *kind)
{
	(void)owner;
	(void)channel;
	(void)kind;
}

static void on_end(void *owner, int error)
{
	(void)owner;
	ends++;
	end_error = error;
}

static const struct bk_call_ops ops = {.on_open = on_open, .on_channel = on_channel, .on_end = on_end};

static void start(struct bk_call *c)
{
	const struct bk_session_opts opts = {
		.size = sizeof(opts), .server = "s", .code_wish = "7-tulip-anchor"};

	made = freed = error_of_new = ends = 0;
	assert_int_equal(bk_call_init(c, NULL, &opts, NULL, NULL), 0);
	assert_int_equal(bk_call_start(c, &ops, NULL), 0);
	assert_string_equal(last->wish, "7-tulip-anchor");
}

static void close_with(int error, const char *text)
{
	strcpy(last->text, text);
	last->events->on_closed(last, last->arg, error, last->text);
}

static void a_code_of_ones_own_that_exists_is_joined(void **state)
{
	struct bk_call c;

	(void)state;
	start(&c);
	close_with(BK_E_EXISTS, "taken");
	assert_int_equal(ends, 0);
	assert_int_equal(made, 2);
	assert_int_equal(freed, 1);
	assert_string_equal(last->code, "7-tulip-anchor");
	assert_string_equal(last->wish, "");
	close_with(BK_E_NO_SUCH_PEER, "nobody there"); /* and then it is not tried again */
	assert_int_equal(ends, 1);
	assert_string_equal(bk_call_failure(&c).text, "nobody there");
	bk_call_done(&c);
	assert_int_equal(freed, 2);
}

static void where_it_cannot_be_joined_the_first_sentence_stands(void **state)
{
	struct bk_call c;

	(void)state;
	start(&c);
	error_of_new = BK_E_NOMEM;
	close_with(BK_E_EXISTS, "taken");
	assert_int_equal(ends, 1);
	assert_int_equal(end_error, BK_E_EXISTS);
	assert_string_equal(bk_call_failure(&c).text, "taken");
	bk_call_done(&c);
	assert_int_equal(freed, made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_of_ones_own_that_exists_is_joined),
		cmocka_unit_test(where_it_cannot_be_joined_the_first_sentence_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
