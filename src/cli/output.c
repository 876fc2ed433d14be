/* SPDX-License-Identifier: Apache-2.0 */
/* One lane for each place that lines go to: a queue and the thread that empties it. Polling before a write is
 * not enough: whoever shares the pipe may fill it in between, a terminal takes a part and then stops, a disk
 * never says that it would block. O_NONBLOCK is not an option: it belongs to the open file, which the shell
 * and its other children share. */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/human.h"

enum { HURRY_SECONDS = 1, STDERR_SECONDS = 1, STDOUT_SECONDS = 10, TERMINAL_SECONDS = 60, NOTE_MAX = 160 };

/* Bytes that may wait before a line of this rank is dropped. */
static const size_t waiting_max[] = {
	[BK_CLI_BAR] = 0,
	[BK_CLI_CHATTER] = 256 << 10,
	[BK_CLI_EVENT] = 1 << 20,
	[BK_CLI_VERDICT] = SIZE_MAX,
};

struct line {
	struct line *next;
	int fd;
	size_t gone; /* lines that are missing in front of this one */
	size_t len;
	char text[];
};

struct lane {
	pthread_mutex_t lock;
	pthread_cond_t has_line, has_moved;
	struct line *head, **tail; /* the head stays until it is written */
	size_t waiting, dropped;
	uint64_t moved;
	bool has_thread;
	int patience; /* seconds without a byte taken, at the end */
	/* the thread's own */
	size_t failed;
	int why; /* of the last failure, an errno */
};

static struct lane lanes[2];
static struct lane *lane_of[2] = {&lanes[0], &lanes[1]};
static bool speaks_json, is_hurried;
static atomic_int failures[2]; /* of each stream, an errno */

/* --- the thread: the only one that writes --- */

/* 0 or an errno. */
static int write_all(int fd, const char *at, size_t n)
{
	while (n) {
		ssize_t put = write(fd, at, n);
		struct pollfd p = {.fd = fd, .events = POLLOUT};

		if (put < 0 && errno == EAGAIN)
			(void)poll(&p, 1, -1); /* somebody else made it so */
		else if (put < 0 && errno != EINTR)
			return errno;
		at += put > 0 ? put : 0;
		n -= put > 0 ? (size_t)put : 0;
	}
	return 0;
}

static int write_gap(int fd, size_t gone, int why)
{
	char note[NOTE_MAX];
	int n;

	if (speaks_json && fd == STDOUT_FILENO)
		n = snprintf(note, sizeof(note), "{\"event\":\"dropped\",\"lines\":%zu}\n", gone);
	else
		n = snprintf(note, sizeof(note), "bodkin: %zu line%s not written%s%s\n", gone,
			gone == 1 ? " was" : "s were", why ? ": " : " because nobody read them",
			why ? strerror(why) : "");
	return write_all(fd, note, (size_t)n);
}

static void write_line(struct lane *l, const struct line *line)
{
	size_t gone = l->failed + line->gone;
	int err = gone ? write_gap(line->fd, gone, l->why) : 0;

	if (!err)
		gone = 0;
	if (!err)
		err = write_all(line->fd, line->text, line->len);
	if (err)
		atomic_compare_exchange_strong(&failures[line->fd == STDERR_FILENO], &(int){0}, err);
	l->failed = gone + (err ? 1 : 0);
	l->why = err;
}

static void *empty_lane(void *arg)
{
	struct lane *l = arg;

	pthread_mutex_lock(&l->lock);
	for (;;) {
		struct line *line = l->head;

		if (!line) {
			pthread_cond_wait(&l->has_line, &l->lock);
			continue;
		}
		pthread_mutex_unlock(&l->lock);
		write_line(l, line);
		pthread_mutex_lock(&l->lock);
		l->head = line->next;
		if (!l->head)
			l->tail = &l->head;
		l->waiting -= line->len;
		l->moved++;
		pthread_cond_signal(&l->has_moved);
		free(line);
	}
	return NULL;
}

/* The thread takes no signals: they belong to the loop. */
static bool start_thread(struct lane *l)
{
	sigset_t all, old;
	pthread_t thread;
	bool is_started;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	is_started = pthread_create(&thread, NULL, empty_lane, l) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (is_started)
		pthread_detach(thread);
	return is_started;
}

/* --- everybody else --- */

/* Without a thread there are words that may block rather than no words. */
static void queue(struct lane *l, struct line *line)
{
	if (!l->has_thread)
		l->has_thread = start_thread(l);
	if (!l->has_thread) {
		write_line(l, line);
		free(line);
		return;
	}
	line->gone = l->dropped;
	l->dropped = 0;
	*l->tail = line;
	l->tail = &line->next;
	l->waiting += line->len;
	pthread_cond_signal(&l->has_line);
}

/* What every line goes through, whoever chose its words. Our own control sequences are the few that pass: bold,
 * plain, the beginning of the line, wiping to its end, and the blank that does not break. */
