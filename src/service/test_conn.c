/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/sock.h"
#include "service/test_kit.h"

static const struct bk_message_opts raw = {.framing = BK_FRAMING_RAW},
				    length = {.framing = BK_FRAMING_LENGTH};

/* --- connecting --- */

static void a_refused_connect_has_its_name(void **state)
{
	struct bk_addr local = bk_addr_v4(127, 0, 0, 1, 0);
	struct book *b = kit_new(BK_LOOP_AUTO);
	char address[64], why[128];
	int fd;

	(void)state;
	assert_int_equal(bk_sock_listen(&local, false, 1, &fd), 0);
	assert_int_equal(bk_sock_local(fd, &local), 0);
	close(fd);
	snprintf(address, sizeof(address), "127.0.0.1:%u", local.port);
	snprintf(why, sizeof(why), "cannot connect to '%s': connection refused", address);
	assert_int_equal(bk_conn_connect(b->loop, address, NULL, &kit_events, b, &b->conn), 0);
	assert_string_equal(bk_conn_peer(b->conn), address);
	kit_until_count(b, &b->left, 1);
	assert_string_equal(b->text, "left:refused ");
	assert_string_equal(b->why, why);
	kit_finish(b);
}

static void an_address_that_is_none_is_refused_at_once(void **state)
{
	static const char *const rows[] = {"", ":", "host", "host:", ":80", "host:0", "host:65536", "host:8o",
		"::1:80", "[]:80", "h:-1"};
	struct book *b = kit_new(BK_LOOP_AUTO);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (bk_conn_connect(b->loop, rows[i], NULL, &kit_events, b, &b->conn) != BK_E_INVALID)
			fail_msg("'%s' is taken", rows[i]);
	kit_finish(b);
}

static void a_connect_can_be_given_up(void **state)
{
	struct book *b = kit_begin(raw), *client = kit_beside(b);

	(void)state;
	kit_connect(client, b, raw);
	bk_conn_close(client->conn);
	kit_until_count(client, &client->left, 1);
	assert_string_equal(client->text, "left:done ");
	kit_connect(client, b, raw);
	bk_conn_free(client->conn);
	client->conn = NULL;
	kit_turns(b, 5);
	assert_int_equal(client->left, 1);
	kit_done(client);
	kit_finish(b);
}

static void words_said_while_connecting_go_out_before_the_end(void **state)
{
	struct book *b = kit_begin(raw), *client = kit_beside(b);
	struct bk_message m = kit_text("words");

	(void)state;
	kit_connect(client, b, raw);
	assert_int_equal(bk_conn_send(client->conn, &m), 0);
	bk_conn_close(client->conn);
	assert_int_equal(bk_conn_send(client->conn, &m), BK_E_EOF);
	kit_until_text(b, "left:eof ");
	kit_until_count(client, &client->left, 1);
	assert_string_equal(b->text, "joined [words]left:eof ");
	assert_string_equal(client->text, "left:done ");
	kit_done(client);
	kit_finish(b);
}

static void a_connect_without_an_answer_times_out(void **state)
{
	struct bk_addr local = bk_addr_v4(127, 0, 0, 1, 0);
	struct book *b = kit_new(BK_LOOP_AUTO);
	struct bk_message m = kit_text("words");
	char address[64];
	int fd, full[4];

	(void)state;
	assert_int_equal(bk_sock_listen(&local, false, 0, &fd), 0);
	assert_int_equal(bk_sock_local(fd, &local), 0);
	for (int i = 0; i < 4; i++) /* nobody accepts: the kernel's queue is full */
		assert_int_equal(bk_sock_connect(NULL, &local, &full[i]), 0);
	snprintf(address, sizeof(address), "127.0.0.1:%u", local.port);
	assert_int_equal(bk_conn_connect(b->loop, address, NULL, &kit_events, b, &b->conn), 0);
	kit_fly(b, 9 * BK_SEC);
	assert_int_equal(b->left, 0);
	kit_fly(b, 2 * BK_SEC);
	assert_string_equal(b->text, "left:timeout ");
	assert_int_equal(bk_conn_connect(b->loop, address, NULL, &kit_events, b, &b->conn), 0);
	assert_int_equal(bk_conn_send(b->conn, &m), 0);
	bk_conn_close(b->conn); /* its words wait less than the connect would */
	kit_fly(b, 3 * BK_SEC);
	assert_string_equal(b->text, "left:timeout left:timeout ");
	assert_string_equal(b->why, "the last words waited too long for a connection");
	for (int i = 0; i < 4; i++)
		close(full[i]);
	close(fd);
	kit_finish(b);
}

