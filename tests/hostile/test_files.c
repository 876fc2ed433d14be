/* SPDX-License-Identifier: Apache-2.0 */
/* Lies about files, of one that sends them: what they are called, how long they are, and what is in them. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "packed.h"
#include "rows.h"
#include "transfer/digest.h"
#include "transfer/journal.h"

enum { ENTRIES = BK_FILE_ENTRIES_MAX + 1, PIECE = 32 << 10 };

#define SIZED(size) FILE_OF("a", size)
#define TWO         NAMED("a") "," NAMED("b")

/* --- what is put in the folder before --- */

/* What is noted of an earlier transfer: "a", which came, or a part of it. */
static void note_it(bool is_whole)
{
	const struct bk_journal_row row = {
		.path = "a", .name = "a", .size = strlen(SCENE_OURS), .mtime = time(NULL), .birth = 1};
	struct bk_digest *d = bk_digest_new();
	int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bk_journal *j = bk_journal_new(dir, 1);
	uint8_t digest[BK_DIGEST_LEN];

	bk_digest_update(d, SCENE_OURS, strlen(SCENE_OURS));
	bk_digest_get(d, digest);
	bk_digest_free(d);
	bk_journal_begin(j, &row);
	if (is_whole)
		bk_journal_whole(j, 0, digest);
	bk_journal_free(j);
	close(dir);
}

static void put_what_came(void)
{
	rows_put_traps();
	rows_put_ours("a");
	note_it(true);
}

/* The part was something else. */
static void put_like_a_part(void)
{
	rows_put_traps();
	rows_put_ours("a.part");
	note_it(false);
}

/* --- what one that sends says --- */

static void send_in_folder(struct liar *l)
{
	whole(l, 1);
}

static void send_two(struct liar *l)
{
	whole(l, 0);
	whole(l, 1);
}

static void send_more(struct liar *l)
{
	say_content(l, 0, 0, "hello!");
}

static void send_more_piece_by_piece(struct liar *l)
{
	say_content(l, 0, 0, SCENE_THEIRS);
	say_content(l, 0, 5, "!");
}

static void send_less(struct liar *l)
{
	say_content(l, 0, 0, "hell");
	say_digest(l, 0, "hell");
}

static void send_another_digest(struct liar *l)
{
	say_content(l, 0, 0, SCENE_THEIRS);
	say_digest(l, 0, "hellO");
}

static void send_digest_of_another(struct liar *l)
{
	say_content(l, 0, 0, SCENE_THEIRS);
	say_digest(l, 1, SCENE_THEIRS);
}

static void send_the_second_first(struct liar *l)
{
	whole(l, 1);
}

static void send_what_was_not_offered(struct liar *l)
{
	say_content(l, 7, 0, SCENE_THEIRS);
}

static void send_the_last_entry_there_can_be(struct liar *l)
{
	say_content(l, UINT32_MAX, 0, SCENE_THEIRS);
}

static void send_again(struct liar *l)
{
	whole(l, 0);
	say_content(l, 0, 0, SCENE_THEIRS);
}

static void send_its_digest_again(struct liar *l)
{
	whole(l, 0);
	say_digest(l, 0, SCENE_THEIRS);
}

static void skip_bytes(struct liar *l)
{
	say_content(l, 0, 3, "lo");
}

static void go_back(struct liar *l)
{
	say_content(l, 0, 0, "he");
	say_content(l, 0, 1, "ello");
}

static void go_to_the_end_of_numbers(struct liar *l)
{
	say_content(l, 0, INT64_MAX, "hello");
}

static void go_below_zero(struct liar *l)
{
	say_content(l, 0, -1, "hello");
}

static void announce_four_millions(struct liar *l)
{
	liar_say_file(l, "\"type\":\"offer\",\"entries\":4000000,\"bytes\":0,\"version\":2,\"more\":1",
		"{\"entries\":[]}", 14);
}

static void send_a_hole(struct liar *l)
{
	liar_say_file(l, "\"type\":\"content\",\"entry\":0,\"offset\":0,\"hole\":4194304", NULL, 0);
}

static void send_and_offer_again(struct liar *l)
{
	whole(l, 0);
	liar_offer(l, NAMED("b"), 1);
}

