/* SPDX-License-Identifier: Apache-2.0 */
/* One room on one server: `room_load MEMBERS RATE SECONDS`. A process of its own is the server; this one is all
 * members, who post RATE messages a second, in turn, each as long as one of 200 bytes is when it is sealed. The members
 * are mailbox boxes that count, and do not open what they are told: to check a thousand signatures for each message is
 * a thousand machines' work. Says how long the room took to fill, the delay of each message at each member, the
 * server's CPU time (with the filling), and whether everybody was told the same numbers in the same order. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include "base/error.h"
#include "base/time.h"
#include "rendezvous/mailbox.h"
#include "server/config.h"
#include "server/server.h"
#include "wire/group.h"

enum { MEMBERS_MAX = 1000, POST_LEN = 552 };

struct member {
	void *box;
	uint64_t last;
	bool is_in;
};

static struct {
	struct bk_loop *loop;
	struct bk_rdv_mailbox *mailbox;
	struct member members[MEMBERS_MAX];
	unsigned count, in, opened;
	struct bk_timer *pace;
	unsigned rate, seconds;
	uint64_t posted, to_post;
	bk_time began, filled, *sent_at;
	double *delays;
	size_t delays_len, disorder, gone;
	pid_t server;
} load;

/* --- the server --- */

static void serve(int out, const char *state_dir)
{
	const struct bk_server_opts opts = {.listen_ip = "127.0.0.1",
		.port = -1,
		.alt_port = -1,
		.state_dir = state_dir,
		.clients_max = 100 * MEMBERS_MAX, /* an address gets a part of what is free */
		.per_address_max = MEMBERS_MAX + 100,
		.messages_per_second = 1000};
	char text[BK_SERVER_TEXT_MAX] = "no loop", target[128];
	struct bk_server_config config;
	struct bk_server *s;
	struct bk_loop *loop;
	int err = bk_loop_new(BK_LOOP_AUTO, &loop);

	if (!err)
		err = bk_server_config_init(&config, &opts, text);
	config.arrivals_per_second = config.arrivals_burst = 1e6;
	if (!err)
		err = bk_server_open(loop, &config, state_dir, &s, text);
	if (err < 0) {
		fprintf(stderr, "%s\n", text);
		_exit(1);
	}
	snprintf(target, sizeof(target), "127.0.0.1:%u#%s", bk_server_port(s), bk_server_pin(s));
	if (write(out, target, sizeof(target)) != sizeof(target))
		_exit(1);
	bk_loop_run(loop);
	_exit(0);
}

/* --- members --- */

static void send_msg(const struct member *m, const struct bk_group_msg *msg)
{
	struct bk_buf body;

	bk_buf_init(&body, BK_RDV_BODY_MAX);
	if (bk_group_encode(&body, msg) < 0 || bk_rdv_send_group(m->box, bk_buf_head(&body), body.len) < 0)
		load.gone++;
	bk_buf_done(&body);
}

static void on_ready(void *arg)
{
	static const uint8_t card[BK_GROUP_CARD_MAX];
	struct bk_group_msg m = {.type = BK_GROUP_JOIN, .id = {1}, .bytes = card, .len = sizeof(card)};

	send_msg(arg, &m);
}

static void on_view(void *arg)
{
	(void)arg;
}

static void on_end(void *arg, int error, const char *text)
{
	(void)arg;
	load.gone++;
	fprintf(stderr, "a member has ended: %s: %s\n", bk_error_name(error), text);
	bk_loop_stop(load.loop);
}

static const struct bk_mailbox_events events = {.on_ready = on_ready, .on_view = on_view, .on_end = on_end};

/* The next one comes when the one before is in: it is the talk that is measured, and the filling is told. */
static void open_next(void)
{
	struct member *m = &load.members[load.opened++];

	if (bk_rdv_ops.open(load.mailbox, load.loop, &events, m, &m->box) < 0)
		on_end(m, BK_E_NOMEM, "cannot open a box");
}

static void on_pace(void *arg)
{
	uint8_t bytes[POST_LEN];
	const struct bk_group_msg m = {.type = BK_GROUP_POST, .bytes = bytes, .len = sizeof(bytes)};
	bk_time due = load.filled + (bk_time)(load.posted + 1) * BK_SEC / load.rate;

	(void)arg;
	randombytes_buf(bytes, sizeof(bytes));
	load.sent_at[++load.posted] = bk_loop_now(load.loop);
	send_msg(&load.members[load.posted % load.count], &m);
	due = bk_time_max(due - bk_loop_now(load.loop), 0);
	if (load.posted < load.to_post)
		bk_timer_start(load.pace, due);
}