/* --- deadlines --- */

static void silence_ends_a_connection_and_words_prolong_it(void **state)
{
	struct book *b = kit_begin((struct bk_message_opts){.idle_timeout_ns = 10 * BK_SEC});
	int fd = kit_dial(b);

	(void)state;
	kit_until_text(b, "joined ");
	kit_fly(b, 9 * BK_SEC);
	kit_write(fd, "x", 1);
	kit_until_text(b, "[x]");
	kit_fly(b, 9 * BK_SEC);
	assert_int_equal(b->left, 0);
	kit_fly(b, 2 * BK_SEC);
	assert_string_equal(b->text, "joined [x]left:idle ");
	close(fd);
	kit_finish(b);
}

static void a_message_must_arrive_in_its_time(void **state)
{
	struct book *b = kit_begin(
		(struct bk_message_opts){.framing = BK_FRAMING_LENGTH, .header_timeout_ns = 10 * BK_SEC});
	int fd = kit_dial(b);

	(void)state;
	kit_until_text(b, "joined ");
	kit_fly(b, 60 * BK_SEC); /* none has begun */
	for (int i = 0; i < 5; i++) {
		kit_write(fd, &"\0\0\0\2ab"[i], 1);
		kit_fly(b, 1500 * BK_MS);
	}
	kit_write(fd, "b", 1);
	kit_until_text(b, "[ab]");
	for (int i = 0; i < 5; i++) {
		kit_write(fd, &"\0\0\0\2ab"[i], 1);
		kit_fly(b, 1500 * BK_MS);
	}
	assert_int_equal(b->left, 0);
	kit_fly(b, 4 * BK_SEC);
	assert_string_equal(b->text, "joined [ab]left:timeout ");
	assert_string_equal(b->why, "a message took too long to arrive");
	close(fd);
	kit_finish(b);
}

static void fill(struct book *b)
{
	static const char piece[32768];
	const struct bk_message m = {.content = piece, .content_len = sizeof(piece)};

	while (bk_conn_send(b->conn, &m) == 0)
		;
}

static void a_peer_that_reads_nothing_is_too_slow(void **state)
{
	struct book *b = kit_begin((struct bk_message_opts){.write_timeout_ns = 10 * BK_SEC});
	int fd = kit_dial_small(b, 4096);

	(void)state;
	kit_until_text(b, "joined ");
	fill(b);
	kit_turns(b, 3);
	fill(b);
	kit_fly(b, 9 * BK_SEC);
	assert_int_equal(b->left, 0);
	kit_fly(b, 2 * BK_SEC);
	assert_string_equal(b->text, "joined left:too-slow ");
	close(fd);
	kit_finish(b);
}

/* --- room --- */

static void room_is_told_when_half_of_the_queue_is_free(void **state)
{
	struct book *b = kit_begin((struct bk_message_opts){.queue_max = 256 * 1024, .write_timeout_ns = -1});
	int fd = kit_dial_small(b, 4096);
	struct bk_message m = kit_text("x");

	(void)state;
	kit_until_text(b, "joined ");
	fill(b);
	kit_turns(b, 3);
	fill(b);
	assert_int_equal(b->rooms, 0);
	assert_int_equal(
		bk_conn_send(b->conn, &(struct bk_message){.content = b->text, .content_len = 60000}),
		BK_E_AGAIN);
	while (!b->rooms) {
		char bytes[4096];

		while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			;
		kit_turns(b, 1);
	}
	assert_int_equal(bk_conn_send(b->conn, &m), 0);
	close(fd);
	kit_until_count(b, &b->left, 1);
	kit_finish(b);
}