static void send_and_refuse(struct liar *l)
{
	whole(l, 0);
	refuse(l);
}

#define HEADER                                                                                               \
	"{\"byteorder\":\"little\",\"content-type\":\"binary\",\"content-encoding\":\"binary\","             \
	"\"type\":\"content\",\"offset\":0,\"entry\":"

#define SAY_HEADER(name, text)                                                                               \
	static void name(struct liar *l)                                                                     \
	{                                                                                                    \
		liar_say_header(l, text, sizeof(text) - 1);                                                  \
	}

SAY_HEADER(promise_too_much, HEADER "0,\"content-length\":4194305}")
SAY_HEADER(promise_beyond_numbers, HEADER "0,\"content-length\":9223372036854775808}")
SAY_HEADER(promise_less_than_nothing, HEADER "0,\"content-length\":-1}")
SAY_HEADER(promise_a_word, HEADER "0,\"content-length\":\"5\"}")
SAY_HEADER(promise_nothing_said, HEADER "0}")
SAY_HEADER(entry_beyond_numbers, HEADER "4294967296,\"content-length\":0}")
SAY_HEADER(entry_below_zero, HEADER "-1,\"content-length\":0}")
SAY_HEADER(entry_twice, HEADER "0,\"entry\":1,\"content-length\":0}")
SAY_HEADER(a_list_too_long,
	"{\"byteorder\":\"little\",\"content-type\":\"text/json\",\"content-encoding\":\"utf-8\","
	"\"type\":\"offer\",\"entries\":1,\"bytes\":5,\"content-length\":4194305}")
SAY_HEADER(a_header_with_an_end_inside, "{\"type\":\"con\0tent\"}")

/* --- names that are none, and some that are --- */

#define TEN(s)  s s s s s s s s s s
#define N250(s) TEN(TEN(s)) TEN(TEN(s)) TEN(s) TEN(s) TEN(s) TEN(s) TEN(s)

#define OFFER  LIAR_OPENED
#define UNSAFE BK_E_UNSAFE_PATH

#define FOLDER(path)         "{\"path\":\"" path "\",\"size\":0,\"kind\":\"folder\"}"
#define LINKED(path, target) "{\"path\":\"" path "\",\"size\":0,\"kind\":\"link\",\"target\":\"" target "\"}"
#define HEX(digits)          "{\"path\":\"a\",\"path_hex\":\"" digits "\",\"size\":5,\"kind\":\"file\"}"
#define TREE                 FOLDER("d") "," NAMED("d/a") ","
/* In a folder that is there, to what is there and was not offered. */
#define LINKED_OURS(path, target) FOLDER("folder") "," LINKED(path, target)

