/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/test_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "transfer/test_fake.h"
#include "transfer/test_kit.h"

struct stage st;

static void over(struct stage_end *e)
{
	if (!--*e->running)
		bk_loop_stop(e->loop);
}

static void on_done(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct stage_end *e = arg;

	(void)call;
	e->is_done = true;
	e->bytes = result->bytes;
	e->sent = result->sent;
	snprintf(e->digest, sizeof(e->digest), "%s", result->digest);
	over(e);
}

static void on_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct stage_end *e = arg;

	(void)call;
	e->error = failure->error;
	snprintf(e->text, sizeof(e->text), "%s", failure->text);
	over(e);
}

static void on_conflict(struct bk_call *call, void *arg, const struct bk_transfer_entry *entry,
	enum bk_transfer_conflict how, const char *as)
{
	struct stage_end *e = arg;
	size_t n = strlen(e->told);

	(void)call;
	snprintf(e->told + n, sizeof(e->told) - n, "%s %d %s;", entry->path, how, as ? as : "");
}

static void on_resume(struct bk_call *call, void *arg, const struct bk_transfer_resume *resume)
{
	struct stage_end *e = arg;

	(void)call;
	assert_int_equal(e->here + e->changed, 0);
	e->here = resume->bytes;
	e->changed = resume->changed;
	if (resume->changed)
		snprintf(e->changed_first, sizeof(e->changed_first), "%s", resume->changed_first);
}

const struct bk_transfer_events stage_events = {.size = sizeof(stage_events),
	.on_resume = on_resume,
	.on_conflict = on_conflict,
	.on_done = on_done,
	.on_error = on_error};
const struct bk_session_opts stage_session = {.server = "none"};

static void add_size(const char *path, void *arg)
{
	struct stat got;

	if (stat(path, &got) == 0 && !strstr(path, ".journal"))
		*(off_t *)arg += S_ISDIR(got.st_mode) ? 0 : got.st_size;
	if (stat(path, &got) == 0 && S_ISDIR(got.st_mode))
		kit_for_each(path, add_size, arg);
}

int stage_set_up(void **state)
{
	(void)state;
	st = (struct stage){0};
	snprintf(st.root, sizeof(st.root), "/tmp/bodkin-resume-XXXXXX");
	if (!mkdtemp(st.root) || bk_loop_new(BK_LOOP_AUTO, &st.loop) < 0)
		return -1;
	snprintf(st.in, sizeof(st.in), "%s/in", st.root);
	snprintf(st.out, sizeof(st.out), "%s/out", st.root);
	return mkdir(st.in, 0700) < 0 || mkdir(st.out, 0700) < 0 ? -1 : 0;
}

void stage_free_ends(void)
{
	bk_send_free(st.send);
	bk_recv_free(st.recv);
	st.send = NULL;
	st.recv = NULL;
}

int stage_tear_down(void **state)
{
	(void)state;
	stage_free_ends();
	bk_loop_free(st.loop);
	kit_remove(st.root);
	return 0;
}

void stage_make_file(const char *path, size_t n, int seed)
{
	const struct timespec times[2] = {{.tv_sec = 1600000000}, {.tv_sec = 1600000000}};
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (size_t i = 0; i < n; i++)
		fputc((int)((i * 31 + (size_t)seed + i / 251) & 0xff), f);
	fclose(f);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void stop_when_enough(void *arg)
{
	off_t size = 0;

	(void)arg;
	kit_for_each(st.out, add_size, &size);
	if (size >= st.stop_at && st.recv && !st.receiver.is_done && !st.receiver.error)
		bk_recv_cancel(st.recv);
}

/* One run; what is sent stops where stop_at says. */
void stage_run(const char *path, const struct bk_recv_opts *wish, off_t stop_at)
{
	const struct bk_send_opts send_opts = {.size = sizeof(send_opts),
		.session = &stage_session,
		.paths = &path,
		.paths_len = 1,
		.compress = BK_TRANSFER_COMPRESS_OFF};
	struct bk_recv_opts recv_opts = *wish;
	char text[BK_TRANSFER_TEXT_MAX];

	stage_free_ends();
	bk_fake_reset(NULL);
	st.sender = st.receiver = (struct stage_end){.running = &st.running, .loop = st.loop};
	st.running = 2;
	st.stop_at = stop_at;
	if (stop_at)
		bk_fake_on_step(stop_when_enough, NULL);
	recv_opts.session = &stage_session;
	recv_opts.folder = st.out;
	assert_int_equal(bk_send_new(st.loop, &send_opts, &stage_events, &st.sender, &st.send, text), 0);
	assert_int_equal(bk_recv_new(st.loop, &recv_opts, &stage_events, &st.receiver, &st.recv, text), 0);
	assert_int_equal(bk_loop_run(st.loop), 0);
	stage_free_ends();
}
