/* SPDX-License-Identifier: Apache-2.0 */
/* The load of one room of many members: `room_load bodkin HOST:PORT#PIN MEMBERS FULL RATE SECONDS`, or
 * `room_load irc HOST:PORT ...` for a channel of an IRC server. FULL of the members say, in turn, RATE messages of 200
 * bytes a second, and with bodkin they are members on the public API, which open and check all that they are told. The
 * others are light ones: they speak TLS (IRC: plain TCP) and hold the order of what comes against what the others were
 * told, but open none of it; a thousand who do would be a thousand machines' work. The light ones come from an address
 * each, as members do. The full ones are a process of their own: who speaks does not wait for the others to have read.
 *
 * Prints a line of JSON when the room is full, and one at the end: the delay of each message from saying it until it is
 * at the light member's socket, by the kernel's clock, for all those members' work on one core is not the server's; and
 * until a full member has opened it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include <bodkin/group.h>

#include "base/error.h"
#include "bench/room_light.h"

struct crew crew;

void trouble(const char *who, const char *what)
{
	if (crew.troubles++ < 5)
		fprintf(stderr, "room_load: %s: %s\n", who, what);
	bk_loop_stop(crew.loop);
}

/* --- what was told to whom, when --- */

static void note_arrival(uint64_t which)
{
	if (which < 1 || which > crew.to_post || crew.arrivals_len == crew.expected) {
		crew.disorder++;
		return;
	}
	crew.arrivals[crew.arrivals_len++] =
		(struct arrival){which, crew.came_at ? crew.came_at : bk_loop_now(crew.loop)};
	if (crew.arrivals_len == crew.expected)
		bk_loop_stop(crew.loop);
}

void told_number(uint64_t *last, uint64_t number, const char *mark)
{
	struct message *m = number <= crew.to_post ? &crew.messages[number] : NULL;

	crew.disorder += number != *last + 1;
	*last = number;
	if (m && mark && !*m->mark)
		memcpy(m->mark, mark, MARK_LEN);
	crew.disorder += m && mark && memcmp(m->mark, mark, MARK_LEN) != 0;
	note_arrival(number);
}

/* Who speaks does not hear himself, and so can hear what follows before anybody has heard what was before it. */
void told_unnumbered(struct light *l, uint64_t which)
{
	struct message *m = which <= crew.to_post ? &crew.messages[which] : &crew.messages[0];

	if (l->index >= crew.full_count && !m->rank)
		m->rank = ++crew.told;
	crew.disorder += l->index >= crew.full_count && m->rank <= l->last;
	l->last = m->rank;
	note_arrival(which);
}

static void on_ping_time(void *arg)
{
	(void)arg;
	light_ping();
	bk_timer_start(crew.pinger, BK_SEC / 10);
}

/* --- full members --- */

static void on_open(struct bk_group *group, void *arg)
{
	(void)group;
	(void)arg;
	on_in();
}

static void on_line(struct bk_group *group, void *arg, const struct bk_group_line *line)
{
	struct full *f = arg;
	char *end;

	(void)group;
	if (line->number <= crew.to_post && strtoull(line->text, &end, 10))
		crew.messages[line->number].said = strtoll(end, NULL, 10);
	told_number(&f->last, line->number, NULL);
}

static void on_doubt(struct bk_group *group, void *arg, const char *text)
{
	(void)group;
	(void)arg;
	trouble("a member doubts", text);
}

static void on_end(struct bk_group *group, void *arg, int error, const char *text)
{
	(void)group;
	(void)arg;
	(void)error;
	trouble("a member has ended", text);
}

static void open_full(void)
{
	static const struct bk_group_events events = {.size = sizeof(events),
		.on_open = on_open,
		.on_line = on_line,
		.on_doubt = on_doubt,
		.on_end = on_end};
	struct full *f = &crew.full[crew.opened];
	char name[32], text[BK_GROUP_SENTENCE_MAX];
	struct bk_group_opts opts = {
		.size = sizeof(opts), .server = crew.target, .invite = crew.invite, .name = name};

	snprintf(name, sizeof(name), "full-%u", crew.opened++);
	if (bk_group_new(crew.loop, &opts, &events, f, &f->group, text) < 0)
		trouble("a member", text);
}

