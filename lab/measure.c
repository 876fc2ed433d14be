/* SPDX-License-Identifier: Apache-2.0 */
/* A pair's lab belongs to a process of ours, which tries it over each transport and writes what came of it into a pipe.
 * It has no name and no file: its namespaces end with it, it ends with us, and what runs in it ends with it. */
#include "lab/measure.h"

#include "base/error.h"
#include "lab/build.h"
#include "lab/holder.h"
#include "lab/say.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LABS_MAX   16
#define FOLDER_MAX 256
#define RESULT_FD  3

/* What a lab writes. */
struct report {
	enum { WAITS, GOES_ON, IS_DONE } what;
	struct bk_lab_cell cell; /* that is done */
};

struct lab {
	pid_t pid; /* 0: none */
	bool is_waiting;
	int fd;
	int pair; /* which one it is */
	int due;  /* cells that are still to come */
};

struct work {
	struct bk_lab_matrix *m;
	struct lab labs[LABS_MAX];
	int busy_max; /* labs that do more than wait */
	int next;     /* pairs that were begun */
	int done;     /* cells that are there */
	char folder[FOLDER_MAX];
	sigset_t before;
};

static volatile sig_atomic_t was_interrupted;

static void on_signal(int number)
{
	(void)number;
	was_interrupted = 1;
}

/* They come while somebody is waited for, and then alone. */
static void catch_signals(sigset_t *ret_before)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t caught;

	was_interrupted = 0;
	sigemptyset(&caught);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		sigaddset(&caught, numbers[i]);
		sigaction(numbers[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &caught, ret_before);
}

static void let_signals_be(const sigset_t *before)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigprocmask(SIG_SETMASK, before, NULL);
}

/* --- in the lab's process --- */

static struct bk_lab_options options_of(const struct bk_lab_matrix *m, int pair)
{
	struct bk_lab_options o = m->options;

	for (int i = 0; i < 2; i++) {
		o.type[i] = m->types[i ? pair % m->types_len : pair / m->types_len];
		if (!o.type[i]->translates)
			o.with[i] = (struct bk_lab_with){0};
	}
	return o;
}

static void tell(const struct report *r)
{
	if (write(RESULT_FD, r, sizeof(*r)) != sizeof(*r))
		_exit(1);
}

static void on_wait(bool waits)
{
	const struct report r = {.what = waits ? WAITS : GOES_ON};

	tell(&r);
}

static void be_lab(const struct work *w, int pair, int out, pid_t starter)
{
	struct bk_lab_options o = options_of(w->m, pair);
	char folder[FOLDER_MAX + 16];
	struct bk_lab_plan plan;
	int rc;

	let_signals_be(&w->before);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(out, RESULT_FD) < 0)
		_exit(1);
	close_range(RESULT_FD + 1, ~0u, 0);
	bk_lab_plan_init(&plan, &o);
	rc = bk_lab_build(&plan);
	/* A change of user has undone it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != starter || rc < 0)
		_exit(1);
	snprintf(folder, sizeof(folder), "%s/%d", w->folder, pair);
	for (int over = 0; over < BK_LAB_OVERS; over++) {
		struct report r = {.what = IS_DONE,
			.cell = {.type = {o.type[0], o.type[1]},
				.over = (enum bk_lab_over)over,
				.runs = w->m->runs}};

		if (!w->m->has_over[over])
			continue;
		bk_lab_cell_try(&r.cell, folder, on_wait);
		tell(&r);
	}
	bk_lab_build_stop();
	_exit(0);
}

/* --- here --- */

static int start_lab(struct work *w, struct lab *l)
{
	int ends[2];
	pid_t starter = getpid();

	if (pipe2(ends, O_CLOEXEC) < 0)
		return bk_error_from_errno(errno);
	fflush(NULL);
	l->pid = fork();
	if (l->pid == 0)
		be_lab(w, w->next, ends[1], starter);
	close(ends[1]);
	l->fd = ends[0];
	if (l->pid < 0) {
		l->pid = 0;
		close(l->fd);
		return BK_E_IO;
	}
	l->is_waiting = false;
	l->pair = w->next++;
	l->due = bk_lab_matrix_overs(w->m);
	return 0;
}

