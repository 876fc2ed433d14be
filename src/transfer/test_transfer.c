/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bodkin/transfer.h>

#include "base/error.h"
#include "transfer/digest.h"
#include "transfer/journal.h"
#include "transfer/test_fake.h"
#include "transfer/test_kit.h"
#include "wire/file.h"

enum { BLOCK = 1 << 20 };

/* One end under test, and what it said. */
struct seen {
	struct bk_loop *loop;
	int *running;
	bool is_done, has_failed, answer, has_stream, is_lone; /* lone: it has no path here */
	enum bk_transfer_conflict resolve;
	bool for_all;
	size_t skipped, left;
	char paths[200], told[200];
	int error;
	bool is_remote;
	char text[BK_TRANSFER_TEXT_MAX], digest[64], peer[64];
	uint64_t bytes, sent;
	int questions;
	struct bk_recv *recv;
	struct bk_send *send;
};

struct stage {
	char root[64], in[80], out[80];
	struct bk_loop *loop;
	struct seen send, recv;
	int running;
};

static void on_code(struct bk_call *call, void *arg, const char *code)
{
	(void)call;
	(void)arg;
	(void)code;
}

static void on_peer(struct bk_call *call, void *arg, const struct bk_peer *peer)
{
	struct seen *s = arg;

	(void)call;
	snprintf(s->peer, sizeof(s->peer), "%s", peer->name);
}

static void on_path(struct bk_call *call, void *arg, const struct bk_path *path)
{
	(void)call;
	(void)arg;
	(void)path;
}

static void on_note(struct bk_call *call, void *arg, int verbosity, const char *text)
{
	(void)call;
	(void)arg;
	(void)verbosity;
	(void)text;
}

static void on_offer(struct bk_call *call, void *arg, const struct bk_transfer_offer *offer)
{
	(void)call;
	(void)arg;
	assert_non_null(offer->first);
}

static void on_ask(struct bk_call *call, void *arg, enum bk_transfer_question question,
	const struct bk_transfer_offer *offer)
{
	struct seen *s = arg;

	(void)call;
	s->questions++;
	assert_int_equal(question == BK_TRANSFER_ASK_CONFLICT, offer->asked != NULL);
	if (question == BK_TRANSFER_ASK_ACCEPT)
		bk_recv_answer(s->recv, s->answer);
	else
		bk_recv_resolve(s->recv, s->resolve, s->for_all);
}

static void on_conflict(struct bk_call *call, void *arg, const struct bk_transfer_entry *entry,
	enum bk_transfer_conflict how, const char *as)
{
	static const char *const names[] = {[BK_TRANSFER_CONFLICT_SKIP] = "skip",
		[BK_TRANSFER_CONFLICT_OVERWRITE] = "over",
		[BK_TRANSFER_CONFLICT_RENAME] = "as"};
	struct seen *s = arg;
	size_t n = strlen(s->told);

	(void)call;
	snprintf(s->told + n, sizeof(s->told) - n, "%s %s %s;", entry->path, names[how], as ? as : "");
}

static void on_progress(struct bk_call *call, void *arg, uint64_t bytes, uint64_t total, double rate)
{
	const struct seen *s = arg;

	(void)call;
	assert_true(bytes <= total || s->has_stream); /* what a stream has is in no total */
	assert_true(rate >= 0);
}

static void over(struct seen *s)
{
	assert_false(s->is_done || s->has_failed);
	if (!--*s->running)
		bk_loop_stop(s->loop);
}

static void on_done(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct seen *s = arg;

	(void)call;
	over(s);
	s->is_done = true;
	s->bytes = result->bytes;
	s->sent = result->sent;
	s->skipped = result->skipped;
	s->left = result->left;
	assert_true(result->folders || result->entries == result->paths_len + s->is_lone);
	for (size_t i = 0; i < result->paths_len; i++) {
		const char *name = strrchr(result->paths[i], '/');
		size_t n = strlen(s->paths);

		snprintf(s->paths + n, sizeof(s->paths) - n, "%s;", name ? name + 1 : result->paths[i]);
	}
	snprintf(s->digest, sizeof(s->digest), "%s", result->digest);
}

static void on_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct seen *s = arg;

	(void)call;
	over(s);
	s->has_failed = true;
	s->error = failure->error;
	s->is_remote = failure->who == BK_CALL_WHO_PEER;
	snprintf(s->text, sizeof(s->text), "%s", failure->text);
}

static const struct bk_call_news news = {
	.on_code = on_code, .on_peer = on_peer, .on_path = on_path, .on_note = on_note};

static const struct bk_transfer_events events = {
	.news = &news,
	.on_offer = on_offer,
	.on_ask = on_ask,
	.on_conflict = on_conflict,
	.on_progress = on_progress,
	.on_done = on_done,
	.on_error = on_error,
};

static const struct bk_session_opts session_opts = {.server = "none"};

static int set_up(void **state)
{
	struct stage *st = calloc(1, sizeof(*st));

	snprintf(st->root, sizeof(st->root), "/tmp/bodkin-test-XXXXXX");
	if (!mkdtemp(st->root) || bk_loop_new(BK_LOOP_AUTO, &st->loop) < 0)
		return -1;
	snprintf(st->in, sizeof(st->in), "%s/in", st->root);
	snprintf(st->out, sizeof(st->out), "%s/out", st->root);
	mkdir(st->in, 0700);
	mkdir(st->out, 0700);
	st->send = st->recv = (struct seen){.loop = st->loop, .running = &st->running};
	bk_fake_reset(NULL);
	*state = st;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *st = *state;

	bk_send_free(st->send.send);
	bk_recv_free(st->recv.recv);
	bk_loop_free(st->loop);
	kit_remove(st->root);
	free(st);
	return 0;
}

/* Noise: as long on its way as it is. */
static void write_file(const char *path, size_t n, int seed)
{
	uint64_t noise = (uint64_t)seed;
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (size_t i = 0; i < n; i++) {
		noise = noise * 6364136223846793005u + 1442695040888963407u;
		fputc((int)(noise >> 56), f);
	}
	fclose(f);
}

static void is_journal(const char *path, void *arg)
{
	*(bool *)arg |= bk_journal_is_name(strrchr(path, '/') + 1);
}

static bool has_journal(const struct stage *st)
{
	bool is_found = false;

	kit_for_each(st->out, is_journal, &is_found);
	return is_found;
}

/* A part with so much of the file or more, and what says so; and nothing else. */
static void keeps_a_part(const struct stage *st, off_t least)
{
	struct stat got;

	assert_int_equal(stat(kit_path_in(st->out, "a.part"), &got), 0);
	assert_true(got.st_size >= least);
	assert_true(has_journal(st));
	assert_int_equal(kit_count(st->out), 2);
	assert_non_null(strstr(
		st->recv.text, "; what came is kept: the same command goes on, with the new code that"));
}

