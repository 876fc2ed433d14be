/* SPDX-License-Identifier: Apache-2.0 */
/* Lies about files: what they are called, how long they are, what is in them, and what of them was wanted or came. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "base/error.h"
#include "stage.h"
#include "transfer/digest.h"
#include "transfer/journal.h"

enum { ENTRIES = BK_FILE_ENTRIES_MAX + 1, PIECE = 32 << 10 };

#define FILE_OF(path, size) "{\"path\":\"" path "\",\"size\":" size ",\"kind\":\"file\"}"
#define NAMED(path)         FILE_OF(path, "5")
#define SIZED(size)         FILE_OF("a", size)
#define TWO                 NAMED("a") "," NAMED("b")

struct row {
	const char *name;
	const char *list; /* of an offer or an accept */
	void (*then)(struct liar *l);
	enum liar_stage stage;
	int want;
	int holds; /* files in the folder, however it ended */
};

/* --- what is put in the folder before --- */

static void put_ours(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, SCENE_OURS, strlen(SCENE_OURS)) == (ssize_t)strlen(SCENE_OURS));
	close(fd);
}

enum { OURS = 5 };

/* "data" is beside the folder, and "new" is not, yet. */
static void put_traps(void)
{
	put_ours("ours");
	assert_int_equal(mkdir("folder", 0700), 0);
	assert_int_equal(symlink("../data", "link"), 0);
	assert_int_equal(symlink("../new", "dangling"), 0);
	assert_int_equal(symlink("../new", "trap.part"), 0);
}

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
	put_traps();
	put_ours("a");
	note_it(true);
}

/* The part was something else. */
static void put_like_a_part(void)
{
	put_traps();
	put_ours("a.part");
	note_it(false);
}

/* --- what one that sends says --- */

static void say_content(struct liar *l, unsigned entry, long long offset, const char *text)
{
	char fields[96];

	snprintf(fields, sizeof(fields), "\"type\":\"content\",\"entry\":%u,\"offset\":%lld", entry, offset);
	liar_say_file(l, fields, text, strlen(text));
}

static void say_digest(struct liar *l, unsigned entry, const char *text)
{
	struct bk_digest *d = bk_digest_new();
	char hex[BK_DIGEST_STR_MAX], fields[128];
	uint8_t digest[BK_DIGEST_LEN];

	bk_digest_update(d, text, strlen(text));
	bk_digest_get(d, digest);
	bk_digest_free(d);
	snprintf(fields, sizeof(fields), "\"type\":\"digest\",\"entry\":%u,\"xxh3_128\":\"%s\"", entry,
		bk_digest_to_str(digest, hex));
	liar_say_file(l, fields, NULL, 0);
}

static void whole(struct liar *l, unsigned entry)
{
	say_content(l, entry, 0, SCENE_THEIRS);
	say_digest(l, entry, SCENE_THEIRS);
}

static void send_one(struct liar *l)
{
	whole(l, 0);
}

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

