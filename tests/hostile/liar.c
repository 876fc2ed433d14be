/* SPDX-License-Identifier: Apache-2.0 */
#include "liar.h"

#include "traffic.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bodkin/log.h>

#include "base/error.h"
#include "transfer/digest.h"
#include "wire/cursor.h"

enum { NAME_MAX_ = 256, CEILING_SECONDS = 100 };

static struct liar *the_liar; /* in its own process; else NULL */
static const uint8_t content[LIAR_FILE] = "hello";

static void must(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "liar: %s\n", what);
	abort();
}

/* --- what it says --- */

int liar_try(struct liar *l, uint8_t type, uint32_t channel, const void *payload, size_t n)
{
	const struct bk_sframe f = {.type = type, .channel = channel, .length = (uint32_t)n};
	uint8_t head[BK_SFRAME_HEADER_LEN];
	struct iovec pieces[2] = {{head, sizeof(head)}, {(void *)(uintptr_t)payload, n}};

	bk_sframe_encode(&f, head);
	return l->link ? bk_link_write(l->link, pieces, n ? 2 : 1, false) : BK_E_EOF;
}

void liar_say(struct liar *l, uint8_t type, uint32_t channel, const void *payload, size_t n)
{
	liar_try(l, type, channel, payload, n);
}

void liar_say_raw(struct liar *l, const void *bytes, size_t n)
{
	struct iovec piece = {(void *)(uintptr_t)bytes, n};

	if (l->link)
		bk_link_write(l->link, &piece, 1, true);
}

void liar_say_resume(struct liar *l, uint64_t received, uint64_t turn)
{
	uint8_t payload[BK_STREAM_ID_LEN + 16];
	struct bk_writer w;

	bk_writer_init(&w, payload, sizeof(payload));
	bk_write_bytes(&w, l->id, sizeof(l->id));
	bk_write_u64(&w, received);
	bk_write_u64(&w, turn);
	liar_say(l, BK_SFRAME_RESUME, 0, payload, sizeof(payload));
}

void liar_say_file(struct liar *l, const char *fields, const void *body, size_t n)
{
	static uint8_t message[LIAR_FILES_MAX];
	int len = snprintf((char *)message + 2, sizeof(message) - 2,
		"{\"byteorder\":\"little\",\"content-type\":\"binary\",\"content-encoding\":\"binary\","
		"\"content-length\":%zu,%s}",
		n, fields);

	must(len > 0 && 2 + (size_t)len + n <= sizeof(message), "a message too long to be told");
	message[0] = (uint8_t)(len >> 8);
	message[1] = (uint8_t)len;
	if (n)
		memcpy(message + 2 + len, body, n);
	liar_say(l, BK_SFRAME_DATA, l->channel, message, 2 + (size_t)len + n);
}

void liar_say_header(struct liar *l, const char *header, size_t n)
{
	uint8_t message[1024] = {(uint8_t)(n >> 8), (uint8_t)n};

	must(2 + n <= sizeof(message), "a header too long to be told");
	memcpy(message + 2, header, n);
	liar_say(l, BK_SFRAME_DATA, l->channel, message, 2 + n);
}

void liar_offer(struct liar *l, const char *entries, size_t n)
{
	char list[8192], fields[80];
	int len = snprintf(list, sizeof(list), "{\"entries\":[%s]}", entries);

	must(len > 0 && (size_t)len < sizeof(list), "an offer too long to be told");
	snprintf(fields, sizeof(fields), "\"type\":\"offer\",\"entries\":%zu,\"bytes\":%d,\"version\":2", n,
		LIAR_FILE);
	liar_say_file(l, fields, list, (size_t)len);
}

void liar_cut(struct liar *l)
{
	bk_link_free(l->link);
	l->link = NULL;
}

/* However full the link is. */
static void leave(struct liar *l)
{
	static const uint8_t bye[] = {
		BK_SFRAME_BYE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 'c', 'a', 'n', 'c', 'e', 'l', 'l', 'e', 'd'};

	liar_say_raw(l, bye, sizeof(bye));
}

static void say_it_was_told(struct liar *l)
{
	if (l->opts.tell)
		send(l->control, "told\n", 5, MSG_NOSIGNAL);
}

static void go_on_flooding(struct liar *l)
{
	if (!l->flood)
		return;
	while (l->flooded < l->flood_max && l->flood(l, l->flooded) == 0)
		l->flooded++;
	if (l->flooded < l->flood_max)
		return;
	l->flood = NULL;
	say_it_was_told(l);
	leave(l);
}