static size_t own_control(const char *s)
{
	static const char *const ours[] = {"\n", "\r", "\033[1m", "\033[0m", "\033[K", "\x1f"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (!strncmp(s, ours[i], strlen(ours[i])))
			return strlen(ours[i]);
	return 0;
}

/* Of a drawing: whatever is made like one of a terminal's sequences. */
static size_t any_control(const char *s)
{
	size_t n = strspn(s, "\r\n");

	if (n || strncmp(s, "\033[", 2) != 0)
		return n ? 1 : 0;
	n = 2 + strspn(s + 2, "?;0123456789");
	return s[n] ? n + 1 : 0;
}

static size_t make_harmless(char *text, size_t control(const char *s))
{
	char *out = text, *at = text;

	while (*at) {
		size_t n = control(at);
		char *end = at, kept;

		if (n) {
			memmove(out, at, n);
			out += n;
			at += n;
			continue;
		}
		do
			end++;
		while (*end && !control(end));
		kept = *end;
		*end = 0;
		n = bk_text_localize(at);
		memmove(out, at, n);
		out += n;
		*end = kept;
		at = end;
	}
	*out = 0;
	return (size_t)(out - text);
}

/* Of the terminal that a line goes to; 0: it goes elsewhere. */
static unsigned columns_of(int fd)
{
	struct winsize size;

	return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static struct line *format_line(int fd, const char *fmt, va_list ap)
{
	va_list again;
	struct line *line;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	line = n < 0 ? NULL : malloc(sizeof(*line) + (size_t)n + 1);
	if (!line)
		return NULL;
	*line = (struct line){.fd = fd, .len = (size_t)n};
	vsnprintf(line->text, line->len + 1, fmt, ap);
	line->len = make_harmless(line->text, own_control);
	if (*line->text != '\r') /* the bar knows its window */
		bk_cli_human_wrap(line->text, columns_of(fd));
	return line;
}

void bk_cli_output_put(enum bk_cli_stream stream, enum bk_cli_rank rank, const char *fmt, ...)
{
	struct lane *l = lane_of[stream];
	struct line *line;
	va_list ap;

	va_start(ap, fmt);
	line = format_line(stream == BK_CLI_STDOUT ? STDOUT_FILENO : STDERR_FILENO, fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&l->lock);
	if (line && l->waiting <= waiting_max[rank]) {
		queue(l, line);
	} else {
		l->dropped += rank != BK_CLI_BAR;
		free(line);
	}
	pthread_mutex_unlock(&l->lock);
}

/* On standard output. */
static struct line *new_line(const char *bytes, size_t n)
{
	struct line *line = malloc(sizeof(*line) + n + 1);

	if (!line)
		return NULL;
	*line = (struct line){.fd = STDOUT_FILENO, .len = n};
	memcpy(line->text, bytes, n);
	line->text[n] = 0;
	return line;
}

static void put_line(struct line *line)
{
	struct lane *l = lane_of[BK_CLI_STDOUT];

	pthread_mutex_lock(&l->lock);
	if (line)
		queue(l, line);
	else
		l->dropped++;
	pthread_mutex_unlock(&l->lock);
}

void bk_cli_output_draw(const char *text)
{
	struct line *line = new_line(text, strlen(text));

	if (line)
		line->len = make_harmless(line->text, any_control);
	put_line(line);
}

void bk_cli_output_data(const char *data, size_t n)
{
	put_line(new_line(data, n));
}

void bk_cli_output_said(char *line, size_t n)
{
	if (!isatty(STDOUT_FILENO)) {
		bk_cli_output_data(line, n);
		return;
	}
	for (char *at = line; *at; at++)
		*at = *at == '\t' ? ' ' : *at;
	bk_cli_output_put(BK_CLI_STDOUT, BK_CLI_VERDICT, "%s", line);
}

size_t bk_cli_output_waiting(enum bk_cli_stream stream)
{
	struct lane *l = lane_of[stream];
	size_t waiting;

	pthread_mutex_lock(&l->lock);
	waiting = l->waiting;
	pthread_mutex_unlock(&l->lock);
	return waiting;
}

int bk_cli_output_failure(enum bk_cli_stream stream)
{
	return atomic_load(&failures[stream]);
}

static void init_lane(struct lane *l, int patience)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->has_line, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->has_moved, &attr);
	pthread_condattr_destroy(&attr);
	l->tail = &l->head;
	l->patience = patience;
}

static bool is_same_place(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void bk_cli_output_init(void)
{
	for (int fd = open("/dev/null", O_RDWR); fd >= 0; fd = dup(fd))
		if (fd > STDERR_FILENO) {
			close(fd);
			break;
		}
	init_lane(&lanes[0], isatty(STDOUT_FILENO) ? TERMINAL_SECONDS : STDOUT_SECONDS);
	init_lane(&lanes[1], isatty(STDERR_FILENO) ? TERMINAL_SECONDS : STDERR_SECONDS);
	if (is_same_place(STDOUT_FILENO, STDERR_FILENO))
		lane_of[BK_CLI_STDERR] = &lanes[0];
}

void bk_cli_output_speak_json(void)
{
	speaks_json = true;
}

void bk_cli_output_hurry(void)
{
	is_hurried = true;
}

/* False: nobody took anything in that time. */
static bool await_move(struct lane *l, int seconds)
{
	uint64_t before = l->moved;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	while (l->moved == before)
		if (pthread_cond_timedwait(&l->has_moved, &l->lock, &until) == ETIMEDOUT)
			return l->moved != before;
	return true;
}

void bk_cli_output_end(void)
{
	for (int i = 0; i < 2; i++) {
		struct lane *l = &lanes[i];

		if (l->dropped) /* an empty line that carries the count */
			bk_cli_output_put((enum bk_cli_stream)i, BK_CLI_VERDICT, "%s", "");
		pthread_mutex_lock(&l->lock);
		while (l->head && await_move(l, is_hurried ? HURRY_SECONDS : l->patience))
			;
		pthread_mutex_unlock(&l->lock);
	}
}
