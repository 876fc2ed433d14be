/* SPDX-License-Identifier: Apache-2.0 */
/* Lies about files, of one that takes them: what of them was wanted, is there already, or came. */
#include <stdio.h>

#include "base/error.h"
#include "rows.h"
#include "transfer/digest.h"

static void say_done_as(struct liar *l, const char *numbers, uint8_t wrong)
{
	char hex[BK_DIGEST_STR_MAX], fields[192];

	l->digest[3] ^= wrong;
	snprintf(fields, sizeof(fields), "\"type\":\"done\",%s,\"xxh3_128\":\"%s\"", numbers,
		bk_digest_to_str(l->digest, hex));
	liar_say_file(l, fields, NULL, 0);
}

static void done_with_another_digest(struct liar *l)
{
	say_done_as(l, "\"entries\":1,\"bytes\":300000", 1);
}

static void done_with_fewer_bytes(struct liar *l)
{
	say_done_as(l, "\"entries\":1,\"bytes\":299999", 0);
}

static void done_with_two(struct liar *l)
{
	say_done_as(l, "\"entries\":2,\"bytes\":300000", 0);
}

static void done_with_none(struct liar *l)
{
	say_done_as(l, "\"entries\":0,\"bytes\":0", 0);
}

static void done_beyond_numbers(struct liar *l)
{
	say_done_as(l, "\"entries\":1,\"bytes\":9223372036854775808", 0);
}

static void accept_and_say_done(struct liar *l)
{
	accept_all(l);
	say_done(l);
}

#define TAKE(entry)  "{\"entry\":" entry ",\"action\":\"take\"}"
#define FROM(offset) "{\"entry\":0,\"action\":\"take\",\"offset\":" offset "}"

/* What it has, in records of three numbers and as many digests of zeroes as are given, and then the answer. */
static void say_have(struct liar *l, const uint32_t *numbers, size_t records, size_t digests)
{
	uint8_t content[256] = {0};
	size_t at = 0;

	for (size_t i = 0; i < records; i++) {
		for (size_t k = 0; k < 3; k++, at += 4) {
			content[at + 2] = (uint8_t)(numbers[3 * i + k] >> 8);
			content[at + 3] = (uint8_t)numbers[3 * i + k];
		}
		at += digests * BK_DIGEST_LEN;
	}
	liar_say_file(l, "\"type\":\"have\"", (const char *)content, at);
}

static void take_from(struct liar *l, unsigned offset)
{
	char list[128];
	int n = snprintf(list, sizeof(list),
		"{\"entries\":[{\"entry\":0,\"action\":\"take\",\"offset\":%u}]}", offset);

	liar_say_file(l, "\"type\":\"accept\"", list, (size_t)n);
}

#define HAS(name, digests, offset, ...)                                                                      \
	static void name(struct liar *l)                                                                     \
	{                                                                                                    \
		static const uint32_t numbers[] = {__VA_ARGS__};                                             \
                                                                                                             \
		say_have(l, numbers, sizeof(numbers) / 12, digests);                                         \
		take_from(l, offset);                                                                        \
	}

HAS(has_a_second_block, 1, 300000, 0, 1, 1)
HAS(has_too_many_blocks, 2, 300000, 0, 0, 2)
HAS(has_more_than_it_says, 1, 300000, 0, 0, 60000)
HAS(has_no_block, 0, 0, 0, 0, 0)
HAS(has_another_entry, 1, 0, 1, 0, 1)
HAS(has_it_twice, 1, 300000, 0, 0, 1, 0, 0, 1)
HAS(has_it_and_takes_all, 1, 0, 0, 0, 1)
HAS(has_too_much_of_it, 1, 300001, 0, 0, 1)

static void has_half_a_record(struct liar *l)
{
	liar_say_file(l, "\"type\":\"have\"", "\0\0\0\0\0\0", 6);
	take_from(l, 300000);
}

static void accept_and_have(struct liar *l)
{
	static const uint32_t numbers[] = {0, 0, 1};

	accept_all(l);
	say_have(l, numbers, 1, 1);
}