static void end_lab(struct lab *l)
{
	if (l->pid == 0)
		return;
	kill(l->pid, SIGKILL);
	waitpid(l->pid, NULL, 0);
	close(l->fd);
	l->pid = 0;
}

/* Of a cell that is done, and of waiting. A lab that ends without a word is an error. */
static int hear(struct work *w, struct lab *l, const struct bk_lab_cell **ret_cell)
{
	struct bk_lab_cell *place;
	struct report r;
	ssize_t n = read(l->fd, &r, sizeof(r));

	*ret_cell = NULL;
	if (n < 0 && errno == EINTR)
		return 0;
	if (n != sizeof(r))
		return BK_E_IO;
	l->is_waiting = r.what == WAITS;
	if (r.what != IS_DONE)
		return 0;
	place = bk_lab_matrix_at(w->m, r.cell.over, l->pair / w->m->types_len, l->pair % w->m->types_len);
	*place = r.cell;
	*ret_cell = place;
	w->done++;
	if (--l->due == 0)
		end_lab(l);
	return 0;
}

static int start_labs(struct work *w)
{
	int rc = 0, busy = 0;

	for (int i = 0; i < LABS_MAX; i++)
		busy += w->labs[i].pid && !w->labs[i].is_waiting;
	for (int i = 0;
		rc == 0 && i < LABS_MAX && busy < w->busy_max && w->next < w->m->types_len * w->m->types_len;
		i++) {
		if (w->labs[i].pid)
			continue;
		rc = start_lab(w, &w->labs[i]);
		busy++;
	}
	return rc;
}

static int listen_to(
	struct work *w, void (*on_cell)(const struct bk_lab_matrix *m, const struct bk_lab_cell *c, int done))
{
	struct pollfd fds[LABS_MAX];
	const struct bk_lab_cell *cell;
	int rc = 0;

	for (int i = 0; i < LABS_MAX; i++)
		fds[i] = (struct pollfd){.fd = w->labs[i].pid ? w->labs[i].fd : -1, .events = POLLIN};
	if (ppoll(fds, LABS_MAX, NULL, &w->before) < 0)
		return errno == EINTR ? 0 : bk_error_from_errno(errno);
	for (int i = 0; rc == 0 && i < LABS_MAX; i++) {
		if (fds[i].fd < 0 || !fds[i].revents)
			continue;
		rc = hear(w, &w->labs[i], &cell);
		if (rc == 0 && cell)
			on_cell(w->m, cell, w->done);
	}
	return rc;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
	(void)s, (void)type, (void)at;
	return remove(path);
}

/* What one does not use of the processors another one does; one that waits takes nothing. */
static int busy_at_once(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN) + 1;

	return n < 2 ? 2 : n > LABS_MAX ? LABS_MAX : (int)n;
}

static int make_folder(struct work *w)
{
	const char *top = getenv("TMPDIR");

	snprintf(w->folder, sizeof(w->folder), "%s/bodkin-matrix-XXXXXX", top && *top ? top : "/tmp");
	return mkdtemp(w->folder) ? 0
				  : bk_lab_say(bk_error_from_errno(errno), "cannot make a folder in %s: %s",
					    top && *top ? top : "/tmp", strerror(errno));
}

int bk_lab_measure(struct bk_lab_matrix *m,
	void (*on_cell)(const struct bk_lab_matrix *m, const struct bk_lab_cell *c, int done))
{
	struct work w = {.m = m, .busy_max = busy_at_once()};
	int all = m->types_len * m->types_len * bk_lab_matrix_overs(m);
	int rc = make_folder(&w);

	if (rc < 0)
		return rc;
	catch_signals(&w.before);
	while (rc == 0 && w.done < all && !was_interrupted) {
		rc = start_labs(&w);
		if (rc == 0)
			rc = listen_to(&w, on_cell);
	}
	for (int i = 0; i < LABS_MAX; i++)
		end_lab(&w.labs[i]);
	nftw(w.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	let_signals_be(&w.before);
	if (was_interrupted)
		return BK_E_CANCELLED;
	if (rc < 0 && bk_lab_holder_probe() == BK_E_UNSUPPORTED)
		return BK_E_UNSUPPORTED;
	return rc;
}
