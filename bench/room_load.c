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
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include <bodkin/group.h>

#include "base/addr.h"
#include "base/error.h"
#include "base/time.h"
#include "group/card.h"
#include "group/invite.h"
#include "net/sock.h"
#include "secure/stream.h"
#include "wire/rdv.h"

enum {
	MEMBERS_MAX = 1000,
	TEXT_LEN = 200,
	MARK_LEN = 8,     /* of a post: no two have the same */
	AT_ONCE = 8,      /* so many come at a time */
	PING_ROUNDS = 100 /* of a hundredth of the members each, ten a second */
};

struct light {
	unsigned index;
	int fd;
	struct bk_watch *watch;
	struct bk_tls *tls;
	struct bk_buf in; /* what is not a whole frame or line yet */
	bool is_greeted, is_in;
	uint64_t last;
};

struct full {
	struct bk_group *group;
	uint64_t last;
};

struct message {
	bk_time said;
	uint64_t rank; /* in the order in which they were told first */
	char mark[MARK_LEN];
};

struct arrival {
	uint64_t which;
	bk_time at;
};

/* What the process of the full members tells the other one, besides the messages. */
struct speech {
	size_t disorder, troubles, opened_len;
	struct arrival opened[];
};

static struct {
	bool is_irc, is_speaker;
	struct speech *speech;
	pid_t speaker;
	int doors[2], go[2]; /* a byte for each of them who is in; one when all are */
	struct bk_watch *door;
	const char *target;
	struct bk_addr server;
	unsigned count, full_count, rate, in, opened;
	uint64_t posted, to_post, told; /* told: so many different ones, to anybody */
	struct bk_loop *loop;
	struct bk_timer *pace, *pinger, *patience;
	bk_time began, filled;
	struct full full[MEMBERS_MAX];
	struct light light[MEMBERS_MAX];
	struct message *messages;
	struct arrival *arrivals;
	size_t arrivals_len, expected, disorder, troubles;
	bk_time came_at; /* what is being read; 0: now */
	struct bk_group_keys keys;
	char invite[BK_GROUP_INVITE_MAX];
	unsigned ping_round;
} crew;

static void trouble(const char *who, const char *what)
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

/* With numbers: one behind the other, and the same under each for all. */
static void told_number(uint64_t *last, uint64_t number, const char *mark)
{
	struct message *m = number <= crew.to_post ? &crew.messages[number] : NULL;

	crew.disorder += number != *last + 1;
	*last = number;
	if (m && mark && !*m->mark)
		memcpy(m->mark, mark, MARK_LEN);
	crew.disorder += m && mark && memcmp(m->mark, mark, MARK_LEN) != 0;
	note_arrival(number);
}

/* Without: nobody hears two of them in another order than who heard them first. Who speaks does not hear himself, and
 * so can hear what follows before anybody has heard what was before it. */
static void told_unnumbered(struct light *l, uint64_t which)
{
	struct message *m = which <= crew.to_post ? &crew.messages[which] : &crew.messages[0];

	if (l->index >= crew.full_count && !m->rank)
		m->rank = ++crew.told;
	crew.disorder += l->index >= crew.full_count && m->rank <= l->last;
	l->last = m->rank;
	note_arrival(which);
}

/* --- light members: bytes --- */

static uint8_t scratch[256 * 1024];

static void send_bytes(struct light *l, const void *data, size_t n)
{
	if (send(l->fd, data, n, MSG_NOSIGNAL) != (ssize_t)n)
		trouble("a light member", "cannot send");
}

static void send_out(struct light *l)
{
	struct bk_buf *out = bk_tls_out(l->tls);

	if (out->len)
		send_bytes(l, bk_buf_head(out), out->len);
	bk_buf_consume(out, out->len);
}

static void send_rdv(struct light *l, const struct bk_rdv_msg *m)
{
	struct bk_buf framed;

	bk_buf_init(&framed, BK_RDV_MESSAGE_MAX);
	if (bk_rdv_append(&framed, m) < 0 || bk_tls_write(l->tls, bk_buf_head(&framed), framed.len) < 0)
		trouble("a light member", "cannot speak");
	bk_buf_done(&framed);
	send_out(l);
}

/* --- light members: bodkin's tongue --- */

static void say_hello(void *arg)
{
	struct light *l = arg;
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_HELLO, .version = 1};

	snprintf(m.client_id, sizeof(m.client_id), "light-%u", l->index);
	snprintf(m.private_ip, sizeof(m.private_ip), "127.0.0.1");
	send_rdv(l, &m);
}

