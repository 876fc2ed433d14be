/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bodkin/log.h>

#include "base/error.h"
#include "base/text.h"
#include "net/test_clock.h"
#include "transfer/journals.h"

enum { WATCHDOG_SECONDS = 100, LINE = 256 };

#define REAL_TIME (500 * BK_MS) /* then it flies: who waits for somebody that is silent need not wait long */
#define PATIENT   (15 * BK_SEC)
#define FLIGHT    (300 * BK_SEC)

struct play {
	const struct scene *scene;
	struct verdict *verdict;
	struct bk_loop *loop;
	struct test_clock clock;
	struct bk_timer *patience, *gauge;
	struct bk_watch *told;
	struct bk_send *send;
	struct bk_recv *recv;
	char root[32], in[48], file[48], server[LINE];
	int liar, control;
	bool is_over;
	size_t memory, memory_max; /* at the beginning, and the most since */
};

/* --- what reaches the person --- */

static void expect_harmless(const char *text)
{
	if (text && !bk_text_is_plain(text))
		fail_msg("harmful: '%s'", text);
}

static void on_code(struct bk_call *call, void *arg, const char *code)
{
	struct play *p = arg;

	(void)call;
	assert_true(dprintf(p->control, "%s\n", code) > 0);
}

static void on_peer(struct bk_call *call, void *arg, const struct bk_peer *peer)
{
	(void)call, (void)arg;
	expect_harmless(peer->name);
}

static void on_path(struct bk_call *call, void *arg, const struct bk_path *path)
{
	struct play *p = arg;

	(void)call;
	expect_harmless(path->text);
	p->verdict->paths++;
	p->verdict->path_kind = path->kind;
	p->verdict->transport = path->transport;
}

static void on_note(struct bk_call *call, void *arg, int verbosity, const char *text)
{
	(void)call, (void)arg, (void)verbosity;
	expect_harmless(text);
}

static void on_offer(struct bk_call *call, void *arg, const struct bk_transfer_offer *offer)
{
	(void)call, (void)arg;
	expect_harmless(offer->from);
	for (size_t i = 0; i < offer->entries; i++) {
		expect_harmless(offer->names[i].path);
		expect_harmless(bk_transfer_offer_target(offer, i));
	}
}

static void over(struct play *p, int error, const char *text)
{
	assert_false(p->is_over);
	p->is_over = true;
	p->verdict->error = error;
	snprintf(p->verdict->text, sizeof(p->verdict->text), "%s", text);
	expect_harmless(p->verdict->text);
	bk_loop_stop(p->loop);
}

static void on_done(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	(void)call, (void)result;
	over(arg, 0, "");
}

static void on_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct play *p = arg;

	(void)call;
	assert_true(failure->error < 0);
	p->verdict->who = failure->who;
	over(p, failure->error, failure->text);
}

/* --- the stage --- */