enum { BULK_MESSAGES = 400, BULK_SIZE = 3000 };

static void send_more(struct book *b, struct bk_conn *c)
{
	static unsigned sent;
	static char content[BULK_SIZE];
	struct bk_message m = {.content = content, .content_len = sizeof(content)};

	(void)b;
	for (; sent < BULK_MESSAGES; sent++) {
		content[0] = (char)sent;
		if (bk_conn_send(c, &m) != 0)
			return;
	}
	bk_conn_close(c);
}

static void expect_next(struct book *b, struct bk_conn *c, const struct bk_message *m)
{
	(void)c;
	assert_int_equal(m->content_len, BULK_SIZE);
	assert_int_equal(((const char *)m->content)[0], (char)(b->messages - 1));
}

/* A tiny send buffer makes nearly every write a short one. */
static void short_writes_lose_nothing(void **state)
{
	struct book *b = kit_begin(length), *sender = kit_beside(b);
	const struct bk_message_opts opts = {.framing = BK_FRAMING_LENGTH, .queue_max = 10000};
	struct bk_addr to = bk_addr_v4(127, 0, 0, 1, bk_service_port(b->service));
	struct sockaddr_storage ss;
	socklen_t n = bk_addr_to_sockaddr(&to, &ss);
	int fd = socket(AF_INET, SOCK_STREAM, 0), tiny = 1;

	(void)state;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &tiny, sizeof(tiny));
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, n), 0);
	assert_int_equal(bk_conn_adopt(b->loop, fd, &opts, &kit_events, sender, &sender->conn), 0);
	b->quiet = sender->quiet = true;
	b->then_message = expect_next;
	sender->then_room = send_more;
	send_more(sender, sender->conn);
	kit_until_count(b, &b->left, 1);
	assert_int_equal(b->messages, BULK_MESSAGES);
	assert_int_equal(b->error, BK_E_EOF);
	kit_until_count(sender, &sender->left, 1);
	assert_int_equal(sender->error, 0);
	kit_done(sender);
	kit_finish(b);
}

/* --- pausing --- */

static void pause_at_b(struct book *b, struct bk_conn *c, const struct bk_message *m)
{
	(void)b;
	if (*(const char *)m->content == 'b')
		bk_conn_pause(c);
}

static void a_pause_holds_back_what_was_read_already(void **state)
{
	struct book *b = kit_begin(
		(struct bk_message_opts){.framing = BK_FRAMING_LENGTH, .idle_timeout_ns = 10 * BK_SEC});
	int fd = kit_dial(b);

	(void)state;
	b->then_message = pause_at_b;
	kit_write(fd, "\0\0\0\1a\0\0\0\1b\0\0\0\1c\0\0\0\1b\0\0", 22);
	kit_until_text(b, "[b]");
	kit_write(fd, "\0\1d", 3);
	kit_fly(b, 60 * BK_SEC); /* whoever is not listened to is not idle */
	assert_string_equal(b->text, "joined [a][b]");
	bk_conn_resume(b->conn);
	assert_string_equal(b->text, "joined [a][b]"); /* not from inside the call */
	kit_until_text(b, "[c]");
	assert_string_equal(b->text, "joined [a][b][c][b]");
	bk_conn_resume(b->conn);
	kit_until_text(b, "[d]");
	assert_string_equal(b->text, "joined [a][b][c][b][d]");
	close(fd);
	kit_until_text(b, "left:eof ");
	kit_finish(b);
}

/* --- ending --- */