static const struct row names[] = {
	{"the folder above", NAMED(".."), send_one, OFFER, UNSAFE, 0},
	{"in the folder above", NAMED("../a"), send_one, OFFER, UNSAFE, 0},
	{"up from a folder", NAMED("a/../../a"), send_one, OFFER, UNSAFE, 0},
	{"up, escaped", NAMED("\\u002e\\u002e\\u002fa"), send_one, OFFER, UNSAFE, 0},
	{"the folder", NAMED("."), send_one, OFFER, UNSAFE, 0},
	{"absolute", NAMED("/tmp/a"), send_one, OFFER, UNSAFE, 0},
	{"the root", NAMED("/"), send_one, OFFER, UNSAFE, 0},
	{"ends in a slash", NAMED("a/"), send_one, OFFER, UNSAFE, 0},
	{"two slashes", NAMED("a//b"), send_one, OFFER, UNSAFE, 0},
	{"empty", NAMED(""), send_one, OFFER, UNSAFE, 0},
	{"an end inside", NAMED("a\\u0000b"), send_one, OFFER, BAD, 0},
	{"ESC", NAMED("\\u001b[2Ja"), send_one, OFFER, UNSAFE, 0},
	{"ESC, bare", NAMED("\033[2Ja"), send_one, OFFER, BAD, 0},
	{"DEL", NAMED("a\\u007f"), send_one, OFFER, UNSAFE, 0},
	{"a newline", NAMED("a\\nb"), send_one, OFFER, UNSAFE, 0},
	{"C1", NAMED("a\\u009b2J"), send_one, OFFER, UNSAFE, 0},
	{"C1, bare",
		NAMED("a\xc2\x9b"
		      "2J"),
		send_one, OFFER, UNSAFE, 0},
	{"an override", NAMED("a\\u202egpj.exe"), send_one, OFFER, UNSAFE, 0},
	{"an isolate", NAMED("a\\u2066b"), send_one, OFFER, UNSAFE, 0},
	{"a line separator", NAMED("a\\u2028b"), send_one, OFFER, UNSAFE, 0},
	{"half a surrogate", NAMED("a\\ud800"), send_one, OFFER, BAD, 0},
	{"no UTF-8", NAMED("a\xff"), send_one, OFFER, BAD, 0},
	{"a long form", NAMED("\xc0\xae\xc0\xae"), send_one, OFFER, BAD, 0},
	{"a number", "{\"path\":1,\"size\":5,\"kind\":\"file\"}", send_one, OFFER, BAD, 0},
	{"none", "{\"size\":5,\"kind\":\"file\"}", send_one, OFFER, BAD, 0},
	{"256 bytes", NAMED(N250("a") "bcdefg"), send_one, OFFER, UNSAFE, 0},
	{"the same twice", NAMED("a") "," NAMED("a"), send_two, OFFER, BAD, 0},
	{"the same twice, escaped", NAMED("a") "," NAMED("\\u0061"), send_two, OFFER, BAD, 0},
	{"a file used as a folder", NAMED("a") "," NAMED("a/b"), send_two, OFFER, BAD, 0},
	{"a link used as a folder", NAMED("link/b"), send_one, OFFER, BAD, 0},
	{"a kind of a later version",
		"{\"path\":\"a\",\"size\":5,\"kind\":\"device\",\"target\":\"/etc/passwd\"}", send_one, OFFER,
		BK_E_UNSUPPORTED, 0},
	{"a link in no folder", LINKED("a", "/etc/passwd"), send_one, OFFER, UNSAFE, 0},
	{"a link to the root", TREE LINKED("d/l", "/"), send_in_folder, OFFER, UNSAFE, 0},
	{"a link to the folder above", TREE LINKED("d/l", "../.."), send_in_folder, OFFER, UNSAFE, 0},
	{"a link beside its folder", TREE LINKED("d/l", "../ours"), send_in_folder, OFFER, UNSAFE, 0},
	{"a link out and in again", TREE LINKED("d/l", "../d/a"), send_in_folder, OFFER, UNSAFE, 0},
	{"a link out through another", TREE LINKED("d/k", ".") "," LINKED("d/l", "k/k/../ours"),
		send_in_folder, OFFER, UNSAFE, 0},
	{"a link to what is not offered", LINKED_OURS("folder/l", "secret"), send_one, OFFER, UNSAFE, 0},
	{"a file below a link", TREE LINKED("d/l", ".") "," NAMED("d/l/b"), send_in_folder, OFFER, BAD, 0},
	{"a folder in the place of a link", TREE LINKED("d/l", ".") "," FOLDER("d/l"), send_in_folder, OFFER,
		BAD, 0},
	{"up, in digits", HEX("2e2e2f61"), send_one, OFFER, UNSAFE, 0},
	{"absolute, in digits", HEX("2f746d702f61"), send_one, OFFER, UNSAFE, 0},
	{"two slashes, in digits", HEX("612f2f62"), send_one, OFFER, UNSAFE, 0},
	{"a name and an end, in digits", HEX("6100"), send_one, OFFER, BAD, 0},
	{"the same twice, in digits", NAMED("a") "," HEX("61"), send_two, OFFER, BAD, 0},
	{"one of ours, in digits", HEX("6f757273"), send_one, OFFER, BK_E_EXISTS, 0},
	{"hidden, in digits", HEX("2eff"), send_one, OFFER, BK_E_DECLINED, 0},
	{"no text, in digits", HEX("1b5b324aff"), send_one, OFFER, 0, 1},
	{"one of ours", NAMED("ours"), send_one, OFFER, BK_E_EXISTS, 0},
	{"a folder of ours", NAMED("folder"), send_one, OFFER, BK_E_FILE, 0},
	{"a link out of the folder", NAMED("link"), send_one, OFFER, BK_E_EXISTS, 0},
	{"a link to nothing", NAMED("dangling"), send_one, OFFER, BK_E_EXISTS, 0},
	{"what a link to nothing has as its .part", NAMED("trap"), send_one, OFFER, 0, 1},
	{"hidden", NAMED(".profile"), send_one, OFFER, BK_E_DECLINED, 0},
	{"hidden, and one that is not", NAMED(".profile") "," NAMED("b"), send_the_second_first, OFFER, 0, 1},
	{"hidden, and sent nonetheless", NAMED(".profile") "," NAMED("b"), send_two, OFFER, BK_E_PROTOCOL, 0},
	{"255 bytes", NAMED(N250("a") "bcdef"), send_one, OFFER, 0, 1},
	{"twins in case", NAMED("a") "," NAMED("A"), send_two, OFFER, 0, 2},
	{"twins in Unicode", NAMED("\xc3\xa9") "," NAMED("e\xcc\x81"), send_two, OFFER, 0, 2},
	{"the .part of another, after it", NAMED("a") "," NAMED("a.part"), send_two, OFFER, 0, 2},
	{"the .part of another, before it", NAMED("a.part") "," NAMED("a"), send_two, OFFER, 0, 2},
	{"two that have one .part", NAMED(N250("a") "b") "," NAMED(N250("a") "c"), send_two, OFFER, 0, 2},
};