static void send_nothing(struct liar *l)
{
	say_digest(l, 0, "");
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

static void offer_again(struct liar *l)
{
	liar_offer(l, NAMED("b"), 1);
}

static void send_and_offer_again(struct liar *l)
{
	whole(l, 0);
	liar_offer(l, NAMED("b"), 1);
}

/* --- what is packed --- */

static void put_whole(struct bk_buf *to, uint32_t entry, const char *text)
{
	struct bk_file_msg content = {.type = BK_FILE_CONTENT, .entry = entry},
			   end = {.type = BK_FILE_DIGEST, .entry = entry};
	struct bk_digest *d = bk_digest_new();

	bk_digest_update(d, text, strlen(text));
	bk_digest_get(d, end.digest);
	bk_digest_free(d);
	assert_int_equal(bk_file_msg_encode(to, &content, strlen(text)), 0);
	assert_int_equal(bk_buf_append(to, text, strlen(text)), 0);
	assert_int_equal(bk_file_msg_encode(to, &end, 0), 0);
}

static void say_packed(struct liar *l, uint64_t said, const void *raw, size_t n)
{
	struct bk_file_msg m = {.type = BK_FILE_PACKED, .bytes = said, .encoding = BK_PACKED_NAME};
	uint8_t packed[4096];
	size_t len = ZSTD_compress(packed, sizeof(packed), raw, n, 1);
	struct bk_buf out;

	assert_false(ZSTD_isError(len));
	bk_buf_init(&out, 2 * sizeof(packed));
	assert_int_equal(bk_file_msg_encode(&out, &m, len), 0);
	assert_int_equal(bk_buf_append(&out, packed, len), 0);
	liar_say(l, BK_SFRAME_DATA, l->channel, bk_buf_head(&out), out.len);
	bk_buf_done(&out);
}

/* Both files; `more` bytes fewer are said than there are. */
static void pack_two(struct liar *l, const char *text, int more)
{
	struct bk_buf inside;

	bk_buf_init(&inside, 4096);
	put_whole(&inside, 0, text);
	put_whole(&inside, 1, text);
	say_packed(l, inside.len - (uint64_t)more, bk_buf_head(&inside), inside.len);
	bk_buf_done(&inside);
}

static void pack_both(struct liar *l)
{
	pack_two(l, SCENE_THEIRS, 0);
}

static void pack_more_than_offered(struct liar *l)
{
	pack_two(l, "hello!", 0);
}

static void pack_more_than_said(struct liar *l)
{
	pack_two(l, SCENE_THEIRS, 1);
}

static void pack_less_than_said(struct liar *l)
{
	pack_two(l, SCENE_THEIRS, -1);
}

static void pack_a_bomb(struct liar *l)
{
	static const uint8_t zeros[16 << 20];

	say_packed(l, BK_PACKED_MAX, zeros, sizeof(zeros));
}

static void pack_too_much(struct liar *l)
{
	say_packed(l, BK_PACKED_MAX + 1, "", 0);
}

static void pack_an_error(struct liar *l)
{
	const struct bk_file_msg m = {.type = BK_FILE_ERROR, .code = "file", .text = "packed"};
	struct bk_buf inside;

	bk_buf_init(&inside, 4096);
	assert_int_equal(bk_file_msg_encode(&inside, &m, 0), 0);
	say_packed(l, inside.len, bk_buf_head(&inside), inside.len);
	bk_buf_done(&inside);
}

static void pack_what_is_packed(struct liar *l)
{
	const struct bk_file_msg m = {.type = BK_FILE_PACKED, .bytes = 1, .encoding = BK_PACKED_NAME};
	struct bk_buf inside;

	bk_buf_init(&inside, 4096);
	assert_int_equal(bk_file_msg_encode(&inside, &m, 1), 0);
	assert_int_equal(bk_buf_append(&inside, "x", 1), 0);
	say_packed(l, inside.len, bk_buf_head(&inside), inside.len);
	bk_buf_done(&inside);
}

static void pack_half_a_message(struct liar *l)
{
	struct bk_buf inside;

	bk_buf_init(&inside, 4096);
	put_whole(&inside, 0, SCENE_THEIRS);
	say_packed(l, inside.len - 1, bk_buf_head(&inside), inside.len - 1);
	bk_buf_done(&inside);
}

static void say_done(struct liar *l)
{
	liar_say_file(l,
		"\"type\":\"done\",\"entries\":1,\"bytes\":5,\"xxh3_128\":\"00000000000000000000000000000000\"",
		NULL, 0);
}

static void refuse(struct liar *l)
{
	liar_say_file(l, "\"type\":\"refuse\",\"code\":\"declined\",\"text\":\"\"", NULL, 0);
}

static void send_and_refuse(struct liar *l)
{
	whole(l, 0);
	refuse(l);
}

static void accept_all(struct liar *l)
{
	static const char list[] = "{\"entries\":[{\"entry\":0,\"action\":\"take\"}]}";

	liar_say_file(l, "\"type\":\"accept\"", list, sizeof(list) - 1);
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
#define BAD    BK_E_MALFORMED

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

/* --- what one that takes says --- */

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

/* --- the tables, played --- */

static const char *only; /* the row of that name */
static void (*prepare)(void) = put_traps;

static void accept_list(struct liar *l, const char *list)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "{\"entries\":[%s]}", list);

	liar_say_file(l, "\"type\":\"accept\"", text, (size_t)n);
}

static void tell_row(struct liar *l, const void *arg)
{
	const struct row *r = arg;

	if (l->opts.is_sender && r->stage == LIAR_RESUMED) {
		l->channel = l->is_leading ? 1 : 2;
		liar_say(l, BK_SFRAME_OPEN, l->channel, BK_TRANSFER_CHANNEL_KIND,
			strlen(BK_TRANSFER_CHANNEL_KIND));
	} else if (l->opts.is_sender && r->list) {
		liar_offer(l, r->list, 1);
	} else if (r->list) {
		accept_list(l, r->list);
	}
	if (r->then)
		r->then(l);
}

static bool play_row(const struct row *r, bool is_sender, size_t line)
{
	struct scene scene = {.name = r->name,
		.has_time = true,
		.prepare = prepare,
		.holds = OURS + r->holds,
		.liar = {.is_sender = is_sender,
			.stage = r->stage,
			.tell = tell_row,
			.row = r,
			.stays = true}};
	struct verdict v;

	scene_choose_line(&scene, line);
	scene_play(&scene, &v);
	if (v.error == r->want && !v.has_flown)
		return true;
	print_error("%s: %s, '%s'%s\n", r->name, bk_error_name(v.error), v.text, v.has_flown ? ", late" : "");
	return false;
}

static void play(const struct row *rows, size_t n, bool is_sender)
{
	bool is_well = true;

	for (size_t i = 0; i < n; i++)
		if (!only || !strcmp(rows[i].name, only))
			is_well &= play_row(&rows[i], is_sender, i);
	assert_true(is_well);
}

static void no_name_leaves_the_folder_or_takes_anothers_place(void **state)
{
	(void)state;
	play(names, sizeof(names) / sizeof(names[0]), true);
}

static void what_is_here_from_before_is_nobodys_to_replace(void **state)
{
	(void)state;
	prepare = put_what_came;
	play(after_one_that_came, sizeof(after_one_that_came) / sizeof(after_one_that_came[0]), true);
	prepare = put_like_a_part;
	play(after_a_part, sizeof(after_a_part) / sizeof(after_a_part[0]), true);
	prepare = put_traps;
}

static void what_is_not_as_it_was_offered_has_no_name(void **state)
{
	(void)state;
	play(contents, sizeof(contents) / sizeof(contents[0]), true);
}

static void who_takes_files_is_not_believed_either(void **state)
{
	(void)state;
	play(answers, sizeof(answers) / sizeof(answers[0]), false);
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
		cmocka_unit_test(what_is_not_as_it_was_offered_has_no_name),
		cmocka_unit_test(who_takes_files_is_not_believed_either),
		cmocka_unit_test(an_offer_of_too_many_is_none),
	};

	only = argc > 1 ? argv[1] : NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