static void last_words_arrive_before_the_end(void **state)
{
	struct book *b = kit_begin(raw);
	struct bk_message m = kit_text("goodbye");
	int fd = kit_dial(b);
	char got[8];

	(void)state;
	kit_until_text(b, "joined ");
	assert_int_equal(bk_conn_send(b->conn, &m), 0);
	bk_conn_close(b->conn);
	assert_int_equal(bk_conn_send(b->conn, &m), BK_E_EOF);
	kit_write(fd, "nobody listens", 14);
	kit_turns(b, 5);
	assert_string_equal(b->text, "joined ");
	assert_int_equal(kit_read(b, fd, got, 7), 7);
	assert_int_equal(kit_read(b, fd, NULL, 0), 0);
	close(fd);
	kit_until_text(b, "left:done ");
	assert_string_equal(b->text, "joined left:done ");
	kit_finish(b);
}

static void who_does_not_close_after_our_last_words_is_left_alone(void **state)
{
	struct book *b = kit_begin(raw);
	struct bk_message m = kit_text("goodbye");
	int fd = kit_dial(b);

	(void)state;
	kit_until_text(b, "joined ");
	assert_int_equal(bk_conn_send(b->conn, &m), 0);
	bk_conn_close(b->conn);
	kit_fly(b, BK_SEC);
	assert_int_equal(b->left, 0);
	kit_fly(b, 2 * BK_SEC);
	assert_string_equal(b->text, "joined left:done ");
	close(fd);
	kit_finish(b);
}

static void who_is_owed_nothing_is_waited_for_a_moment(void **state)
{
	struct book *b = kit_begin(raw);
	struct bk_message m = kit_text("hello");
	int fd = kit_dial(b);
	char got[5];

	(void)state;
	kit_until_text(b, "joined ");
	assert_int_equal(bk_conn_send(b->conn, &m), 0);
	assert_int_equal(kit_read(b, fd, got, 5), 5);
	bk_conn_close(b->conn);
	kit_turns(b, 5);
	assert_int_equal(b->left, 0);
	kit_fly(b, 250 * BK_MS);
	assert_string_equal(b->text, "joined left:done ");
	assert_int_equal(kit_read(b, fd, NULL, 0), 0); /* an end, no reset */
	close(fd);
	kit_finish(b);
}

static void last_words_that_nobody_reads_are_a_failure(void **state)
{
	struct book *b = kit_begin(raw);
	int fd = kit_dial_small(b, 4096);

	(void)state;
	kit_until_text(b, "joined ");
	fill(b);
	kit_turns(b, 3);
	fill(b);
	bk_conn_close(b->conn);
	kit_fly(b, 3 * BK_SEC);
	assert_string_equal(b->text, "joined left:too-slow ");
	close(fd);
	kit_finish(b);
}

static void a_reset_has_its_name(void **state)
{
	struct book *b = kit_begin(length);
	int fd = kit_dial(b);

	(void)state;
	kit_until_text(b, "joined ");
	bk_sock_abort(fd);
	kit_until_count(b, &b->left, 1);
	assert_string_equal(b->text, "joined left:reset ");
	kit_finish(b);
}

static void what_came_before_a_reset_is_still_told(void **state)
{
	struct book *b = kit_begin(length);
	struct bk_message m = kit_text("x");
	int fd = kit_dial(b);

	(void)state;
	kit_until_text(b, "joined ");
	kit_write(fd, "\0\0\0\1a", 5);
	bk_sock_abort(fd);
	assert_int_equal(bk_conn_send(b->conn, &m), 0);
	kit_until_count(b, &b->left, 1);
	if (strcmp(b->text, "joined [a]left:reset ") != 0) /* the kernel may drop what was not read */
		assert_string_equal(b->text, "joined left:reset ");
	kit_finish(b);
}

static void free_on_joined(struct book *b, struct bk_conn *c)
{
	b->conn = NULL;
	bk_conn_free(c);
}

static void free_on_message(struct book *b, struct bk_conn *c, const struct bk_message *m)
{
	(void)m;
	free_on_joined(b, c);
}

static void close_on_message(struct book *b, struct bk_conn *c, const struct bk_message *m)
{
	(void)b;
	assert_int_equal(bk_conn_send(c, m), 0);
	bk_conn_close(c);
}