/* --- what came before --- */

static const struct row after_one_that_came[] = {
	{"what came from another", NULL, send_one, LIAR_ACCEPTED, 0, 2},
	{"what came from another, with another digest", NULL, send_another_digest, LIAR_ACCEPTED, BK_E_DIGEST,
		1},
};

static const struct row after_a_part[] = {
	{"what is called like a part", NULL, send_one, LIAR_ACCEPTED, 0, 2},
	{"what is called like a part, and less of it", NULL, send_less, LIAR_ACCEPTED, BK_E_PROTOCOL, 1},
};

/* --- sizes, content, order --- */

static const struct row contents[] = {
	{"no entries", "", send_one, OFFER, BAD, 0},
	{"entries that are none", "1,2", send_one, OFFER, BAD, 0},
	{"a size below zero", SIZED("-1"), send_one, OFFER, BAD, 0},
	{"a size of 2^63", SIZED("9223372036854775808"), send_one, OFFER, BAD, 0},
	{"a size of 2^64 + 5", SIZED("18446744073709551621"), send_one, OFFER, BAD, 0},
	{"the largest size", SIZED("9223372036854775807"), send_one, OFFER, BK_E_NO_SPACE, 0},
	{"a size with a point", SIZED("5.0"), send_one, OFFER, BAD, 0},
	{"a size in words", SIZED("\"5\""), send_one, OFFER, BAD, 0},
	{"sizes whose sum is 2^63", SIZED("9223372036854775807") "," FILE_OF("b", "1"), send_two, OFFER,
		BK_E_TOO_BIG, 0},
	{"sizes whose sum is 5",
		SIZED("9223372036854775807") "," FILE_OF("b", "9223372036854775807") "," FILE_OF("c", "7"),
		send_two, OFFER, BK_E_TOO_BIG, 0},
	{"a stream with a size", "{\"path\":\"a\",\"size\":5,\"kind\":\"stream\"}", send_one, OFFER, BAD, 0},
	{"an offer too long", "", a_list_too_long, LIAR_RESUMED, BK_E_TOO_BIG, 0},
	{"an offer of four millions", "", announce_four_millions, LIAR_RESUMED, BK_E_TOO_BIG, 0},
	{"more than offered", TWO, send_more, OFFER, BK_E_TOO_BIG, 0},
	{"more than offered, piece by piece", TWO, send_more_piece_by_piece, OFFER, BK_E_TOO_BIG, 0},
	{"less than offered", TWO, send_less, OFFER, BK_E_PROTOCOL, 0},
	{"nothing of it", TWO, send_nothing, OFFER, BK_E_PROTOCOL, 0},
	{"another digest", TWO, send_another_digest, OFFER, BK_E_DIGEST, 0},
	{"another digest of a stream", "{\"path\":\"a\",\"size\":0,\"kind\":\"stream\"}", send_another_digest,
		OFFER, BK_E_DIGEST, 0},
	{"a hole in a stream", "{\"path\":\"a\",\"size\":0,\"kind\":\"stream\"}", send_a_hole, OFFER,
		BK_E_PROTOCOL, 0},
	{"the digest of another", TWO, send_digest_of_another, OFFER, BK_E_PROTOCOL, 0},
	{"the second first", TWO, send_the_second_first, OFFER, BK_E_PROTOCOL, 0},
	{"what was not offered", TWO, send_what_was_not_offered, OFFER, BK_E_PROTOCOL, 0},
	{"the last entry there can be", TWO, send_the_last_entry_there_can_be, OFFER, BK_E_PROTOCOL, 0},
	{"what is done, again", TWO, send_again, OFFER, BK_E_PROTOCOL, 1},
	{"the digest of what is done, again", TWO, send_its_digest_again, OFFER, BK_E_PROTOCOL, 1},
	{"an offset beyond", TWO, skip_bytes, OFFER, BK_E_PROTOCOL, 0},
	{"an offset backwards", TWO, go_back, OFFER, BK_E_PROTOCOL, 0},
	{"the largest offset", TWO, go_to_the_end_of_numbers, OFFER, BK_E_PROTOCOL, 0},
	{"an offset below zero", TWO, go_below_zero, OFFER, BAD, 0},
	{"packed", TWO, pack_both, OFFER, 0, 2},
	{"more than offered, packed", TWO, pack_more_than_offered, OFFER, BK_E_TOO_BIG, 0},
	{"more packed than it says", TWO, pack_more_than_said, OFFER, BK_E_TOO_BIG, 0},
	{"less packed than it says", TWO, pack_less_than_said, OFFER, BAD, 0},
	{"a bomb", TWO, pack_a_bomb, OFFER, BK_E_TOO_BIG, 0},
	{"more packed than may be", TWO, pack_too_much, OFFER, BK_E_TOO_BIG, 0},
	{"an error, packed", TWO, pack_an_error, OFFER, BK_E_PROTOCOL, 0},
	{"packed, packed", TWO, pack_what_is_packed, OFFER, BK_E_PROTOCOL, 0},
	{"half a message, packed", TWO, pack_half_a_message, OFFER, BAD, 0},
	{"content too long", TWO, promise_too_much, OFFER, BK_E_TOO_BIG, 0},
	{"content of 2^63 bytes", TWO, promise_beyond_numbers, OFFER, BAD, 0},
	{"content of less than nothing", TWO, promise_less_than_nothing, OFFER, BAD, 0},
	{"content as long as a word", TWO, promise_a_word, OFFER, BAD, 0},
	{"content of no length", TWO, promise_nothing_said, OFFER, BAD, 0},
	{"entry 2^32", TWO, entry_beyond_numbers, OFFER, BAD, 0},
	{"an entry below zero", TWO, entry_below_zero, OFFER, BAD, 0},
	{"two entries in one", TWO, entry_twice, OFFER, BAD, 0},
	{"a header with an end inside", TWO, a_header_with_an_end_inside, OFFER, BAD, 0},
	{"an offer twice", TWO, offer_again, OFFER, BK_E_PROTOCOL, 0},
	{"an offer twice, later", TWO, send_and_offer_again, OFFER, BK_E_PROTOCOL, 1},
	{"content before any offer", "", send_one, LIAR_RESUMED, BK_E_PROTOCOL, 0},
	{"done, by who sends", TWO, say_done, OFFER, BK_E_PROTOCOL, 0},
	{"accept, by who sends", TWO, accept_all, OFFER, BK_E_PROTOCOL, 0},
	{"refuse, by who sends", TWO, refuse, OFFER, BK_E_PROTOCOL, 0},
	{"refuse, by who sends, later", TWO, send_and_refuse, OFFER, BK_E_PROTOCOL, 1},
};