static const struct row answers[] = {
	{"accepts nothing that there is", "", NULL, LIAR_OFFERED, BAD, 0},
	{"accepts it twice", TAKE("0") "," TAKE("0"), NULL, LIAR_OFFERED, BAD, 0},
	{"accepts what was not offered", TAKE("1"), NULL, LIAR_OFFERED, BAD, 0},
	{"accepts it and another", TAKE("0") "," TAKE("1"), NULL, LIAR_OFFERED, BAD, 0},
	{"accepts one below zero", TAKE("-1"), NULL, LIAR_OFFERED, BAD, 0},
	{"accepts one of 2^32", TAKE("4294967296"), NULL, LIAR_OFFERED, BAD, 0},
	{"does what cannot be done", "{\"entry\":0,\"action\":\"steal\"}", NULL, LIAR_OFFERED, BAD, 0},
	{"has half of it", FROM("150000"), NULL, LIAR_OFFERED, BAD, 0},
	{"has more than there is", FROM("9223372036854775807"), NULL, LIAR_OFFERED, BAD, 0},
	{"has less than nothing", FROM("-1"), NULL, LIAR_OFFERED, BAD, 0},
	{"has 2^63", FROM("9223372036854775808"), NULL, LIAR_OFFERED, BAD, 0},
	{"has all of it, and says not what", FROM("300000"), NULL, LIAR_OFFERED, BAD, 0},
	{"has a second block and no first", NULL, has_a_second_block, LIAR_OFFERED, BAD, 0},
	{"has more blocks than there are", NULL, has_too_many_blocks, LIAR_OFFERED, BAD, 0},
	{"has more blocks than it says", NULL, has_more_than_it_says, LIAR_OFFERED, BAD, 0},
	{"has no block", NULL, has_no_block, LIAR_OFFERED, BAD, 0},
	{"has what was not offered", NULL, has_another_entry, LIAR_OFFERED, BAD, 0},
	{"has it twice", NULL, has_it_twice, LIAR_OFFERED, BAD, 0},
	{"has it, and takes all", NULL, has_it_and_takes_all, LIAR_OFFERED, BAD, 0},
	{"has more of it than there is", NULL, has_too_much_of_it, LIAR_OFFERED, BAD, 0},
	{"has half a record", NULL, has_half_a_record, LIAR_OFFERED, BAD, 0},
	{"accepts, and has", NULL, accept_and_have, LIAR_OFFERED, BK_E_PROTOCOL, 0},
	{"accepts twice", TAKE("0"), accept_all, LIAR_OFFERED, BK_E_PROTOCOL, 0},
	{"accepts and refuses", TAKE("0"), refuse, LIAR_OFFERED, BK_E_PROTOCOL, 0},
	{"accepts when all is sent", TAKE("0"), NULL, LIAR_SENT, BK_E_PROTOCOL, 0},
	{"refuses when all is sent", NULL, refuse, LIAR_SENT, BK_E_PROTOCOL, 0},
	{"done before all", NULL, say_done, LIAR_OFFERED, BK_E_PROTOCOL, 0},
	{"done with another digest", NULL, done_with_another_digest, LIAR_SENT, BK_E_DIGEST, 0},
	{"done with fewer bytes", NULL, done_with_fewer_bytes, LIAR_SENT, BK_E_DIGEST, 0},
	{"done with two", NULL, done_with_two, LIAR_SENT, BK_E_DIGEST, 0},
	{"done with none", NULL, done_with_none, LIAR_SENT, BK_E_DIGEST, 0},
	{"done with 2^63 bytes", NULL, done_beyond_numbers, LIAR_SENT, BAD, 0},
	{"accepts, and is done", NULL, accept_and_say_done, LIAR_OFFERED, BK_E_PROTOCOL, 0},
	{"offers", NULL, offer_again, LIAR_OFFERED, BK_E_PROTOCOL, 0},
	{"sends", NULL, send_one, LIAR_OFFERED, BK_E_PROTOCOL, 0},
	{"sends when all is sent", NULL, send_one, LIAR_SENT, BK_E_PROTOCOL, 0},
	{"says a digest", NULL, send_nothing, LIAR_SENT, BK_E_PROTOCOL, 0},
};

static void who_takes_files_is_not_believed_either(void **state)
{
	(void)state;
	rows_play(answers, sizeof(answers) / sizeof(answers[0]), false, rows_put_traps);
}

/* With the name of a row: that one alone. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_takes_files_is_not_believed_either),
	};

	rows_only = argc > 1 ? argv[1] : NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