static void open_next(void)
{
	if (crew.troubles)
		return;
	if (crew.is_speaker && crew.opened < crew.full_count)
		open_full();
	else if (!crew.is_speaker && crew.opened < crew.count)
		light_open();
}

/* --- the talk --- */

static void say(uint64_t which)
{
	char text[TEXT_LEN + 1], line[TEXT_LEN + 32];
	unsigned who = (unsigned)(which % crew.full_count);

	memset(text, 'x', TEXT_LEN);
	text[TEXT_LEN] = 0;
	text[snprintf(text, sizeof(text), "%llu %lld", (unsigned long long)which,
		(long long)bk_loop_now(crew.loop))] = ' ';
	if (crew.is_irc) {
		crew.messages[which].said = bk_loop_now(crew.loop);
		light_say(&crew.light[who], line,
			(size_t)snprintf(line, sizeof(line), "PRIVMSG #room :%s\r\n", text));
	} else if (bk_group_say(crew.full[who].group, text, TEXT_LEN, NULL) < 0) {
		trouble("a member", "cannot say it");
	}
}

static void on_pace(void *arg)
{
	bk_time due;

	(void)arg;
	say(++crew.posted);
	due = crew.filled + BK_SEC + (bk_time)(crew.posted + 1) * BK_SEC / crew.rate;
	if (crew.posted < crew.to_post)
		bk_timer_start(crew.pace, bk_time_max(due - bk_loop_now(crew.loop), 0));
}

static void on_patience(void *arg)
{
	(void)arg;
	bk_loop_stop(crew.loop);
}

static void begin_talk(void)
{
	crew.filled = bk_loop_now(crew.loop);
	bk_timer_start(crew.patience, (bk_time)(crew.to_post / crew.rate + 60) * BK_SEC);
	if (crew.is_irc || crew.is_speaker)
		bk_timer_start(crew.pace, BK_SEC);
	else if (write(crew.go[1], "", 1) != 1)
		trouble("the speakers", "have ended");
}

static void on_all_in(void)
{
	printf("{\"members\": %u, \"fill_s\": %.2f}\n", crew.count,
		(double)(bk_loop_now(crew.loop) - crew.began) / BK_SEC);
	fflush(stdout);
	begin_talk();
}

void on_in(void)
{
	if (crew.is_speaker && write(crew.doors[1], "", 1) != 1)
		trouble("a member", "nobody waits for it");
	if (!crew.is_speaker && ++crew.in == crew.count)
		on_all_in();
	else
		open_next();
}

/* Another speaker is in; and, to them: all are. */
static void on_door(void *arg, int fd, int events)
{
	char byte;

	(void)arg;
	(void)events;
	if (read(fd, &byte, 1) != 1) {
		bk_watch_set(crew.door, 0);
	} else if (crew.is_speaker) {
		begin_talk();
	} else if (++crew.in == crew.count) {
		on_all_in();
	}
}