/* --- claims --- */

static void no_name_leaves_the_folder_or_takes_anothers_place(void **state)
{
	(void)state;
	rows_play(names, sizeof(names) / sizeof(names[0]), true, rows_put_traps);
}

static void what_is_here_from_before_is_nobodys_to_replace(void **state)
{
	(void)state;
	rows_play(after_one_that_came, sizeof(after_one_that_came) / sizeof(after_one_that_came[0]), true,
		put_what_came);
	rows_play(after_a_part, sizeof(after_a_part) / sizeof(after_a_part[0]), true, put_like_a_part);
}

enum { ZEROS_MOST = 1500000 };

/* A stream is as long as its sender likes: there --max-size bounds what little bytes become. */
static const struct row zeros[] = {
	{"more zeros than offered, packed", SIZED("1500000"), pack_zeros, OFFER, BK_E_TOO_BIG, 1},
	{"zeros of a stream, packed", "{\"path\":\"a\",\"size\":0,\"kind\":\"stream\"}", pack_zeros, OFFER,
		BK_E_TOO_BIG, 1},
};

static void what_is_packed_becomes_no_more_than_was_offered_or_is_wanted(void **state)
{
	(void)state;
	rows_most = ZEROS_MOST;
	rows_play(zeros, sizeof(zeros) / sizeof(zeros[0]), true, rows_put_traps);
	rows_most = 0;
}