void liar_flood(struct liar *l, int (*flood)(struct liar *l, uint32_t n), uint32_t max)
{
	l->flood = flood;
	l->flooded = 0;
	l->flood_max = max;
}

/* --- stage by stage --- */

static void arrive(struct liar *l, enum liar_stage stage);

static void say_content(struct liar *l, int from, int to)
{
	char fields[64];

	snprintf(fields, sizeof(fields), "\"type\":\"content\",\"entry\":0,\"offset\":%d", from);
	liar_say_file(l, fields, content + from, (size_t)(to - from));
}

static void say_digest(struct liar *l, const char *type, const uint8_t digest[BK_DIGEST_LEN], uint64_t bytes)
{
	char text[BK_DIGEST_STR_MAX], fields[160];

	snprintf(fields, sizeof(fields),
		"\"type\":\"%s\",\"entry\":0,\"entries\":1,\"bytes\":%llu,\"xxh3_128\":\"%s\"", type,
		(unsigned long long)bytes, bk_digest_to_str(digest, text));
	liar_say_file(l, fields, NULL, 0);
}

static void finish_honestly(struct liar *l)
{
	struct bk_digest *d = bk_digest_new();
	uint8_t digest[BK_DIGEST_LEN];

	bk_digest_update(d, content, sizeof(content));
	bk_digest_get(d, digest);
	bk_digest_free(d);
	say_content(l, 2, LIAR_FILE);
	say_digest(l, "digest", digest, LIAR_FILE);
}

static void open_channel(struct liar *l)
{
	l->channel = l->is_leading ? 1 : 2;
	liar_say(l, BK_SFRAME_OPEN, l->channel, BK_TRANSFER_CHANNEL_KIND, strlen(BK_TRANSFER_CHANNEL_KIND));
	arrive(l, LIAR_OPENED);
}

static void accept_offer(struct liar *l)
{
	static const char choices[] = "{\"entries\":[{\"entry\":0,\"action\":\"take\"}]}";

	liar_say_file(l, "\"type\":\"accept\"", choices, sizeof(choices) - 1);
	arrive(l, LIAR_ACCEPTED);
}

static void go_on_sending(struct liar *l)
{
	if (l->stage == LIAR_RESUMED) {
		open_channel(l);
	} else if (l->stage == LIAR_OPENED) {
		liar_offer(l, "{\"path\":\"a\",\"size\":5,\"kind\":\"file\"}", 1);
		arrive(l, LIAR_OFFERED);
	} else if (l->stage == LIAR_ACCEPTED) {
		say_content(l, 0, 2);
		arrive(l, LIAR_MOVING);
	} else if (l->stage == LIAR_MOVING) {
		finish_honestly(l);
	}
}

static void lie(struct liar *l)
{
	l->has_lied = true;
	if (l->opts.tell)
		l->opts.tell(l, l->opts.row);
	if (l->flood) {
		go_on_flooding(l);
		return;
	}
	say_it_was_told(l);
	if (!l->opts.stays)
		leave(l);
}

static void arrive(struct liar *l, enum liar_stage stage)
{
	l->stage = stage;
	if (l->has_lied)
		return;
	if (stage == l->opts.stage) {
		lie(l);
		return;
	}
	if (l->opts.is_sender)
		go_on_sending(l);
	else if (stage == LIAR_OFFERED)
		accept_offer(l);
}

/* On a later link the channels are as they were. */
static void begin_link(struct liar *l)
{
	l->has_lied = false;
	l->in = (struct bk_intake){0};
	l->turn++;
	if (l->opts.stage == LIAR_LINKED)
		lie(l);
	if (l->has_lied && !l->opts.stays)
		return;
	liar_say_resume(l, l->received, l->turn);
	if (l->links++ && !l->has_lied)
		lie(l);
	else
		arrive(l, LIAR_RESUMED);
}

/* --- what it hears --- */

static void take_digest(struct liar *l, const struct bk_file_msg *m)
{
	memcpy(l->digest, m->digest, sizeof(l->digest));
	arrive(l, LIAR_SENT);
	if (!l->has_lied)
		say_digest(l, "done", m->digest, 300000);
}