/* --- the run --- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void report_delays(const char *whose, const struct arrival *arrivals, size_t n)
{
	double *delays = calloc(n + 1, sizeof(*delays));

	for (size_t i = 0; delays && i < n; i++)
		delays[i] = (double)(arrivals[i].at - crew.messages[arrivals[i].which].said) / BK_MS;
	if (delays && n) {
		qsort(delays, n, sizeof(*delays), compare);
		printf("\"%s_median_ms\": %.2f, \"%s_p99_ms\": %.2f, ", whose, delays[n / 2], whose,
			delays[n * 99 / 100]);
	}
	free(delays);
}

static double processor_time(int whose)
{
	struct rusage used;

	getrusage(whose, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static bool report(void)
{
	const struct speech *other = crew.speech;
	size_t deliveries = crew.arrivals_len + other->opened_len,
	       of = (size_t)crew.to_post * (crew.count - crew.is_irc);

	printf("{");
	report_delays("came", crew.arrivals, crew.arrivals_len);
	report_delays("opened", other->opened, other->opened_len);
	printf("\"deliveries\": %zu, \"of\": %zu, \"disorder\": %zu, \"troubles\": %zu, \"load_cpu_s\": %.2f}\n",
		deliveries, of, crew.disorder + other->disorder, crew.troubles + other->troubles,
		processor_time(RUSAGE_SELF) + processor_time(RUSAGE_CHILDREN));
	return deliveries == of && !crew.disorder && !other->disorder && !crew.troubles && !other->troubles;
}

static bool read_arguments(int argc, char **argv)
{
	char host[64];

	if (argc != 7)
		return false;
	crew.is_irc = !strcmp(argv[1], "irc");
	crew.target = argv[2];
	snprintf(host, sizeof(host), "%.*s", (int)strcspn(argv[2], "#"), argv[2]);
	crew.count = (unsigned)atoi(argv[3]);
	crew.full_count = (unsigned)atoi(argv[4]);
	crew.rate = (unsigned)atoi(argv[5]);
	crew.to_post = (uint64_t)crew.rate * (unsigned)atoi(argv[6]);
	return bk_addr_from_listen(host, &crew.server) == 0 && crew.count && crew.count <= MEMBERS_MAX &&
	       crew.full_count && crew.full_count <= crew.count && crew.to_post;
}

static void *share(size_t n)
{
	void *at = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static int make_room(void)
{
	size_t opened = crew.is_irc ? 0 : (size_t)crew.to_post * crew.full_count;

	crew.messages = share((crew.to_post + 1) * sizeof(*crew.messages));
	crew.speech = share(sizeof(*crew.speech) + opened * sizeof(struct arrival));
	if (!crew.messages || !crew.speech || pipe(crew.doors) < 0 || pipe(crew.go) < 0 ||
		bk_group_invite_make(crew.invite) < 0 || bk_invite_keys(crew.invite, &crew.keys) < 0)
		return -1;
	crew.speaker = crew.is_irc ? 0 : fork();
	crew.is_speaker = !crew.is_irc && !crew.speaker;
	close(crew.is_speaker ? crew.doors[0] : crew.doors[1]);
	close(crew.is_speaker ? crew.go[1] : crew.go[0]);
	crew.expected = opened;
	crew.arrivals = crew.speech->opened;
	if (crew.is_speaker)
		return 0;
	/* who says something hears it too, but not on IRC */
	crew.expected = (size_t)crew.to_post * (crew.is_irc ? crew.count - 1 : crew.count - crew.full_count);
	crew.opened = crew.is_irc ? 0 : crew.full_count;
	crew.arrivals = calloc(crew.expected + 1, sizeof(*crew.arrivals));
	return crew.speaker < 0 || !crew.arrivals ? -1 : 0;
}

static int begin(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (bk_loop_new(BK_LOOP_AUTO, &crew.loop) < 0 ||
		bk_timer_new(crew.loop, on_pace, NULL, &crew.pace) < 0 ||
		bk_timer_new(crew.loop, on_ping_time, NULL, &crew.pinger) < 0 ||
		bk_timer_new(crew.loop, on_patience, NULL, &crew.patience) < 0 ||
		bk_watch_new(crew.loop, crew.is_speaker ? crew.go[0] : crew.doors[0], on_door, NULL,
			&crew.door) < 0 ||
		bk_watch_set(crew.door, BK_READABLE) < 0)
		return -1;
	crew.began = bk_loop_now(crew.loop);
	bk_timer_start(crew.pinger, BK_SEC / 10);
	for (int i = 0; i < (crew.is_speaker ? 1 : AT_ONCE); i++)
		open_next();
	return 0;
}

static void run(void)
{
	bk_loop_run(crew.loop);
	if (!crew.is_speaker)
		return;
	crew.speech->disorder = crew.disorder;
	crew.speech->troubles = crew.troubles;
	crew.speech->opened_len = crew.arrivals_len;
	_exit(0);
}

int main(int argc, char **argv)
{
	if (!read_arguments(argc, argv)) {
		fprintf(stderr,
			"usage: room_load bodkin|irc HOST:PORT[#PIN] MEMBERS FULL RATE SECONDS (at most %d members)\n",
			MEMBERS_MAX);
		return 2;
	}
	if (sodium_init() < 0 || make_room() < 0 || begin() < 0)
		return 1;
	run();
	if (crew.troubles && crew.speaker > 0)
		kill(crew.speaker, SIGTERM);
	if (crew.speaker > 0)
		waitpid(crew.speaker, NULL, 0);
	return !report();
}
