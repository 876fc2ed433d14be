/* SPDX-License-Identifier: Apache-2.0 */
#include "stun/responder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"

static const struct bk_stun_id some_id = {{0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};

static struct bk_addr server(int socket)
{
	return bk_addr_v4(
		203, 0, 113, socket & BK_STUN_OTHER_IP ? 2 : 1, socket & BK_STUN_OTHER_PORT ? 15006 : 15005);
}

static struct bk_stun_responder responder(int sockets)
{
	struct bk_stun_responder r = {0};

	for (int i = 0; i < sockets; i++)
		r.addrs[i] = server(i);
	return r;
}

static struct bk_addr asker(void)
{
	return bk_addr_v4(198, 51, 100, 7, 4711);
}

/* What the responder says to a question, decoded; asserts the ceiling for every answer in this file. */
static int ask(int sockets, int socket, const struct bk_stun_msg *question, bool fingerprint,
	struct bk_stun_answer *answer, struct bk_stun_msg *ret_msg)
{
	const struct bk_stun_responder r = responder(sockets);
	const struct bk_addr from = asker();
	uint8_t data[BK_STUN_MESSAGE_MAX];
	int n = bk_stun_encode(question, NULL, fingerprint, data, sizeof(data)), err;

	assert_true(n > 0);
	err = bk_stun_respond(&r, socket, &from, data, (size_t)n, answer);
	if (err < 0)
		return err;
	assert_true(answer->len <= 3 * (size_t)n);
	assert_int_equal(bk_stun_decode(answer->bytes, answer->len, ret_msg), 0);
	assert_memory_equal(ret_msg->id.bytes, question->id.bytes, sizeof(some_id.bytes));
	return 0;
}

static void a_question_is_answered_with_where_it_came_from(void **state)
{
	const struct bk_stun_msg question = {.id = some_id};
	struct bk_stun_answer answer;
	struct bk_addr from = asker(), self = server(0), other = server(3);
	struct bk_stun_msg m;

	(void)state;
	assert_int_equal(ask(4, 0, &question, false, &answer, &m), 0);
	assert_int_equal(m.class, BK_STUN_SUCCESS);
	assert_true(bk_addr_equal(&m.xor_mapped, &from));
	assert_true(bk_addr_equal(&m.origin, &self));
	assert_true(bk_addr_equal(&m.other, &other));
	assert_true(bk_addr_equal(&answer.to, &from));
	assert_int_equal(answer.socket, 0);
	assert_false(m.fingerprint_at);
}

static void a_longer_question_also_gets_the_plain_mapped_address(void **state)
{
	const struct bk_stun_msg question = {.id = some_id, .has_change = true};
	struct bk_addr from = asker();
	struct bk_stun_answer answer;
	struct bk_stun_msg m;

	(void)state;
	assert_int_equal(ask(4, 0, &question, true, &answer, &m), 0);
	assert_true(bk_addr_equal(&m.mapped, &from));
	assert_true(m.fingerprint_at);
	assert_true(bk_stun_check_fingerprint(answer.bytes, answer.len, &m));
}

static void a_change_request_is_answered_from_the_other_socket(void **state)
{
	(void)state;
	for (int socket = 0; socket < BK_STUN_SOCKETS; socket++) {
		for (int flags = 0; flags < 4; flags++) {
			const struct bk_stun_msg question = {.id = some_id,
				.has_change = true,
				.wants_other_port = flags & 1,
				.wants_other_ip = flags & 2};
			struct bk_addr origin = server(socket ^ flags), other = server(socket ^ 3);
			struct bk_stun_answer answer;
			struct bk_stun_msg m;

			assert_int_equal(ask(4, socket, &question, false, &answer, &m), 0);
			assert_int_equal(answer.socket, socket ^ flags);
			assert_true(bk_addr_equal(&m.origin, &origin));
			assert_true(bk_addr_equal(&m.other, &other));
		}
	}
}

static void without_a_second_address_another_port_is_possible_and_another_address_refused(void **state)
{
	struct bk_stun_msg question = {.id = some_id, .has_change = true, .wants_other_port = true}, m;
	struct bk_stun_answer answer;

	(void)state;
	assert_int_equal(ask(2, 0, &question, false, &answer, &m), 0);
	assert_int_equal(answer.socket, 1);
	assert_int_equal(m.other.family, 0); /* or clients would try it */
	question.wants_other_ip = true;
	assert_int_equal(ask(2, 0, &question, false, &answer, &m), 0);
	assert_int_equal(m.error_code, 420);
	assert_int_equal(answer.socket, 0);
}

static void a_classic_client_gets_the_three_classic_addresses(void **state)
{
	struct bk_stun_msg question = {.is_classic = true, .id = {{9, 8, 7}}, .has_change = true}, m;
	struct bk_addr from = asker(), self = server(0), other = server(3);
	struct bk_stun_answer answer;

	(void)state;
	assert_int_equal(ask(4, 0, &question, false, &answer, &m), 0);
	assert_true(m.is_classic);
	assert_true(bk_addr_equal(&m.mapped, &from) && bk_addr_equal(&m.source, &self));
	assert_true(bk_addr_equal(&m.changed, &other));
	assert_int_equal(m.xor_mapped.family, 0);
	question.wants_other_ip = true; /* it would take an error for a success */
	assert_int_equal(ask(2, 0, &question, false, &answer, &m), BK_E_UNSUPPORTED);
}

static void an_attribute_that_must_be_understood_is_named_in_a_420(void **state)
{
	const uint8_t question[] = {0, 1, 0, 8, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
		0, 2, 0, 0, 0x40, 1, 0, 0};
	const struct bk_stun_responder r = responder(4);
	const struct bk_addr from = asker();
	struct bk_stun_answer answer;
	struct bk_stun_msg m;

	(void)state;
	assert_int_equal(bk_stun_respond(&r, 0, &from, question, sizeof(question), &answer), 0);
	assert_int_equal(bk_stun_decode(answer.bytes, answer.len, &m), 0);
	assert_int_equal(m.class, BK_STUN_ERROR);
	assert_int_equal(m.error_code, 420);
	assert_memory_equal(answer.bytes + answer.len - 8, "\0\x0a\0\4\0\2\x40\1", 8);
}

static void the_answer_may_go_to_another_port_of_who_asked(void **state)
{
	struct bk_stun_msg question = {.id = some_id, .response_port = 99}, m;
	struct bk_addr from = asker(), to = asker();
	struct bk_stun_answer answer;

	(void)state;
	to.port = 99;
	assert_int_equal(ask(4, 0, &question, false, &answer, &m), 0);
	assert_true(bk_addr_equal(&answer.to, &to));
	question.padding = 64;
	assert_int_equal(ask(4, 0, &question, false, &answer, &m), 0);
	assert_int_equal(m.error_code, 400);
	assert_true(bk_addr_equal(&answer.to, &from));
}

static void padding_is_answered_with_padding_of_any_length(void **state)
{
	struct bk_stun_msg question = {.id = some_id}, m;
	struct bk_stun_answer answer;

	(void)state;
	for (uint16_t n = 1; n <= BK_STUN_MESSAGE_MAX - BK_STUN_HEADER_LEN - 4 - 8; n++) {
		question.padding = n;
		assert_int_equal(ask(4, 0, &question, n & 1, &answer, &m), 0);
		assert_int_equal(m.padding, n < 1024 ? n : 1024);
		assert_int_equal(m.xor_mapped.family, 4);
	}
}

static void answers_and_rubbish_are_met_with_silence(void **state)
{
	struct bk_stun_msg question = {.class = BK_STUN_SUCCESS, .id = some_id}, m;
	const struct bk_stun_responder r = responder(4);
	struct bk_addr from = asker();
	struct bk_stun_answer answer;
	uint8_t data[BK_STUN_MESSAGE_MAX];
	int n;

	(void)state;
	assert_int_equal(ask(4, 0, &question, false, &answer, &m), BK_E_PROTOCOL);
	question.class = BK_STUN_INDICATION;
	assert_int_equal(ask(4, 0, &question, false, &answer, &m), BK_E_PROTOCOL);
	question.class = BK_STUN_REQUEST;
	n = bk_stun_encode(&question, NULL, true, data, sizeof(data));
	data[n - 1] ^= 1; /* the fingerprint is wrong: not STUN */
	assert_int_equal(bk_stun_respond(&r, 0, &from, data, (size_t)n, &answer), BK_E_MALFORMED);
	from.port = 0;
	data[n - 1] ^= 1;
	assert_true(bk_stun_respond(&r, 0, &from, data, (size_t)n, &answer) < 0);
}

static void over_ipv6_a_bare_question_still_gets_its_address(void **state)
{
	const struct bk_stun_msg question = {.id = some_id};
	struct bk_stun_responder r = {0};
	struct bk_addr from = {.family = 6, .ip = {0x20, 1, 0xd, 0xb8}, .port = 5};
	struct bk_stun_answer answer;
	uint8_t data[BK_STUN_MESSAGE_MAX];
	struct bk_stun_msg m;
	int n = bk_stun_encode(&question, NULL, false, data, sizeof(data));

	(void)state;
	for (int i = 0; i < BK_STUN_SOCKETS; i++)
		r.addrs[i] = (struct bk_addr){.family = 6, .ip = {0x20, 1, 0xd, 0xb9, (uint8_t)i}, .port = 6};
	assert_int_equal(bk_stun_respond(&r, 0, &from, data, (size_t)n, &answer), 0);
	assert_true(answer.len <= 3 * (size_t)n);
	assert_int_equal(bk_stun_decode(answer.bytes, answer.len, &m), 0);
	assert_true(bk_addr_equal(&m.xor_mapped, &from));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_is_answered_with_where_it_came_from),
		cmocka_unit_test(a_longer_question_also_gets_the_plain_mapped_address),
		cmocka_unit_test(a_change_request_is_answered_from_the_other_socket),
		cmocka_unit_test(
			without_a_second_address_another_port_is_possible_and_another_address_refused),
		cmocka_unit_test(a_classic_client_gets_the_three_classic_addresses),
		cmocka_unit_test(an_attribute_that_must_be_understood_is_named_in_a_420),
		cmocka_unit_test(the_answer_may_go_to_another_port_of_who_asked),
		cmocka_unit_test(padding_is_answered_with_padding_of_any_length),
		cmocka_unit_test(answers_and_rubbish_are_met_with_silence),
		cmocka_unit_test(over_ipv6_a_bare_question_still_gets_its_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