static int start_send(struct stage *st, const char *const *paths, size_t n, char text[BK_TRANSFER_TEXT_MAX])
{
	const struct bk_send_opts opts = {.session = &session_opts, .paths = paths, .paths_len = n};
	int err = bk_send_new(st->loop, &opts, &events, &st->send, &st->send.send, text);

	st->running += err >= 0;
	return err;
}

static void start_recv(struct stage *st, const struct bk_recv_opts *wish)
{
	struct bk_recv_opts opts = *wish;
	char text[BK_TRANSFER_TEXT_MAX];

	opts.session = &session_opts;
	opts.folder = opts.folder ? opts.folder : st->out;
	assert_int_equal(bk_recv_new(st->loop, &opts, &events, &st->recv, &st->recv.recv, text), 0);
	st->running++;
}

static void transfer(struct stage *st, const char *const *paths, size_t n, const struct bk_recv_opts *opts)
{
	char text[BK_TRANSFER_TEXT_MAX];

	assert_int_equal(start_send(st, paths, n, text), 0);
	start_recv(st, opts);
	assert_int_equal(bk_loop_run(st->loop), 0);
}

static const struct bk_recv_opts usual;

static void files_arrive_whole_with_mode_and_time(void **state)
{
	struct stage *st = *state;
	const char *names[] = {"empty", "one", "big"}, *paths[3];
	const size_t sizes[] = {0, 1, 1500001};
	struct timespec times[2] = {{.tv_sec = 1600000000}, {.tv_sec = 1600000000}};
	struct stat got;
	char kept[3][512];

	for (int i = 0; i < 3; i++) {
		snprintf(kept[i], sizeof(kept[i]), "%s/%s", st->in, names[i]);
		paths[i] = kept[i];
		write_file(paths[i], sizes[i], i);
	}
	chmod(paths[2], 0750);
	utimensat(AT_FDCWD, paths[2], times, 0);
	transfer(st, paths, 3, &(struct bk_recv_opts){.takes_executable = true});
	assert_true(st->send.is_done);
	assert_true(st->recv.is_done);
	assert_int_equal(st->recv.bytes, 1500002);
	assert_string_equal(st->send.digest, st->recv.digest);
	assert_int_equal(kit_count(st->out), 3);
	for (int i = 0; i < 3; i++)
		assert_true(kit_is_same_file(paths[i], kit_path_in(st->out, names[i])));
	assert_int_equal(stat(kit_path_in(st->out, "big"), &got), 0);
	assert_int_equal(got.st_mode & 0077, 0050 & ~022);
	assert_int_equal(got.st_mtime, 1600000000);
}

/* --- folders --- */

/* in/tree: a, empty/, inner/b (0750), inner/link to a, and what cannot be sent: a link that leads out, a pipe. All of
 * it of 2020. */