static void take_message(struct liar *l, const struct bk_file_msg *m)
{
	if (m->type == BK_FILE_OFFER && l->stage < LIAR_OFFERED)
		arrive(l, LIAR_OFFERED);
	else if (m->type == BK_FILE_ACCEPT && l->stage < LIAR_ACCEPTED)
		arrive(l, LIAR_ACCEPTED);
	else if (m->type == BK_FILE_CONTENT && l->stage < LIAR_MOVING)
		arrive(l, LIAR_MOVING);
	else if (m->type == BK_FILE_DIGEST)
		take_digest(l, m);
	else if (m->type == BK_FILE_DONE && !l->has_lied)
		liar_say(l, BK_SFRAME_BYE, 0, NULL, 0);
}

static void take_files(struct liar *l, const uint8_t *data, size_t n)
{
	int event;

	while ((event = bk_file_reader_next(&l->files, &data, &n)) > 0)
		if (event == BK_FILE_MESSAGE)
			take_message(l, &l->files.msg);
}

static bool is_of_session(uint8_t type)
{
	return type != BK_SFRAME_RESUME && type != BK_SFRAME_ACK && type != BK_SFRAME_PING &&
	       type != BK_SFRAME_PONG && type != BK_SFRAME_NOMINATE;
}

static void take_piece(struct liar *l, const struct bk_intake_piece *piece)
{
	const struct bk_sframe *f = &l->in.frame;

	if (!is_of_session(f->type))
		return;
	if (piece->is_head && f->type != BK_SFRAME_REST)
		l->received += BK_SFRAME_HEADER_LEN;
	l->received += piece->is_head ? 0 : piece->len;
	if (piece->is_head && f->type == BK_SFRAME_OPEN && !l->channel) {
		l->channel = f->channel;
		arrive(l, LIAR_OPENED);
	} else if (!piece->is_head && f->type == BK_SFRAME_DATA && f->channel == l->channel) {
		take_files(l, piece->data, piece->len);
	}
}

static void on_data(void *arg, const uint8_t *data, size_t n)
{
	struct liar *l = arg;
	struct bk_intake_piece piece;

	while (bk_intake_next(&l->in, &data, &n, &piece) > 0)
		take_piece(l, &piece);
}

static void on_writable(void *arg)
{
	go_on_flooding(arg);
}

static void on_link_end(void *arg, int error, const char *text)
{
	struct liar *l = arg;

	(void)error, (void)text;
	liar_cut(l);
}

/* --- in the place of an honest one's parts --- */

int __real_bk_stream_new(struct bk_loop *loop, const struct bk_stream_opts *opts,
	const struct bk_stream_events *events, void *arg, struct bk_stream **ret_stream);
int __wrap_bk_stream_new(struct bk_loop *loop, const struct bk_stream_opts *opts,
	const struct bk_stream_events *events, void *arg, struct bk_stream **ret_stream);
int __real_bk_stream_attach(struct bk_stream *s, struct bk_link *link, bool is_relay);
int __wrap_bk_stream_attach(struct bk_stream *s, struct bk_link *link, bool is_relay);
void __real_bk_self_describe(
	const struct bk_self *s, const struct bk_mailbox_view *view, struct bk_intro *in);
void __wrap_bk_self_describe(
	const struct bk_self *s, const struct bk_mailbox_view *view, struct bk_intro *in);
int __real_bk_meet_new(const struct bk_meet_opts *opts, const struct bk_meet_events *events, void *arg,
	struct bk_meet **ret_meet);
int __wrap_bk_meet_new(const struct bk_meet_opts *opts, const struct bk_meet_events *events, void *arg,
	struct bk_meet **ret_meet);

int __wrap_bk_stream_new(struct bk_loop *loop, const struct bk_stream_opts *opts,
	const struct bk_stream_events *events, void *arg, struct bk_stream **ret_stream)
{
	if (the_liar) {
		memcpy(the_liar->id, opts->id, sizeof(the_liar->id));
		the_liar->is_leading = opts->is_leading;
	}
	return __real_bk_stream_new(loop, opts, events, arg, ret_stream);
}

int __wrap_bk_stream_attach(struct bk_stream *s, struct bk_link *link, bool is_relay)
{
	static const struct bk_link_events events = {
		.on_data = on_data, .on_writable = on_writable, .on_end = on_link_end};

	if (!the_liar)
		return __real_bk_stream_attach(s, link, is_relay);
	liar_cut(the_liar);
	the_liar->link = link;
	bk_link_set_events(link, &events, the_liar);
	begin_link(the_liar);
	return 0;
}