static void on_joined(struct member *m)
{
	if (m->is_in)
		return;
	m->is_in = true;
	if (++load.in < load.count) {
		open_next();
		return;
	}
	load.filled = bk_loop_now(load.loop);
	printf("{\"members\": %u, \"fill_s\": %.2f}\n", load.count,
		(double)(load.filled - load.began) / BK_SEC);
	fflush(stdout);
	bk_timer_start(load.pace, BK_SEC / load.rate);
}

static void on_said(struct member *m, uint64_t number)
{
	load.disorder += number != m->last + 1;
	m->last = number;
	if (number > load.to_post)
		return;
	load.delays[load.delays_len++] = (double)(bk_loop_now(load.loop) - load.sent_at[number]) / BK_MS;
	if (load.delays_len == load.to_post * load.count)
		bk_loop_stop(load.loop);
}

static void on_group(void *arg, const uint8_t *body, size_t n)
{
	struct bk_group_msg m;

	if (bk_group_decode(body, n, &m) < 0)
		on_end(arg, BK_E_MALFORMED, "no message");
	else if (m.type == BK_GROUP_ROSTER && m.is_last)
		on_joined(arg);
	else if (m.type == BK_GROUP_SAID)
		on_said(arg, m.number);
	else if (m.type == BK_GROUP_DENIED || m.type == BK_GROUP_ENDED)
		on_end(arg, BK_E_REFUSED, m.code);
}

/* --- the run --- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void report(void)
{
	struct rusage used;
	int status;
	double cpu;

	kill(load.server, SIGKILL);
	wait4(load.server, &status, 0, &used);
	cpu = (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
	      (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
	qsort(load.delays, load.delays_len, sizeof(*load.delays), compare);
	printf("{\"deliveries\": %zu, \"of\": %llu, \"median_ms\": %.2f, \"p99_ms\": %.2f, \"disorder\": %zu, "
	       "\"server_cpu_s\": %.2f, \"server_rss_mib\": %.1f}\n",
		load.delays_len, (unsigned long long)load.to_post * load.count,
		load.delays_len ? load.delays[load.delays_len / 2] : 0,
		load.delays_len ? load.delays[load.delays_len * 99 / 100] : 0, load.disorder, cpu,
		(double)used.ru_maxrss / 1024);
}

static int begin(char target[128])
{
	const struct bk_rdv_opts opts = {.server = target, .is_hidden = true};
	size_t most;

	load.to_post = (uint64_t)load.rate * load.seconds;
	most = (size_t)load.to_post * load.count;
	load.sent_at = calloc(load.to_post + 1, sizeof(*load.sent_at));
	load.delays = calloc(most, sizeof(*load.delays));
	if (!load.sent_at || !load.delays || bk_loop_new(BK_LOOP_AUTO, &load.loop) < 0 ||
		bk_timer_new(load.loop, on_pace, NULL, &load.pace) < 0 ||
		bk_rdv_mailbox_new(&opts, &load.mailbox) < 0)
		return -1;
	load.mailbox->on_group = on_group;
	load.began = bk_loop_now(load.loop);
	open_next();
	return 0;
}

int main(int argc, char **argv)
{
	char target[128] = "", dir[] = "/tmp/bodkin-room-XXXXXX";
	int tube[2];

	load.count = argc == 4 ? (unsigned)atoi(argv[1]) : 0;
	load.rate = argc == 4 ? (unsigned)atoi(argv[2]) : 0;
	load.seconds = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
	if (!load.count || load.count > MEMBERS_MAX || !load.rate || !load.seconds || sodium_init() < 0 ||
		!mkdtemp(dir) || pipe(tube) < 0) {
		fprintf(stderr, "usage: room_load MEMBERS RATE SECONDS (at most %d members)\n", MEMBERS_MAX);
		return 2;
	}
	load.server = fork();
	if (!load.server)
		serve(tube[1], dir);
	close(tube[1]);
	if (load.server < 0 || read(tube[0], target, sizeof(target)) != sizeof(target) || begin(target) < 0)
		return 1;
	bk_loop_run(load.loop);
	report();
	if (load.gone || load.disorder)
		fprintf(stderr, "members ended: %zu, out of order: %zu\n", load.gone, load.disorder);
	fflush(stdout);
	execlp("rm", "rm", "-rf", dir, (char *)NULL);
	return 1;
}