static const char *make_tree(struct stage *st)
{
	static const char *const folders[] = {"tree", "tree/empty", "tree/inner"};
	static const char *const all[] = {
		"tree/a", "tree/inner/b", "tree/inner/link", "tree/empty", "tree/inner", "tree"};
	const struct timespec times[2] = {{.tv_sec = 1600000000}, {.tv_sec = 1600000000}};

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(mkdir(kit_path_in(st->in, folders[i]), 0755), 0);
	assert_int_equal(chmod(kit_path_in(st->in, "tree/inner"), 0500 | 0200), 0);
	write_file(kit_path_in(st->in, "tree/a"), 100, 1);
	write_file(kit_path_in(st->in, "tree/inner/b"), 300000, 2);
	assert_int_equal(chmod(kit_path_in(st->in, "tree/inner/b"), 0750), 0);
	assert_int_equal(symlink("../a", kit_path_in(st->in, "tree/inner/link")), 0);
	assert_int_equal(symlink("../big", kit_path_in(st->in, "tree/out")), 0);
	assert_int_equal(mkfifo(kit_path_in(st->in, "tree/pipe"), 0600), 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(
			utimensat(AT_FDCWD, kit_path_in(st->in, all[i]), times, AT_SYMLINK_NOFOLLOW), 0);
	return kit_path_in(st->in, "tree");
}

static void arrived(const struct stage *st, const char *name, mode_t mode)
{
	struct stat got;

	assert_int_equal(lstat(kit_path_in(st->out, name), &got), 0);
	assert_int_equal(got.st_mode & 0777, mode);
	assert_int_equal(got.st_mtime, 1600000000);
}

static void a_folder_arrives_with_all_that_can_be_sent(void **state)
{
	struct stage *st = *state;
	const char *path = make_tree(st);
	char target[16];

	transfer(st, &path, 1, &(struct bk_recv_opts){.takes_executable = true});
	assert_true(st->send.is_done);
	assert_true(st->recv.is_done);
	assert_string_equal(st->send.digest, st->recv.digest);
	assert_string_equal(st->recv.paths, "tree;");
	assert_int_equal(kit_count(kit_path_in(st->out, "tree")), 3);
	assert_int_equal(kit_count(kit_path_in(st->out, "tree/empty")), 0);
	arrived(st, "tree", 0755);
	arrived(st, "tree/empty", 0755);
	arrived(st, "tree/inner", 0700);
	arrived(st, "tree/a", 0644);
	arrived(st, "tree/inner/b", 0750);
	arrived(st, "tree/inner/link", 0777);
	assert_int_equal(readlink(kit_path_in(st->out, "tree/inner/link"), target, sizeof(target)), 4);
	assert_memory_equal(target, "../a", 4);
	assert_true(kit_is_same_file(kit_path_in(st->in, "tree/a"), kit_path_in(st->out, "tree/a")));
	assert_true(
		kit_is_same_file(kit_path_in(st->in, "tree/inner/b"), kit_path_in(st->out, "tree/inner/b")));
}

static void what_a_folder_has_and_cannot_be_sent_is_named(void **state)
{
	struct stage *st = *state;
	const char *path = make_tree(st);
	const struct bk_transfer_offer *offer;
	char text[BK_TRANSFER_TEXT_MAX];

	assert_int_equal(start_send(st, &path, 1, text), 0);
	offer = bk_send_offer(st->send.send);
	assert_int_equal(offer->entries, 6);
	assert_int_equal(offer->folders, 3);
	assert_int_equal(offer->links, 1);
	assert_int_equal(offer->left_out_all, 2);
	assert_non_null(strstr(offer->left_out[0], "tree/pipe': it is a pipe"));
	assert_non_null(strstr(offer->left_out[1], "tree/out': it is a link that leads out of the folder"));
}

static void what_is_excluded_is_not_offered(void **state)
{
	struct stage *st = *state;
	const char *path = make_tree(st),
		   *patterns[] = {"l*k", "ou?", "tree/pi*", "tree/*/b", "inner/b", "tree"};
	const struct bk_send_opts opts = {.size = sizeof(opts),
		.session = &session_opts,
		.paths = &path,
		.paths_len = 1,
		.exclude = patterns,
		.exclude_len = 6};
	const struct bk_transfer_offer *offer;

	assert_int_equal(bk_send_new(st->loop, &opts, &events, &st->send, &st->send.send, NULL), 0);
	offer = bk_send_offer(st->send.send);
	assert_int_equal(offer->left_out_all, 0);
	assert_int_equal(offer->entries, 4);
	assert_string_equal(offer->names[0].path, "tree");
	assert_string_equal(offer->names[1].path, "tree/a");
	assert_string_equal(offer->names[2].path, "tree/empty");
	assert_string_equal(offer->names[3].path, "tree/inner");
}

static void a_folder_that_is_there_is_gone_on_with_file_by_file(void **state)
{
	struct stage *st = *state;
	const char *path = make_tree(st);

	assert_int_equal(mkdir(kit_path_in(st->out, "tree"), 0755), 0);
	write_file(kit_path_in(st->out, "tree/a"), 5, 9);
	write_file(kit_path_in(st->out, "tree/mine"), 5, 9);
	transfer(st, &path, 1, &(struct bk_recv_opts){.conflict = BK_TRANSFER_CONFLICT_RENAME});
	assert_true(st->recv.is_done);
	assert_int_equal(kit_count(kit_path_in(st->out, "tree")), 5);
	assert_true(kit_is_same_file(kit_path_in(st->in, "tree/a"), kit_path_in(st->out, "tree/a-1")));
	assert_false(kit_is_same_file(kit_path_in(st->in, "tree/a"), kit_path_in(st->out, "tree/a")));
}

static void no_link_is_taken_for_a_folder(void **state)
{
	struct stage *st = *state;
	const char *path = make_tree(st);

	assert_int_equal(mkdir(kit_path_in(st->root, "victim"), 0755), 0);
	assert_int_equal(symlink("../victim", kit_path_in(st->out, "tree")), 0);
	transfer(st, &path, 1, &(struct bk_recv_opts){.conflict = BK_TRANSFER_CONFLICT_OVERWRITE});
	assert_int_equal(st->recv.error, BK_E_FILE);
	assert_int_equal(kit_count(kit_path_in(st->root, "victim")), 0);
}

/* The folder that was just made becomes a link while its files come. */
static void swap_the_folder(void *arg)
{
	struct stage *st = arg;

	if (rename(kit_path_in(st->out, "tree/inner"), kit_path_in(st->out, "moved")) == 0)
		assert_int_equal(symlink("../../victim", kit_path_in(st->out, "tree/inner")), 0);
}

static void a_folder_that_becomes_a_link_is_not_followed(void **state)
{
	struct stage *st = *state;
	const char *path = make_tree(st);

	write_file(kit_path_in(st->in, "tree/inner/a"), 5000000, 0);
	assert_int_equal(mkdir(kit_path_in(st->root, "victim"), 0755), 0);
	bk_fake_on_step(swap_the_folder, st);
	transfer(st, &path, 1, &usual);
	assert_int_equal(kit_count(kit_path_in(st->root, "victim")), 0);
}

static void a_peers_name_reaches_the_user_without_controls(void **state)
{
	struct stage *st = *state;
	const char *path = kit_path_in(st->in, "a");

	write_file(path, 10, 0);
	transfer(st, &path, 1, &usual);
	assert_string_equal(st->recv.peer, "a?[2Jb");
}

static void an_existing_file_is_refused_and_stays(void **state)
{
	struct stage *st = *state;
	const char *path = kit_path_in(st->in, "a");

	write_file(path, 10, 0);
	write_file(kit_path_in(st->out, "a"), 20, 5);
	write_file(kit_path_in(st->root, "copy"), 20, 5);
	transfer(st, &path, 1, &usual);
	assert_int_equal(st->recv.error, BK_E_EXISTS);
	assert_false(st->recv.is_remote);
	assert_int_equal(st->send.error, BK_E_PEER_REFUSED);
	assert_true(kit_is_same_file(kit_path_in(st->out, "a"), kit_path_in(st->root, "copy")));
	assert_int_equal(kit_count(st->out), 1);
}

static void a_no_takes_nothing_and_is_told_as_one(void **state)
{
	struct stage *st = *state;
	const char *path = kit_path_in(st->in, "a");

	write_file(path, 10, 0);
	write_file(kit_path_in(st->out, "a"), 20, 5);
	transfer(st, &path, 1,
		&(struct bk_recv_opts){.asks_accept = true, .conflict = BK_TRANSFER_CONFLICT_ASK});
	assert_int_equal(st->recv.questions, 1);
	assert_int_equal(st->recv.error, BK_E_DECLINED);
	assert_int_equal(st->send.error, BK_E_PEER_REFUSED);
	assert_non_null(strstr(st->send.text, "declined what was offered"));
	assert_false(kit_is_same_file(path, kit_path_in(st->out, "a")));
}

/* Nine files, three of which exist: what is asked, what is told, what stands there in the end. */
static const struct conflict_case {
	enum bk_transfer_conflict conflict, resolve;
	bool for_all;
	int questions, error;
	size_t skipped, left;
	const char *paths, *told;
} conflicts[] = {
	{BK_TRANSFER_CONFLICT_ASK, BK_TRANSFER_CONFLICT_OVERWRITE, false, 3, 0, 0, 0, "a;b;c;d;e;f;g;h;i;",
		"b over ;d over ;i over ;"},
	{BK_TRANSFER_CONFLICT_ASK, BK_TRANSFER_CONFLICT_SKIP, true, 1, 0, 3, 0, "a;c;e;f;g;h;",
		"b skip ;d skip ;i skip ;"},
	{BK_TRANSFER_CONFLICT_ASK, BK_TRANSFER_CONFLICT_RENAME, true, 1, 0, 0, 0, "a;b-1;c;d-2;e;f;g;h;i-1;",
		"b as b-1;d as d-2;i as i-1;"},
	{BK_TRANSFER_CONFLICT_RENAME, 0, false, 0, 0, 0, 0, "a;b-1;c;d-2;e;f;g;h;i-1;",
		"b as b-1;d as d-2;i as i-1;"},
	{BK_TRANSFER_CONFLICT_LEAVE, 0, false, 0, 0, 3, 3, "a;c;e;f;g;h;", "b skip ;d skip ;i skip ;"},
	{BK_TRANSFER_CONFLICT_SKIP, 0, false, 0, 0, 3, 0, "a;c;e;f;g;h;", "b skip ;d skip ;i skip ;"},
	{BK_TRANSFER_CONFLICT_FAIL, 0, false, 0, BK_E_EXISTS, 0, 0, "", ""},
};

static void start_over(struct stage *st)
{
	bk_send_free(st->send.send);
	bk_recv_free(st->recv.recv);
	st->send = st->recv = (struct seen){.loop = st->loop, .running = &st->running, .answer = true};
	bk_fake_reset(NULL);
	kit_remove(st->out);
	assert_int_equal(mkdir(st->out, 0700), 0);
}

static void existing_files_are_decided_one_by_one(void **state)
{
	struct stage *st = *state;
	char kept[9][512];
	const char *paths[9];

	for (int i = 0; i < 9; i++) {
		snprintf(kept[i], sizeof(kept[i]), "%s/%c", st->in, 'a' + i);
		paths[i] = kept[i];
		write_file(paths[i], 1000 + (size_t)i, i);
	}
	for (size_t k = 0; k < sizeof(conflicts) / sizeof(conflicts[0]); k++) {
		const struct conflict_case *c = &conflicts[k];

		start_over(st);
		write_file(kit_path_in(st->out, "b"), 3, 99);
		write_file(kit_path_in(st->out, "d"), 3, 99);
		write_file(kit_path_in(st->out, "d-1"), 3, 99);
		write_file(kit_path_in(st->out, "i"), 3, 99);
		st->recv.resolve = c->resolve;
		st->recv.for_all = c->for_all;
		transfer(st, paths, 9, &(struct bk_recv_opts){.conflict = c->conflict});
		assert_int_equal(st->recv.error, c->error);
		assert_int_equal(st->recv.questions, c->questions);
		assert_string_equal(st->recv.paths, c->paths);
		assert_string_equal(st->recv.told, c->told);
		assert_int_equal(st->recv.left, c->left);
		assert_int_equal(st->recv.skipped, c->skipped);
		assert_int_equal(st->send.skipped, c->skipped);
		assert_string_equal(st->send.digest, st->recv.digest);
		assert_int_equal(st->send.is_done, !c->error);
	}
}

/* The answer and done come together then. */
static void who_takes_no_file_is_done_at_once(void **state)
{
	struct stage *st = *state;
	const char *file = kit_path_in(st->in, "a"), *folder = kit_path_in(st->in, "f");

	write_file(file, 1000, 1);
	assert_int_equal(mkdir(folder, 0700), 0);
	write_file(kit_path_in(st->out, "a"), 3, 99);
	transfer(st, &file, 1, &(struct bk_recv_opts){.conflict = BK_TRANSFER_CONFLICT_SKIP});
	assert_true(st->recv.is_done);
	assert_true(st->send.is_done);
	assert_int_equal(st->send.skipped, 1);
	start_over(st);
	transfer(st, &folder, 1, &usual);
	assert_true(st->recv.is_done);
	assert_true(st->send.is_done);
}

static void what_is_hidden_or_runs_is_taken_only_when_asked_for(void **state)
{
	static const struct {
		struct bk_recv_opts opts;
		const char *paths;
		mode_t x;
		int error;
	} rows[] = {
		{{0}, "run;", 0, 0},
		{{.takes_hidden = true}, ".profile;run;", 0, 0},
		{{.takes_executable = true}, "run;", 0100, 0},
		{{.asks_accept = true}, ".profile;run;", 0100, 0},
	};
	struct stage *st = *state;
	char kept[2][512];
	const char *paths[] = {kept[0], kept[1]};
	struct stat got;

	snprintf(kept[0], sizeof(kept[0]), "%s/.profile", st->in);
	snprintf(kept[1], sizeof(kept[1]), "%s/run", st->in);
	write_file(kept[0], 10, 1);
	write_file(kept[1], 10, 2);
	chmod(kept[1], 0700);
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		start_over(st);
		transfer(st, paths, 2, &rows[k].opts);
		assert_int_equal(st->recv.error, rows[k].error);
		assert_string_equal(st->recv.paths, rows[k].paths);
		assert_int_equal(stat(kit_path_in(st->out, "run"), &got), 0);
		assert_int_equal(got.st_mode & 0111, rows[k].x);
	}
	start_over(st);
	transfer(st, paths, 1, &usual);
	assert_int_equal(st->recv.error, BK_E_DECLINED);
	assert_int_equal(st->send.error, BK_E_PEER_REFUSED);
	assert_int_equal(kit_count(st->out), 0);
}