static void make_card(unsigned index, struct bk_buf *out)
{
	struct bk_card card = {.sitting = (uint64_t)crew.began + index};
	struct bk_signer signer;

	crypto_sign_keypair(signer.key, signer.secret);
	memcpy(card.key, signer.key, sizeof(card.key));
	snprintf(card.name, sizeof(card.name), "light-%u", index);
	if (bk_card_seal(&crew.keys, &signer, &card, out) < 0)
		trouble("a light member", "has no card");
}

static void join(struct light *l)
{
	struct bk_rdv_msg envelope = {.type = BK_RDV_CLIENT_GROUP};
	struct bk_group_msg m = {.type = BK_GROUP_JOIN};
	struct bk_buf card, body;

	bk_buf_init(&card, BK_CARD_LEN);
	bk_buf_init(&body, BK_GROUP_MSG_MAX);
	make_card(l->index, &card);
	memcpy(m.id, crew.keys.id, sizeof(m.id));
	m.bytes = bk_buf_head(&card);
	m.len = card.len;
	if (bk_group_encode(&body, &m) < 0)
		trouble("a light member", "cannot join");
	envelope.body = bk_buf_head(&body);
	envelope.body_len = body.len;
	send_rdv(l, &envelope);
	bk_buf_done(&card);
	bk_buf_done(&body);
}

static void on_in(void);

static void came_in(struct light *l)
{
	if (!l->is_in)
		on_in();
	l->is_in = true;
}

static const char *find(const char *in, size_t n, const char *what)
{
	const char *at = memmem(in, n, what, strlen(what));

	return at ? at + strlen(what) : NULL;
}

/* The type and the number of what it is told stand in twelve characters of base64. */
static void on_body(struct light *l, const char *body)
{
	uint8_t head[9];
	uint64_t number = 0;

	if (sodium_base642bin(head, sizeof(head), body, 12, NULL, NULL, NULL,
		    sodium_base64_VARIANT_ORIGINAL_NO_PADDING) < 0)
		return;
	for (size_t i = 1; i < sizeof(head); i++)
		number = number << 8 | head[i];
	if (head[0] == BK_GROUP_SAID)
		told_number(&l->last, number, body + 16);
	else if (head[0] == BK_GROUP_ROSTER && head[1])
		came_in(l);
	else if (head[0] == BK_GROUP_DENIED || head[0] == BK_GROUP_ENDED)
		trouble("a light member", "was put out");
}

static void on_frame(struct light *l, const char *frame, size_t n)
{
	const char *body = find(frame, n, "\"body\":\"");

	if (body && body + 32 <= frame + n) {
		on_body(l, body);
	} else if (!l->is_greeted && find(frame, n, "ServerHelloMessage")) {
		l->is_greeted = true;
		join(l);
	} else if (find(frame, n, "ServerRefuseMessage") || find(frame, n, "ServerErrorMessage")) {
		trouble("a light member was refused", "see the server's log");
	}
}

static size_t take_frame(struct light *l, const uint8_t *at, size_t n)
{
	size_t len = n < 4 ? 0 : (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];

	if (n < 4 || n - 4 < len)
		return 0;
	on_frame(l, (const char *)at + 4, len);
	return 4 + len;
}

/* --- light members: IRC --- */

static void on_irc_line(struct light *l, const char *line, size_t n)
{
	const char *text = find(line, n, " PRIVMSG #room :");

	if (text)
		told_unnumbered(l, strtoull(text, NULL, 10));
	else if (find(line, n, " 366 "))
		came_in(l);
	else if (!strncmp(line, "PING", 4))
		send_bytes(l, "PONG :here\r\n", 12);
	else if (!l->is_greeted && find(line, n, " 001 ") && (l->is_greeted = true))
		send_bytes(l, "JOIN #room\r\n", 12);
	else if (!strncmp(line, "ERROR", 5))
		trouble("a member of the channel was put out", "see the server's log");
}

static size_t take_line(struct light *l, const uint8_t *at, size_t n)
{
	const uint8_t *end = memchr(at, '\n', n);

	if (!end)
		return 0;
	on_irc_line(l, (const char *)at, (size_t)(end - at));
	return (size_t)(end - at) + 1;
}

/* --- light members: coming --- */