static void read_line(int fd, char line[LINE])
{
	size_t n = 0;

	while (n < LINE - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n')
		n++;
	assert_true(n > 0 && line[n] == '\n');
	line[n] = 0;
}

static size_t allocated(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void on_gauge(void *arg)
{
	struct play *p = arg;
	size_t now = allocated();

	p->memory_max = now > p->memory_max ? now : p->memory_max;
	bk_timer_start(p->gauge, 2 * BK_MS);
}

static void on_patience(void *arg)
{
	struct play *p = arg;

	p->verdict->has_flown = true;
	test_clock_fly(&p->clock, FLIGHT);
}

/* However slow this machine is, the two have met by now. */
static void on_told(void *arg, int fd, int events)
{
	struct play *p = arg;
	char text[LINE];

	(void)events;
	if (read(fd, text, sizeof(text)) <= 0)
		bk_watch_set(p->told, 0);
	bk_timer_start(p->patience, p->scene->has_time ? PATIENT : REAL_TIME);
}

static void print_log(void *arg, enum bk_log_level level, const char *module, const char *line)
{
	fprintf(arg, "we: %s %s: %s\n", bk_log_level_name(level), module, line);
}

static void prepare(struct play *p)
{
	int here = open(".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	assert_true(here >= 0 && chdir(p->in) == 0);
	p->scene->prepare();
	assert_int_equal(fchdir(here), 0);
	close(here);
}

static void make_files(struct play *p)
{
	FILE *f;

	strcpy(p->root, "/tmp/bodkin-test-XXXXXX");
	assert_non_null(mkdtemp(p->root));
	snprintf(p->in, sizeof(p->in), "%s/in", p->root);
	snprintf(p->file, sizeof(p->file), "%s/data", p->root);
	assert_int_equal(mkdir(p->in, 0700), 0);
	f = fopen(p->file, "w");
	assert_non_null(f);
	for (int i = 0; i < SCENE_FILE; i++)
		fputc(i * 7 & 255, f);
	fclose(f);
	if (p->scene->prepare)
		prepare(p);
}

static void set_up(struct play *p)
{
	if (getenv("BK_TEST_LOG"))
		bk_log_set(print_log, stderr, BK_LOG_TRACE);
	make_files(p);
	p->liar = liar_start(&p->scene->liar, &p->control);
	read_line(p->control, p->server);
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &p->loop), 0);
	assert_int_equal(test_clock_init(&p->clock, p->loop), 0);
	assert_int_equal(bk_timer_new(p->loop, on_patience, p, &p->patience), 0);
	assert_int_equal(bk_timer_new(p->loop, on_gauge, p, &p->gauge), 0);
	if (!p->scene->liar.tell)
		bk_timer_start(p->patience, PATIENT);
	bk_timer_start(p->gauge, 0);
	p->memory = p->memory_max = allocated();
}

static void start(struct play *p)
{
	static const struct bk_call_news news = {
		.on_code = on_code, .on_peer = on_peer, .on_path = on_path, .on_note = on_note};
	static const struct bk_transfer_events events = {
		.news = &news, .on_offer = on_offer, .on_done = on_done, .on_error = on_error};
	char text[BK_TRANSFER_TEXT_MAX] = "", code[LINE];
	struct bk_session_opts session = {
		.server = p->server, .name = "we", .path = p->scene->path, .transport = p->scene->transport};
	const char *paths[] = {p->file};
	const struct bk_send_opts send = {.session = &session, .paths = paths, .paths_len = 1};
	const struct bk_recv_opts recv = {
		.size = sizeof(recv), .session = &session, .folder = p->in, .bytes_max = p->scene->most};
	int err;

	if (p->scene->liar.is_sender) {
		read_line(p->control, code);
		session.code = code;
		err = bk_recv_new(p->loop, &recv, &events, p, &p->recv, text);
	} else {
		err = bk_send_new(p->loop, &send, &events, p, &p->send, text);
	}
	if (err < 0)
		fail_msg("%s", text);
}

/* But what says what is what there, when not all came. */
static int count_files(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;
	int n = -2;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		n += !bk_journals_is_name(e->d_name);
	closedir(dir);
	return n;
}

static void expect_whole(int folder, const char *name, uint64_t most)
{
	char text[64] = "";
	struct stat st;
	int fd;

	if (bk_journals_is_name(name) || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		!S_ISREG(st.st_mode))
		return;
	fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	if (most && st.st_size && !*text) {
		assert_in_range(st.st_size, 1, most);
		return;
	}
	if (strcmp(text, SCENE_OURS) != 0 && strcmp(text, SCENE_THEIRS) != 0)
		fail_msg("'%s' holds '%s'", name, text);
}

/* All that has a name in the folder. */
static void expect_all_whole(const char *path, uint64_t most)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		expect_whole(dirfd(dir), e->d_name, most);
	closedir(dir);
}

static void expect_nothing_elsewhere(const struct play *p)
{
	struct stat st;

	if (count_files(p->root) != 2)
		fail_msg("%s: something was written beside the folder", p->scene->name);
	assert_int_equal(stat(p->file, &st), 0);
	assert_int_equal(st.st_size, SCENE_FILE);
}

static void end_liar(struct play *p)
{
	int status = 0;

	close(p->control);
	assert_int_equal(waitpid(p->liar, &status, 0), p->liar);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void tear_down(struct play *p)
{
	char command[64];
	int holds;

	bk_send_free(p->send);
	bk_recv_free(p->recv);
	bk_timer_free(p->patience);
	bk_timer_free(p->gauge);
	bk_watch_free(p->told);
	test_clock_done(&p->clock);
	bk_loop_free(p->loop);
	end_liar(p);
	expect_nothing_elsewhere(p);
	expect_all_whole(p->in, p->scene->most);
	holds = p->scene->holds ? p->scene->holds : p->scene->liar.is_sender && !p->verdict->error;
	if (count_files(p->in) != holds)
		fail_msg("%s: %d files in the folder, not %d", p->scene->name, count_files(p->in), holds);
	snprintf(command, sizeof(command), "rm -r '%s'", p->root);
	assert_int_equal(system(command), 0);
}

void scene_choose_line(struct scene *scene, size_t i)
{
	scene->path = i % 4 == 3 ? BK_PATH_CHOICE_RELAY : BK_PATH_CHOICE_DIRECT;
	scene->transport = i % 2 ? BK_TRANSPORT_CHOICE_TCP : BK_TRANSPORT_CHOICE_UDP;
}

void scene_play(const struct scene *scene, struct verdict *ret_verdict)
{
	struct play p = {.scene = scene, .verdict = ret_verdict};

	*ret_verdict = (struct verdict){0};
	alarm(WATCHDOG_SECONDS);
	set_up(&p);
	start(&p);
	assert_int_equal(bk_watch_new(p.loop, p.control, on_told, &p, &p.told), 0);
	assert_int_equal(bk_watch_set(p.told, BK_READABLE), 0);
	assert_int_equal(bk_loop_run(p.loop), 0);
	assert_true(p.is_over);
	if (p.memory_max - p.memory > SCENE_MEMORY_MAX)
		fail_msg("%s: %zu bytes more than before", scene->name, p.memory_max - p.memory);
	tear_down(&p);
	alarm(0);
}