static void what_is_called_like_a_journal_is_not_taken(void **state)
{
	struct stage *st = *state;
	const char *name = ".bodkin-1.journal",
		   *paths[] = {kit_path_in(st->in, name), kit_path_in(st->in, "a")};

	write_file(paths[0], 3, 0);
	write_file(paths[1], 3, 0);
	st->recv.answer = true;
	transfer(st, paths, 2, &(struct bk_recv_opts){.asks_accept = true, .takes_hidden = true});
	assert_true(st->recv.is_done);
	assert_string_equal(st->recv.told, ".bodkin-1.journal skip ;");
	assert_string_equal(st->send.paths, "a;");
	assert_int_equal(kit_count(st->out), 1);
}

static void a_link_in_the_way_is_replaced_not_followed(void **state)
{
	struct stage *st = *state;
	const char *path = kit_path_in(st->in, "a");
	struct stat got;

	write_file(path, 10, 0);
	assert_int_equal(symlink("../victim", kit_path_in(st->out, "a")), 0);
	assert_int_equal(symlink("../victim", kit_path_in(st->out, "a.part")), 0);
	transfer(st, &path, 1, &(struct bk_recv_opts){.conflict = BK_TRANSFER_CONFLICT_OVERWRITE});
	assert_true(st->recv.is_done);
	assert_int_equal(access(kit_path_in(st->root, "victim"), F_OK), -1);
	assert_int_equal(lstat(kit_path_in(st->out, "a"), &got), 0);
	assert_true(S_ISREG(got.st_mode));
}

static void take_the_name(void *arg)
{
	struct stage *st = arg;

	if (access(kit_path_in(st->out, "a.part"), F_OK) == 0)
		write_file(kit_path_in(st->out, "a"), 3, 9);
}

static void a_name_taken_during_the_transfer_costs_neither_file(void **state)
{
	struct stage *st = *state;
	const char *path = kit_path_in(st->in, "a");

	write_file(path, 5000000, 0);
	bk_fake_on_step(take_the_name, st);
	transfer(st, &path, 1, &usual);
	assert_int_equal(st->recv.error, BK_E_EXISTS);
	assert_non_null(strstr(st->recv.text, "kept as 'a.part'"));
	assert_int_equal(kit_count(st->out), 3);
	assert_true(has_journal(st));
	assert_true(kit_is_same_file(kit_path_in(st->in, "a"), kit_path_in(st->out, "a.part")));
	assert_true(st->send.has_failed && st->send.is_remote);
}

static bool has_much(const struct stage *st)
{
	struct stat got;

	return stat(kit_path_in(st->out, "a.part"), &got) == 0 && got.st_size >= BLOCK;
}

static void cut_the_file(void *arg)
{
	struct stage *st = arg;

	if (has_much(st))
		assert_int_equal(truncate(kit_path_in(st->in, "a"), 100), 0);
}

static void write_lines(const char *path, int n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (int i = 0; i < n; i++)
		fprintf(f, "line %d of what is alike in many places\n", i * 7919 % n);
	fclose(f);
}