static void what_is_not_as_it_was_offered_has_no_name(void **state)
{
	(void)state;
	rows_play(contents, sizeof(contents) / sizeof(contents[0]), true, rows_put_traps);
}

/* --- too many --- */

static const char many_head[] =
	"{\"byteorder\":\"little\",\"content-type\":\"text/json\",\"content-encoding\":\"utf-8\","
	"\"type\":\"offer\",\"entries\":%u,\"bytes\":0,\"content-length\":%zu}";
static char many[1 << 20];
static size_t many_len;

static void make_many(unsigned n)
{
	size_t at = 1024;
	int head;

	at += (size_t)sprintf(many + at, "{\"entries\":[");
	for (unsigned i = 0; i < n; i++)
		at += (size_t)sprintf(
			many + at, "%s{\"path\":\"%u\",\"size\":0,\"kind\":\"file\"}", i ? "," : "", i);
	at += (size_t)sprintf(many + at, "]}");
	head = snprintf(many + 2, 1000, many_head, n, at - 1024);
	many[0] = (char)(head >> 8);
	many[1] = (char)head;
	memmove(many + 2 + head, many + 1024, at - 1024);
	many_len = 2 + (size_t)head + at - 1024;
}

static int say_piece(struct liar *l, uint32_t n)
{
	size_t at = (size_t)n * PIECE, left = many_len - at;

	return liar_try(l, BK_SFRAME_DATA, l->channel, many + at, left < PIECE ? left : PIECE);
}

static void tell_many(struct liar *l, const void *row)
{
	make_many(*(const unsigned *)row);
	liar_flood(l, say_piece, (uint32_t)((many_len + PIECE - 1) / PIECE));
}

static void an_offer_of_too_many_is_none(void **state)
{
	static const unsigned n[] = {ENTRIES, 2 * BK_FILE_ENTRIES_MAX};
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct scene scene = {.name = "many",
			.has_time = true,
			.liar = {.is_sender = true,
				.stage = LIAR_OPENED,
				.tell = tell_many,
				.row = &n[i / 2]}};

		scene_choose_line(&scene, i);
		scene_play(&scene, &v);
		if (v.error != BK_E_TOO_BIG || v.has_flown)
			fail_msg("%u: %s, '%s'", n[i / 2], bk_error_name(v.error), v.text);
	}
}

/* With the name of a row: that one alone. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_name_leaves_the_folder_or_takes_anothers_place),
		cmocka_unit_test(what_is_here_from_before_is_nobodys_to_replace),
		cmocka_unit_test(what_is_packed_becomes_no_more_than_was_offered_or_is_wanted),
		cmocka_unit_test(what_is_not_as_it_was_offered_has_no_name),
		cmocka_unit_test(an_offer_of_too_many_is_none),
	};

	rows_only = argc > 1 ? argv[1] : NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