static void a_connection_may_be_freed_from_every_callback(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct book *b = kit_begin(
			(struct bk_message_opts){.framing = BK_FRAMING_KEY_VALUE, .queue_max = 200000});
		int fd = kit_dial_small(b, 4096);

		b->then_joined = i == 0 ? free_on_joined : NULL;
		b->then_message = i == 1 ? free_on_message : NULL;
		b->then_left = i == 2 ? free_on_joined : NULL;
		b->then_room = i == 3 ? free_on_joined : NULL;
		kit_until_count(b, &b->joined, 1);
		if (i == 3) {
			fill(b);
			kit_turns(b, 3);
			fill(b);
		}
		kit_write(fd, "\4\0CL:1a\4\0CL:1b", 14);
		if (i == 2)
			shutdown(fd, SHUT_WR);
		assert_true(kit_read(b, fd, NULL, 0) == 0 || i == 3);
		assert_int_equal(bk_service_count(b->service), 0);
		assert_int_equal(b->left, i == 2);
		assert_int_equal(b->messages, i == 0 ? 0 : i == 2 ? 2 : i == 1 ? 1 : b->messages);
		close(fd);
		kit_finish(b);
	}
}

static void a_close_from_inside_ends_the_messages(void **state)
{
	struct book *b = kit_begin(length);
	int fd = kit_dial(b);
	char got[5];

	(void)state;
	b->then_message = close_on_message;
	kit_write(fd, "\0\0\0\1a\0\0\0\1b", 10);
	assert_int_equal(kit_read(b, fd, got, 5), 5);
	assert_int_equal(kit_read(b, fd, NULL, 0), 0);
	close(fd);
	kit_until_count(b, &b->left, 1);
	assert_string_equal(b->text, "joined [a]left:done ");
	kit_finish(b);
}

static void a_client_on_its_own_may_be_freed_from_inside(void **state)
{
	struct book *b = kit_begin(length), *client = kit_beside(b);
	struct bk_message m = kit_text("hi");

	(void)state;
	client->then_message = free_on_message;
	kit_connect(client, b, length);
	kit_until_count(b, &b->joined, 1);
	assert_int_equal(bk_conn_send(b->conn, &m), 0);
	assert_int_equal(bk_conn_send(b->conn, &m), 0);
	kit_until_count(b, &b->left, 1);
	assert_string_equal(client->text, "joined [hi]");
	kit_done(client);
	kit_finish(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refused_connect_has_its_name),
		cmocka_unit_test(an_address_that_is_none_is_refused_at_once),
		cmocka_unit_test(a_connect_can_be_given_up),
		cmocka_unit_test(words_said_while_connecting_go_out_before_the_end),
		cmocka_unit_test(a_connect_without_an_answer_times_out),
		cmocka_unit_test(silence_ends_a_connection_and_words_prolong_it),
		cmocka_unit_test(a_message_must_arrive_in_its_time),
		cmocka_unit_test(a_peer_that_reads_nothing_is_too_slow),
		cmocka_unit_test(room_is_told_when_half_of_the_queue_is_free),
		cmocka_unit_test(short_writes_lose_nothing),
		cmocka_unit_test(a_pause_holds_back_what_was_read_already),
		cmocka_unit_test(last_words_arrive_before_the_end),
		cmocka_unit_test(who_does_not_close_after_our_last_words_is_left_alone),
		cmocka_unit_test(who_is_owed_nothing_is_waited_for_a_moment),
		cmocka_unit_test(last_words_that_nobody_reads_are_a_failure),
		cmocka_unit_test(a_reset_has_its_name),
		cmocka_unit_test(what_came_before_a_reset_is_still_told),
		cmocka_unit_test(a_connection_may_be_freed_from_every_callback),
		cmocka_unit_test(a_close_from_inside_ends_the_messages),
		cmocka_unit_test(a_client_on_its_own_may_be_freed_from_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