static void what_becomes_shorter_travels_packed_and_arrives_whole(void **state)
{
	struct stage *st = *state;
	const char *paths[3] = {
		kit_path_in(st->in, "lines"), kit_path_in(st->in, "noise"), kit_path_in(st->in, "more")};

	write_lines(paths[0], 50000);
	write_file(paths[1], 3000000, 1);
	write_lines(paths[2], 40001);
	transfer(st, paths, 3, &usual);
	assert_true(st->send.is_done && st->recv.is_done);
	assert_true(st->recv.bytes > 6000000);
	assert_int_equal(st->send.bytes, st->recv.bytes);
	assert_true(st->recv.sent > 3000000 && st->recv.sent < st->recv.bytes - 1000000);
	assert_int_equal(st->send.sent, st->recv.sent);
	assert_string_equal(st->send.digest, st->recv.digest);
	for (int i = 0; i < 3; i++)
		assert_true(kit_is_same_file(paths[i], kit_path_in(st->out, strrchr(paths[i], '/') + 1)));
}

static void what_is_never_packed_travels_as_it_is(void **state)
{
	struct stage *st = *state;
	const char *path = kit_path_in(st->in, "lines");
	const struct bk_send_opts opts = {.size = sizeof(opts),
		.session = &session_opts,
		.paths = &path,
		.paths_len = 1,
		.compress = BK_TRANSFER_COMPRESS_OFF};

	write_lines(path, 10000);
	assert_int_equal(bk_send_new(st->loop, &opts, &events, &st->send, &st->send.send, NULL), 0);
	st->running++;
	start_recv(st, &usual);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_true(st->recv.is_done && kit_is_same_file(path, kit_path_in(st->out, "lines")));
	assert_int_equal(st->send.sent, st->recv.bytes);
	assert_int_equal(st->recv.sent, st->recv.bytes);
}

static void a_file_that_shrinks_fails_on_both_sides(void **state)
{
	struct stage *st = *state;
	const char *path = kit_path_in(st->in, "a");

	write_file(path, 5000000, 0);
	bk_fake_on_step(cut_the_file, st);
	transfer(st, &path, 1, &usual);
	assert_int_equal(st->send.error, BK_E_FILE);
	assert_non_null(strstr(st->send.text, "shrank"));
	assert_int_equal(st->recv.error, BK_E_FILE);
	assert_true(st->recv.is_remote);
	assert_non_null(strstr(st->recv.text, "shrank"));
	keeps_a_part(st, BLOCK);
}

static void grow_the_file(void *arg)
{
	struct stage *st = arg;
	FILE *f = access(kit_path_in(st->out, "a.part"), F_OK) == 0 ? fopen(kit_path_in(st->in, "a"), "a")
								    : NULL;

	if (f) {
		fputc('x', f);
		fclose(f);
	}
}

static void a_file_that_grows_fails_on_both_sides(void **state)
{
	struct stage *st = *state;
	const char *path = kit_path_in(st->in, "a");

	write_file(path, 5000000, 0);
	bk_fake_on_step(grow_the_file, st);
	transfer(st, &path, 1, &usual);
	assert_int_equal(st->send.error, BK_E_FILE);
	assert_non_null(strstr(st->recv.text, "grew"));
	keeps_a_part(st, 5000000);
}

static void remove_the_folder(void *arg)
{
	struct stage *st = arg;

	if (access(kit_path_in(st->out, "a.part"), F_OK) == 0)
		kit_remove(st->out);
}

static void a_vanished_folder_is_a_file_error(void **state)
{
	struct stage *st = *state;
	const char *path = kit_path_in(st->in, "a");

	write_file(path, 5000000, 0);
	bk_fake_on_step(remove_the_folder, st);
	transfer(st, &path, 1, &usual);
	assert_int_equal(st->recv.error, BK_E_FILE);
	assert_non_null(strstr(st->recv.text, "folder was removed"));
	assert_true(st->send.is_remote);
}

static void cancel_the_receiver(void *arg)
{
	struct stage *st = arg;

	if (access(kit_path_in(st->out, "a.part"), F_OK) == 0)
		bk_recv_cancel(st->recv.recv);
}

static void cancelling_before_much_came_leaves_nothing_and_tells_the_other(void **state)
{
	struct stage *st = *state;
	const char *path = kit_path_in(st->in, "a");

	write_file(path, 5000000, 0);
	bk_fake_on_step(cancel_the_receiver, st);
	transfer(st, &path, 1, &usual);
	assert_int_equal(st->recv.error, BK_E_CANCELLED);
	assert_int_equal(st->send.error, BK_E_PEER_CANCELLED);
	if (kit_count(st->out)) /* the writer was slow to hear of it */
		keeps_a_part(st, BLOCK);
}

static void cancel_when_much_came(void *arg)
{
	struct stage *st = arg;

	if (has_much(st))
		bk_recv_cancel(st->recv.recv);
}

static void cancelling_keeps_what_came(void **state)
{
	struct stage *st = *state;
	const char *path = kit_path_in(st->in, "a");

	write_file(path, 5000000, 0);
	bk_fake_on_step(cancel_when_much_came, st);
	transfer(st, &path, 1, &usual);
	assert_int_equal(st->recv.error, BK_E_CANCELLED);
	assert_int_equal(st->send.error, BK_E_PEER_CANCELLED);
	keeps_a_part(st, BLOCK);
}

static void what_cannot_be_sent_is_said_before_anything_starts(void **state)
{
	struct stage *st = *state;
	char text[BK_TRANSFER_TEXT_MAX], twin[2][512];
	const char *missing = kit_path_in(st->in, "nothing"), *twins[] = {twin[0], twin[1]},
		   *device = "/dev/full", *folder = "/..";

	snprintf(twin[0], sizeof(twin[0]), "%s/x", st->in);
	snprintf(twin[1], sizeof(twin[1]), "%s/x", st->out);
	write_file(twins[0], 1, 0);
	write_file(twins[1], 1, 0);
	assert_int_equal(start_send(st, &missing, 1, text), BK_E_FILE);
	assert_int_equal(start_send(st, &folder, 1, text), BK_E_INVALID);
	assert_non_null(strstr(text, "has no name"));
	assert_int_equal(start_send(st, &device, 1, text), BK_E_INVALID);
	assert_int_equal(start_send(st, twins, 2, text), BK_E_INVALID);
}

/* --- a stream: what has no size --- */

static int stream_in;
static size_t stream_put;

/* A slow writer: a piece now and then, and the end when all is written. */
static void feed_the_stream(void *arg)
{
	static uint8_t piece[3000];

	(void)arg;
	if (stream_in < 0)
		return;
	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = (uint8_t)((stream_put + i) * 31);
	assert_int_equal(write(stream_in, piece, sizeof(piece)), sizeof(piece));
	stream_put += sizeof(piece);
	if (stream_put < 30000)
		return;
	close(stream_in);
	stream_in = -1;
}

