/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/test_ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "transfer/test_fake.h"
#include "transfer/test_kit.h"

static void on_peer(struct bk_call *call, void *arg, const struct bk_peer *peer)
{
	struct ends_side *s = arg;

	(void)call;
	snprintf(s->peer, sizeof(s->peer), "%s", peer->name);
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
	struct ends_side *s = arg;

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
	struct ends_side *s = arg;
	size_t n = strlen(s->told);

	(void)call;
	snprintf(s->told + n, sizeof(s->told) - n, "%s %s %s;", entry->path, names[how], as ? as : "");
}

static void on_progress(struct bk_call *call, void *arg, uint64_t bytes, uint64_t total, double rate)
{
	const struct ends_side *s = arg;

	(void)call;
	assert_true(bytes <= total || s->has_stream); /* what a stream has is in no total */
	assert_true(rate >= 0);
}

static void over(struct ends_side *s)
{
	assert_false(s->is_done || s->has_failed);
	if (!--*s->running)
		bk_loop_stop(s->loop);
}

static void on_done(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct ends_side *s = arg;

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
	struct ends_side *s = arg;

	(void)call;
	over(s);
	s->has_failed = true;
	s->error = failure->error;
	s->is_remote = failure->who == BK_CALL_WHO_PEER;
	snprintf(s->text, sizeof(s->text), "%s", failure->text);
}

static const struct bk_call_news news = {.on_peer = on_peer};

const struct bk_transfer_events ends_events = {
	.news = &news,
	.on_offer = on_offer,
	.on_ask = on_ask,
	.on_conflict = on_conflict,
	.on_progress = on_progress,
	.on_done = on_done,
	.on_error = on_error,
};

const struct bk_session_opts ends_session = {.server = "none"};

int ends_set_up(void **state)
{
	struct ends *st = calloc(1, sizeof(*st));

	snprintf(st->root, sizeof(st->root), "/tmp/bodkin-test-XXXXXX");
	if (!mkdtemp(st->root) || bk_loop_new(BK_LOOP_AUTO, &st->loop) < 0)
		return -1;
	snprintf(st->in, sizeof(st->in), "%s/in", st->root);
	snprintf(st->out, sizeof(st->out), "%s/out", st->root);
	mkdir(st->in, 0700);
	mkdir(st->out, 0700);
	st->send = st->recv = (struct ends_side){.loop = st->loop, .running = &st->running};
	bk_fake_reset(NULL);
	*state = st;
	return 0;
}

int ends_tear_down(void **state)
{
	struct ends *st = *state;

	bk_send_free(st->send.send);
	bk_recv_free(st->recv.recv);
	bk_loop_free(st->loop);
	kit_remove(st->root);
	free(st);
	return 0;
}

void ends_write_file(const char *path, size_t n, int seed)
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

int ends_start_send(struct ends *st, const char *const *paths, size_t n, char text[BK_TRANSFER_TEXT_MAX])
{
	const struct bk_send_opts opts = {.session = &ends_session, .paths = paths, .paths_len = n};
	int err = bk_send_new(st->loop, &opts, &ends_events, &st->send, &st->send.send, text);

	st->running += err >= 0;
	return err;
}

void ends_start_recv(struct ends *st, const struct bk_recv_opts *wish)
{
	struct bk_recv_opts opts = *wish;
	char text[BK_TRANSFER_TEXT_MAX];

	opts.session = &ends_session;
	opts.folder = opts.folder ? opts.folder : st->out;
	assert_int_equal(bk_recv_new(st->loop, &opts, &ends_events, &st->recv, &st->recv.recv, text), 0);
	st->running++;
}

void ends_transfer(struct ends *st, const char *const *paths, size_t n, const struct bk_recv_opts *opts)
{
	char text[BK_TRANSFER_TEXT_MAX];

	assert_int_equal(ends_start_send(st, paths, n, text), 0);
	ends_start_recv(st, opts);
	assert_int_equal(bk_loop_run(st->loop), 0);
}