void __wrap_bk_self_describe(const struct bk_self *s, const struct bk_mailbox_view *view, struct bk_intro *in)
{
	__real_bk_self_describe(s, view, in);
	if (the_liar && the_liar->opts.describe)
		the_liar->opts.describe(in, the_liar->opts.row);
}

int __wrap_bk_meet_new(const struct bk_meet_opts *opts, const struct bk_meet_events *events, void *arg,
	struct bk_meet **ret_meet)
{
	int err = __real_bk_meet_new(opts, events, arg, ret_meet);

	if (the_liar && !err)
		the_liar->meet = *ret_meet;
	return err;
}

/* --- its life --- */

static void on_code(struct bk_session *session, void *arg, const char *code)
{
	struct liar *l = arg;

	(void)session;
	dprintf(l->control, "%s\n", code);
}

static void on_peer(struct bk_session *session, void *arg, const struct bk_peer *peer)
{
	struct liar *l = arg;

	(void)session, (void)peer;
	if (l->opts.met)
		bk_timer_start(l->timer, 0);
}

static void on_timer(void *arg)
{
	struct liar *l = arg;

	l->opts.met(l);
	bk_timer_start(l->timer, 20 * BK_MS);
}

static void on_closed(struct bk_session *session, void *arg, int error, const char *text)
{
	(void)session, (void)error, (void)text; /* the server goes on for the other one */
	bk_timer_stop(((struct liar *)arg)->timer);
}

static void begin_session(struct liar *l, const char *server, const char *code)
{
	static const struct bk_session_events events = {
		.on_code = on_code, .on_peer = on_peer, .on_closed = on_closed};
	const struct bk_session_opts opts = {
		.server = server, .code = code, .name = "liar", .path = l->opts.path};

	must(bk_session_new(l->loop, &opts, &events, l, &l->session) == 0, "no session");
}

static char server_name[NAME_MAX_];

/* The code, or the end. */
static void on_control(void *arg, int fd, int events)
{
	struct liar *l = arg;
	char code[NAME_MAX_];
	ssize_t n = read(fd, code, sizeof(code) - 1);

	(void)events;
	if (n <= 0)
		_exit(0);
	code[n] = 0;
	code[strcspn(code, "\n")] = 0;
	begin_session(l, server_name, code);
}

static void print_log(void *arg, enum bk_log_level level, const char *module, const char *line)
{
	fprintf(arg, "liar: %s %s: %s\n", bk_log_level_name(level), module, line);
}

static void live(const struct liar_opts *opts, int control)
{
	struct bk_server_opts server = {
		.listen_ip = "127.0.0.1", .port = -1, .alt_port = -1, .messages_per_second = 100000};
	char state_dir[] = "/tmp/bodkin-test-XXXXXX", text[BK_SERVER_TEXT_MAX] = "", command[64];
	struct liar l = {.opts = *opts, .control = control};
	struct bk_watch *watch;

	if (getenv("BK_TEST_LOG"))
		bk_log_set(print_log, stderr, BK_LOG_TRACE);
	the_liar = &l;
	bk_file_reader_init(&l.files);
	server.state_dir = mkdtemp(state_dir);
	must(bk_loop_new(BK_LOOP_AUTO, &l.loop) == 0, "no loop");
	must(bk_server_new(l.loop, &server, &l.server, text) == 0, text);
	snprintf(command, sizeof(command), "rm -rf '%s'", state_dir);
	must(system(command) == 0, "its folder stays");
	must(bk_timer_new(l.loop, on_timer, &l, &l.timer) == 0, "no timer");
	must(bk_watch_new(l.loop, control, on_control, &l, &watch) == 0, "no watch");
	bk_watch_set(watch, BK_READABLE);
	snprintf(server_name, sizeof(server_name), "127.0.0.1:%u#%s", bk_server_port(l.server),
		bk_server_pin(l.server));
	dprintf(control, "%s\n", server_name);
	traffic_reset(false);
	if (opts->is_mute)
		traffic.only_port = bk_server_port(l.server);
	if (opts->is_sender)
		begin_session(&l, server_name, NULL);
	bk_loop_run(l.loop);
}

int liar_start(const struct liar_opts *opts, int *ret_control)
{
	int ends[2], pid;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "no line");
	pid = fork();
	must(pid >= 0, "no process");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(CEILING_SECONDS);
		close(ends[0]);
		live(opts, ends[1]);
		_exit(1);
	}
	close(ends[1]);
	*ret_control = ends[0];
	return pid;
}