static void a_stream_without_a_size_arrives_whole_behind_a_file(void **state)
{
	struct stage *st = *state;
	const char *path = kit_path_in(st->in, "a");
	struct bk_send_opts opts = {
		.session = &session_opts, .paths = &path, .paths_len = 1, .stream_name = "typed"};
	char text[BK_TRANSFER_TEXT_MAX];
	uint8_t got[30001];
	int ends[2], fd;

	write_file(path, 700000, 0);
	assert_int_equal(pipe(ends), 0);
	opts.stream_fd = ends[0];
	stream_in = ends[1];
	stream_put = 0;
	bk_fake_on_step(feed_the_stream, st);
	st->send.has_stream = st->recv.has_stream = true;
	assert_int_equal(bk_send_new(st->loop, &opts, &events, &st->send, &st->send.send, text), 0);
	st->running++;
	start_recv(st, &usual);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_true(st->send.is_done && st->recv.is_done);
	assert_int_equal(st->recv.bytes, 730000);
	assert_string_equal(st->send.digest, st->recv.digest);
	assert_true(kit_is_same_file(path, kit_path_in(st->out, "a")));
	fd = open(kit_path_in(st->out, "typed"), O_RDONLY);
	assert_int_equal(read(fd, got, sizeof(got)), 30000);
	for (size_t i = 0; i < 30000; i++)
		assert_int_equal(got[i], (uint8_t)(i * 31));
	close(fd);
	close(ends[0]);
}

static void what_is_made_while_it_is_read_arrives_as_a_stream(void **state)
{
	struct stage *st = *state;
	const char *made[] = {"/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled"};

	st->send.has_stream = st->recv.has_stream = true;
	transfer(st, made, 2, &usual);
	assert_true(st->send.is_done && st->recv.is_done);
	assert_string_equal(st->send.digest, st->recv.digest);
	assert_true(kit_is_same_file(made[0], kit_path_in(st->out, "version")));
	assert_true(kit_is_same_file(made[1], kit_path_in(st->out, "enabled")));
}

/* --- a text --- */

static char told_text[64];

static void on_text(struct bk_call *call, void *arg, const char *text, size_t len)
{
	const struct seen *s = arg;

	(void)call;
	assert_false(s->is_done);
	assert_int_equal(strlen(text), len);
	snprintf(told_text, sizeof(told_text), "%s", text);
}

/* To somebody who hears it, or has it as a file. */
static void say(struct stage *st, bool hears, const struct bk_recv_opts *more)
{
	const struct bk_send_opts say = {
		.size = sizeof(say), .session = &session_opts, .text = "hello", .text_len = 5};
	struct bk_transfer_events heard = events;
	struct bk_recv_opts opts = *more;
	char text[BK_TRANSFER_TEXT_MAX];

	heard.size = sizeof(heard);
	heard.on_text = hears ? on_text : NULL;
	opts.session = &session_opts;
	opts.folder = st->out;
	told_text[0] = 0;
	assert_int_equal(bk_send_new(st->loop, &say, &events, &st->send, &st->send.send, text), 0);
	assert_int_equal(bk_recv_new(st->loop, &opts, &heard, &st->recv, &st->recv.recv, text), 0);
	st->running = 2;
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_true(st->send.is_done && st->recv.is_done);
	assert_int_equal(st->recv.bytes, 5);
}

static void a_text_is_told_and_nothing_is_asked_or_made(void **state)
{
	struct stage *st = *state;

	write_file(kit_path_in(st->out, "message.txt"), 1, 0);
	st->recv.is_lone = true;
	say(st, true, &(struct bk_recv_opts){.asks_accept = true, .conflict = BK_TRANSFER_CONFLICT_FAIL});
	assert_string_equal(told_text, "hello");
	assert_int_equal(st->recv.questions, 0);
	assert_string_equal(st->recv.paths, "");
	assert_int_equal(kit_count(st->out), 1);
}

static void a_text_that_nobody_hears_is_a_file(void **state)
{
	struct stage *st = *state;

	say(st, false, &(struct bk_recv_opts){0});
	assert_string_equal(told_text, "");
	assert_string_equal(st->recv.paths, "message.txt;");
}

static void a_text_goes_alone_and_has_an_end(void **state)
{
	struct stage *st = *state;
	const char *path = kit_path_in(st->in, "a");
	char text[BK_TRANSFER_TEXT_MAX];
	struct bk_send_opts opts = {.size = sizeof(opts),
		.session = &session_opts,
		.text = path,
		.text_len = BK_TRANSFER_MESSAGE_MAX + 1};

	write_file(path, 1, 0);
	assert_int_equal(
		bk_send_new(st->loop, &opts, &events, &st->send, &st->send.send, text), BK_E_INVALID);
	assert_non_null(strstr(text, "send it as a file"));
	opts.text_len = 1;
	opts.paths = &path;
	opts.paths_len = 1;
	assert_int_equal(
		bk_send_new(st->loop, &opts, &events, &st->send, &st->send.send, text), BK_E_INVALID);
	assert_non_null(strstr(text, "goes alone"));
}

/* --- one file or stream goes on to a program --- */

static void pass_on(struct stage *st, const char *const *paths, size_t n, int fd)
{
	const struct bk_recv_opts opts = {
		.size = sizeof(opts), .session = &session_opts, .has_stream = true, .stream_fd = fd};
	char text[BK_TRANSFER_TEXT_MAX];

	assert_int_equal(start_send(st, paths, n, text), 0);
	st->recv.is_lone = true;
	assert_int_equal(bk_recv_new(st->loop, &opts, &events, &st->recv, &st->recv.recv, text), 0);
	st->running++;
	assert_int_equal(bk_loop_run(st->loop), 0);
}

static void one_file_goes_on_to_a_descriptor_whatever_it_is_called(void **state)
{
	struct stage *st = *state;
	const char *path = kit_path_in(st->in, ".hidden"), *copy = kit_path_in(st->out, "copy");
	int fd = open(copy, O_WRONLY | O_CREAT, 0600);

	write_file(path, 5000000, 3);
	pass_on(st, &path, 1, fd);
	close(fd);
	assert_true(st->send.is_done && st->recv.is_done);
	assert_string_equal(st->send.digest, st->recv.digest);
	assert_true(kit_is_same_file(path, copy));
}

static void more_than_one_file_does_not_go_on(void **state)
{
	struct stage *st = *state;
	char kept[2][512];
	const char *paths[2] = {kept[0], kept[1]};

	for (int i = 0; i < 2; i++) {
		snprintf(kept[i], sizeof(kept[i]), "%s/%d", st->in, i);
		write_file(kept[i], 1, i);
	}
	pass_on(st, paths, 2, STDOUT_FILENO);
	assert_int_equal(st->send.error, BK_E_PEER_REFUSED);
	assert_int_equal(st->recv.error, BK_E_UNSUPPORTED);
	assert_non_null(strstr(st->send.text, "send a tar of them"));
}

/* --- a sender that means harm --- */

static void add_raw(struct bk_buf *b, const char *header_fields, const char *content)
{
	char header[512];
	int n = snprintf(
		header, sizeof(header), "{%s,\"content-length\":%zu}", header_fields, strlen(content));
	const uint8_t prefix[2] = {(uint8_t)(n >> 8), (uint8_t)n};

	assert_int_equal(bk_buf_append(b, prefix, 2), 0);
	assert_int_equal(bk_buf_append(b, header, (size_t)n), 0);
	assert_int_equal(bk_buf_append(b, content, strlen(content)), 0);
}