static int on_bytes(void *arg, const uint8_t *data, size_t n)
{
	struct light *l = arg;
	size_t taken;

	if (l->in.len) {
		if (bk_buf_append(&l->in, data, n) < 0)
			return BK_E_NOMEM;
		data = bk_buf_head(&l->in);
		n = l->in.len;
	}
	for (size_t left = n; (taken = crew.is_irc ? take_line(l, data, left) : take_frame(l, data, left));
		left -= taken)
		data += taken, n -= taken;
	if (l->in.len)
		bk_buf_consume(&l->in, l->in.len - n);
	else if (n && bk_buf_append(&l->in, data, n) < 0)
		return BK_E_NOMEM;
	return 0;
}

static bk_time read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * BK_SEC + ts.tv_nsec;
}

/* When the last of it came, on the loop's clock. */
static bk_time read_stamp(struct msghdr *m)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);
	struct timespec ts;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
		return bk_loop_now(crew.loop);
	memcpy(&ts, CMSG_DATA(c), sizeof(ts));
	return bk_loop_now(crew.loop) + ts.tv_sec * BK_SEC + ts.tv_nsec - read_clock(CLOCK_REALTIME);
}

static ssize_t read_socket(int fd)
{
	char control[128];
	struct iovec to = {.iov_base = scratch, .iov_len = sizeof(scratch)};
	struct msghdr m = {
		.msg_iov = &to, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);

	crew.came_at = n > 0 ? read_stamp(&m) : 0;
	return n;
}

static void take(struct light *l, ssize_t n)
{
	static const struct bk_tls_events tls = {.on_secure = say_hello, .on_data = on_bytes};
	static uint8_t plain[256 * 1024];
	int err = 0;

	if (!l->tls) {
		on_bytes(l, scratch, (size_t)n);
		return;
	}
	if (bk_buf_append(bk_tls_in(l->tls), scratch, (size_t)n) < 0)
		err = BK_E_NOMEM;
	if (!err)
		err = bk_tls_advance(l->tls, &tls, l, plain, sizeof(plain));
	send_out(l);
	if (err < 0 && err != BK_E_AGAIN)
		trouble("a light member's TLS", bk_error_name(err));
}

static void on_readable(void *arg, int fd, int events)
{
	struct light *l = arg;
	ssize_t n = read_socket(fd);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		trouble("a light member's connection", n ? strerror(errno) : "ended");
	else
		take(l, n);
	crew.came_at = 0;
}

static int connect_from_its_address(unsigned index)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(crew.server.port)},
			   from = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	from.sin_addr.s_addr = htonl(127U << 24 | (1 + index % 50) << 16 | (index / 50) << 8 | 1);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
		connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		trouble("a light member", "cannot connect");
	return fd;
}

static void open_light(void)
{
	static const struct bk_tls_opts tls = {.alpn = BK_RDV_ALPN};
	struct light *l = &crew.light[crew.opened - (crew.is_irc ? 0 : crew.full_count)];
	char hello[128];

	l->index = crew.opened++;
	l->fd = connect_from_its_address(l->index);
	bk_buf_init(&l->in, 1 << 20);
	if (bk_watch_new(crew.loop, l->fd, on_readable, l, &l->watch) < 0 ||
		bk_watch_set(l->watch, BK_READABLE) < 0 || (!crew.is_irc && bk_tls_new(&tls, &l->tls) < 0)) {
		trouble("a light member", "cannot be made");
	} else if (crew.is_irc) {
		snprintf(hello, sizeof(hello), "NICK m%u\r\nUSER m%u 0 * :a member\r\n", l->index, l->index);
		send_bytes(l, hello, strlen(hello));
	} else {
		bk_tls_handshake(l->tls);
		send_out(l);
	}
}

static void on_ping_time(void *arg)
{
	struct bk_rdv_msg ping = {.type = BK_RDV_CLIENT_PING, .number = 1};
	unsigned lights = crew.is_irc ? 0 : crew.opened > crew.full_count ? crew.opened - crew.full_count : 0;

	(void)arg;
	crew.ping_round = (crew.ping_round + 1) % PING_ROUNDS;
	for (unsigned i = crew.ping_round; i < lights; i += PING_ROUNDS)
		if (crew.light[i].is_in)
			send_rdv(&crew.light[i], &ping);
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
		open_light();
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
		send_bytes(&crew.light[who], line,
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

static void on_in(void)
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