#define OFFER(entries)                                                                                       \
	{                                                                                                    \
		"\"type\":\"offer\",\"entries\":1,\"bytes\":1", "{\"entries\":[" entries "]}"                \
	}
#define FIVE OFFER("{\"path\":\"a\",\"size\":5,\"kind\":\"file\"}")
#define IN_FOLDER                                                                                            \
	OFFER("{\"path\":\"d\",\"size\":0,\"kind\":\"folder\"},"                                             \
	      "{\"path\":\"d/x\",\"size\":5,\"kind\":\"file\"}")
#define LINK(target)                                                                                         \
	OFFER("{\"path\":\"d\",\"size\":0,\"kind\":\"folder\"},"                                             \
	      "{\"path\":\"d/x\",\"size\":5,\"kind\":\"file\"},"                                             \
	      "{\"path\":\"d/y\",\"size\":0,\"kind\":\"link\",\"target\":\"" target "\"}")
#define DIGEST(n, hex)                                                                                       \
	{                                                                                                    \
		"\"type\":\"digest\",\"entry\":" #n ",\"xxh3_128\":\"" hex "\"", ""                          \
	}
#define CONTENT(n, at, bytes)                                                                                \
	{                                                                                                    \
		"\"type\":\"content\",\"entry\":" #n ",\"offset\":" #at, bytes                               \
	}
#define PIECES(n)                                                                                            \
	{                                                                                                    \
		"\"type\":\"offer\",\"version\":2,\"more\":1,\"bytes\":5,\"entries\":" n, "{}"               \
	}
#define PIECE(more, entries)                                                                                 \
	{                                                                                                    \
		"\"type\":\"entries\"" more, "{\"entries\":[" entries "]}"                                   \
	}
#define ONE(path) "{\"path\":\"" path "\",\"size\":5,\"kind\":\"file\"}"
#define HOLE(n)                                                                                              \
	{                                                                                                    \
		"\"type\":\"content\",\"entry\":0,\"offset\":0,\"hole\":" #n, ""                             \
	}
#define WRONG "00000000000000000000000000000000"

struct line {
	const char *header, *content;
};

static const struct attack {
	const char *name;
	struct line lines[4];
	int want;
} attacks[] = {
	{"up", {OFFER("{\"path\":\"../x\",\"size\":5,\"kind\":\"file\"}")}, BK_E_UNSAFE_PATH},
	{"absolute", {OFFER("{\"path\":\"/tmp/x\",\"size\":5,\"kind\":\"file\"}")}, BK_E_UNSAFE_PATH},
	{"a device", {OFFER("{\"path\":\"x\",\"size\":5,\"kind\":\"device\"}")}, BK_E_UNSUPPORTED},
	{"a link in no folder", {OFFER("{\"path\":\"x\",\"size\":0,\"kind\":\"link\",\"target\":\"/\"}")},
		BK_E_UNSAFE_PATH},
	{"a link that leads out", {LINK("../../x")}, BK_E_UNSAFE_PATH},
	{"a link to the root", {LINK("/")}, BK_E_UNSAFE_PATH},
	{"a link to nothing", {LINK("none")}, BK_E_UNSAFE_PATH},
	{"content of a link", {LINK("x"), CONTENT(2, 0, "hello")}, BK_E_PROTOCOL},
	{"digest of a link", {LINK("x"), DIGEST(2, WRONG)}, BK_E_PROTOCOL},
	{"gone before a link is made", {LINK("x"), CONTENT(1, 0, "hel")}, BK_E_PEER_VANISHED},
	{"sized stream", {OFFER("{\"path\":\"x\",\"size\":5,\"kind\":\"stream\"}")}, BK_E_MALFORMED},
	{"stream in a folder", {OFFER("{\"path\":\"d/x\",\"size\":0,\"kind\":\"stream\"}")}, BK_E_MALFORMED},
	{"endless", {OFFER("{\"path\":\"x\",\"size\":0,\"kind\":\"stream\"}"), CONTENT(0, 0, "hello")},
		BK_E_PEER_VANISHED},
	{"in no folder", {OFFER("{\"path\":\"d/x\",\"size\":5,\"kind\":\"file\"}")}, BK_E_MALFORMED},
	{"content of a folder", {IN_FOLDER, CONTENT(0, 0, "hello")}, BK_E_PROTOCOL},
	{"digest of a folder", {IN_FOLDER, DIGEST(0, WRONG)}, BK_E_PROTOCOL},
	{"gone in a folder", {IN_FOLDER, CONTENT(1, 0, "hel")}, BK_E_PEER_VANISHED},
	{"huge", {OFFER("{\"path\":\"x\",\"size\":9223372036854775807,\"kind\":\"file\"}")}, BK_E_NO_SPACE},
	{"content first", {CONTENT(0, 0, "hello")}, BK_E_PROTOCOL},
	{"accept", {{"\"type\":\"accept\"", "{\"entries\":[]}"}}, BK_E_PROTOCOL},
	{"done first", {{"\"type\":\"done\",\"entries\":0,\"bytes\":0,\"xxh3_128\":\"" WRONG "\"", ""}},
		BK_E_PROTOCOL},
	{"two offers", {FIVE, FIVE}, BK_E_PROTOCOL},
	{"too much", {FIVE, CONTENT(0, 0, "hello!")}, BK_E_TOO_BIG},
	{"too much later", {FIVE, CONTENT(0, 0, "hello"), CONTENT(0, 5, "!")}, BK_E_TOO_BIG},
	{"too little", {FIVE, CONTENT(0, 0, "hell"), DIGEST(0, WRONG)}, BK_E_PROTOCOL},
	{"no such entry", {FIVE, CONTENT(1, 0, "hello")}, BK_E_PROTOCOL},
	{"digest of another", {FIVE, CONTENT(0, 0, "hello"), DIGEST(7, WRONG)}, BK_E_PROTOCOL},
	{"a gap", {FIVE, CONTENT(0, 2, "llo")}, BK_E_PROTOCOL},
	{"a piece before an offer", {PIECE("", ONE("x"))}, BK_E_PROTOCOL},
	{"a piece after an offer", {FIVE, PIECE("", ONE("y"))}, BK_E_PROTOCOL},
	{"content between two pieces", {PIECES("2"), PIECE(",\"more\":1", ONE("x")), CONTENT(0, 0, "hello")},
		BK_E_PROTOCOL},
	{"an offer between two pieces", {PIECES("2"), PIECE(",\"more\":1", ONE("x")), FIVE}, BK_E_PROTOCOL},
	{"more than was announced", {PIECES("1"), PIECE("", ONE("x") "," ONE("y"))}, BK_E_MALFORMED},
	{"less than was announced", {PIECES("3"), PIECE("", ONE("x") "," ONE("y"))}, BK_E_MALFORMED},
	{"nothing was announced", {PIECES("0"), PIECE("", ONE("x"))}, BK_E_MALFORMED},
	{"more than there may be", {PIECES("4294967295")}, BK_E_TOO_BIG},
	{"a twin in another piece", {PIECES("2"), PIECE(",\"more\":1", ONE("x")), PIECE("", ONE("x"))},
		BK_E_MALFORMED},
	{"gone between two pieces", {PIECES("2"), PIECE(",\"more\":1", ONE("x"))}, BK_E_PEER_VANISHED},
	{"a hole beyond the end", {FIVE, HOLE(6)}, BK_E_TOO_BIG},
	{"a hole and too much", {FIVE, HOLE(5), CONTENT(0, 5, "!")}, BK_E_TOO_BIG},
	{"a hole that is none", {FIVE, HOLE(5), DIGEST(0, WRONG)}, BK_E_DIGEST},
	{"a hole in a stream", {OFFER("{\"path\":\"x\",\"size\":0,\"kind\":\"stream\"}"), HOLE(4194304)},
		BK_E_PROTOCOL},
	{"a hole beyond numbers", {FIVE, HOLE(9223372036854775807)}, BK_E_TOO_BIG},
	{"backwards", {FIVE, CONTENT(0, 0, "hel"), CONTENT(0, 1, "el")}, BK_E_PROTOCOL},
	{"wrong digest", {FIVE, CONTENT(0, 0, "hello"), DIGEST(0, WRONG)}, BK_E_DIGEST},
	{"no header", {{"\"nothing\":1", ""}}, BK_E_MALFORMED},
	{"it gives up",
		{FIVE, CONTENT(0, 0, "hel"), {"\"type\":\"error\",\"code\":\"io\",\"text\":\"disk\"", ""}},
		BK_E_IO},
	{"it is gone", {FIVE, CONTENT(0, 0, "hel")}, BK_E_PEER_VANISHED},
};

static void a_hostile_sender_gets_a_named_error_and_leaves_nothing(void **state)
{
	struct stage *st = *state;

	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		struct bk_buf script;
		/* what came of a stream, and the journal */
		int left = strcmp(attacks[i].name, "endless") ? 0 : 2;

		bk_buf_init(&script, 1 << 16);
		for (size_t k = 0; k < 4 && attacks[i].lines[k].header; k++)
			add_raw(&script, attacks[i].lines[k].header, attacks[i].lines[k].content);
		bk_fake_reset(&script);
		bk_fake_end_with(BK_E_PEER_VANISHED);
		st->recv = (struct seen){.loop = st->loop, .running = &st->running};
		start_recv(st, &usual);
		assert_int_equal(bk_loop_run(st->loop), 0);
		if (st->recv.error != attacks[i].want || kit_count(st->out) != left ||
			kit_count(st->root) != 2)
			fail_msg("%s: %s, '%s', %d files", attacks[i].name, bk_error_name(st->recv.error),
				st->recv.text, kit_count(st->out));
		bk_recv_free(st->recv.recv);
		st->recv.recv = NULL;
		kit_remove(st->out);
		assert_int_equal(mkdir(st->out, 0700), 0);
		bk_buf_done(&script);
	}
}

static void fill_the_disk(void *arg)
{
	struct stage *st = arg;
	static bool is_filled;

	if (is_filled || access(kit_path_in(st->out, "a.part"), F_OK) < 0)
		return;
	is_filled = true;
	write_file(kit_path_in(st->out, "filler"), 4500000, 0);
}

/* A tmpfs of 8 MiB in a mount namespace of our own; the child's exit code is the verdict. */
static int fill_small_disk(struct stage *st)
{
	const char *path = kit_path_in(st->in, "a");
	char text[BK_TRANSFER_TEXT_MAX];

	if (unshare(geteuid() ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS) < 0 ||
		mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", st->out, "tmpfs", 0, "size=8m") < 0)
		return 77;
	write_file(path, 5000000, 0);
	bk_fake_reset(NULL);
	if (start_send(st, &path, 1, text) < 0)
		return 1;
	start_recv(st, &usual);
	bk_fake_on_step(fill_the_disk, st);
	bk_loop_run(st->loop);
	if (st->recv.error != BK_E_NO_SPACE || st->recv.is_remote || !strstr(st->recv.text, "no space left"))
		return 2;
	if (st->send.error != BK_E_NO_SPACE || !st->send.is_remote)
		return 3;
	return access(kit_path_in(st->out, "a.part"), F_OK) == 0 ? 0 : 4;
}

static void a_full_disk_ends_with_no_space_on_both_sides(void **state)
{
	struct stage *st = *state;
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		struct bk_loop *loop;

		if (bk_loop_new(BK_LOOP_POLL, &loop) < 0)
			_exit(1);
		st->loop = st->send.loop = st->recv.loop = loop;
		bk_fake_reset(NULL);
		_exit(fill_small_disk(st));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(files_arrive_whole_with_mode_and_time),
		T(a_folder_arrives_with_all_that_can_be_sent),
		T(what_a_folder_has_and_cannot_be_sent_is_named),
		T(what_is_excluded_is_not_offered),
		T(a_folder_that_is_there_is_gone_on_with_file_by_file),
		T(no_link_is_taken_for_a_folder),
		T(a_folder_that_becomes_a_link_is_not_followed),
		T(a_peers_name_reaches_the_user_without_controls),
		T(an_existing_file_is_refused_and_stays),
		T(a_no_takes_nothing_and_is_told_as_one),
		T(existing_files_are_decided_one_by_one),
		T(who_takes_no_file_is_done_at_once),
		T(what_is_hidden_or_runs_is_taken_only_when_asked_for),
		T(what_is_called_like_a_journal_is_not_taken),
		T(a_link_in_the_way_is_replaced_not_followed),
		T(a_name_taken_during_the_transfer_costs_neither_file),
		T(what_becomes_shorter_travels_packed_and_arrives_whole),
		T(what_is_never_packed_travels_as_it_is),
		T(a_file_that_shrinks_fails_on_both_sides),
		T(a_file_that_grows_fails_on_both_sides),
		T(a_vanished_folder_is_a_file_error),
		T(cancelling_before_much_came_leaves_nothing_and_tells_the_other),
		T(cancelling_keeps_what_came),
		T(what_cannot_be_sent_is_said_before_anything_starts),
		T(a_stream_without_a_size_arrives_whole_behind_a_file),
		T(what_is_made_while_it_is_read_arrives_as_a_stream),
		T(a_text_is_told_and_nothing_is_asked_or_made),
		T(a_text_that_nobody_hears_is_a_file),
		T(a_text_goes_alone_and_has_an_end),
		T(one_file_goes_on_to_a_descriptor_whatever_it_is_called),
		T(more_than_one_file_does_not_go_on),
		T(a_hostile_sender_gets_a_named_error_and_leaves_nothing),
		T(a_full_disk_ends_with_no_space_on_both_sides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
