/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/sock.h"
#include "secure/identity.h"
#include "service/conn.h"
#include "service/test_kit.h"

/* A message connection inside TLS, and a bare client of it. */
struct both {
	struct book *b;
	struct bk_identity *identity;
	struct bk_tls *tls;
	int fd;
};

static void move_bytes(struct both *t)
{
	struct bk_buf *out = bk_tls_out(t->tls);
	uint8_t bytes[4096];
	ssize_t n;

	if (out->len) {
		kit_write(t->fd, bk_buf_head(out), out->len);
		bk_buf_consume(out, out->len);
	}
	while ((n = recv(t->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		assert_int_equal(bk_buf_append(bk_tls_in(t->tls), bytes, (size_t)n), 0);
}

static bool is_secure(void *arg)
{
	struct both *t = arg;
	int err = bk_tls_handshake(t->tls);

	assert_true(!err || err == BK_E_AGAIN);
	move_bytes(t);
	return !err;
}

static int connected_pair(int *ret_server)
{
	struct bk_addr local = bk_addr_v4(127, 0, 0, 1, 0), peer;
	int listener, client, err;

	assert_int_equal(bk_sock_listen(&local, false, 1, &listener), 0);
	assert_int_equal(bk_sock_local(listener, &local), 0);
	assert_int_equal(bk_sock_connect(NULL, &local, &client), 0);
	while ((err = bk_sock_accept(listener, &peer, ret_server)) == BK_E_AGAIN)
		;
	assert_int_equal(err, 0);
	close(listener);
	return client;
}

static struct both begin(void)
{
	static const struct bk_message_opts length = {.framing = BK_FRAMING_LENGTH};
	struct both t = {.b = kit_new(BK_LOOP_AUTO)};
	const struct bk_tls_opts client = {.alpn = "test"};
	struct bk_conn_opts opts = {.alpn = "test", .opts = &length, .events = &kit_events, .arg = t.b};
	int fd;

	assert_int_equal(bk_identity_new(&t.identity), 0);
	opts.identity = t.identity;
	t.fd = connected_pair(&fd);
	assert_int_equal(bk_tls_new(&client, &t.tls), 0);
	assert_int_equal(bk_conn_new(t.b->loop, fd, &opts, &t.b->conn), 0);
	kit_until(t.b, is_secure, &t);
	return t;
}

static void say(struct both *t, const char *content)
{
	uint8_t framed[64] = {0, 0, 0, (uint8_t)strlen(content)};
	size_t n = 4 + strlen(content);

	memcpy(framed + 4, content, n - 4);
	assert_int_equal(bk_tls_write(t->tls, framed, n), n);
}

static void finish(struct both *t)
{
	struct bk_loop *loop = t->b->loop;

	kit_done(t->b);
	bk_tls_free(t->tls);
	bk_identity_free(t->identity);
	if (t->fd >= 0)
		close(t->fd);
	bk_loop_free(loop);
}

static void pause_now(struct book *b, struct bk_conn *c, const struct bk_message *m)
{
	(void)b;
	(void)m;
	bk_conn_pause(c);
}

/* Each word is a record of its own; the end of the stream waits behind the last. */
static void a_pause_loses_nothing_of_what_came_before_the_end(void **state)
{
	struct both t = begin();
	static const char *const expected[] = {"[a][b]", "[a][b][c]", "[a][b][c][d]"};

	(void)state;
	t.b->then_message = pause_now;
	say(&t, "a");
	say(&t, "b");
	say(&t, "c");
	say(&t, "d");
	move_bytes(&t);
	close(t.fd);
	t.fd = -1;
	kit_until_text(t.b, "[a]");
	kit_fly(t.b, 5 * BK_SEC);
	assert_string_equal(t.b->text, "[a]");
	for (int i = 0; i < 3; i++) {
		bk_conn_resume(t.b->conn);
		kit_until_text(t.b, expected[i]);
		kit_turns(t.b, 3);
		assert_string_equal(t.b->text, expected[i]);
	}
	bk_conn_resume(t.b->conn);
	kit_until_text(t.b, "left:eof ");
	finish(&t);
}

static void free_it(struct book *b, struct bk_conn *c, const struct bk_message *m)
{
	(void)m;
	bk_conn_free(c);
	b->conn = NULL;
}

static void it_may_be_freed_while_more_waits_to_be_decrypted(void **state)
{
	struct both t = begin();

	(void)state;
	t.b->then_message = free_it;
	say(&t, "a");
	say(&t, "b");
	move_bytes(&t);
	kit_until_text(t.b, "[a]");
	kit_turns(t.b, 5);
	assert_string_equal(t.b->text, "[a]");
	finish(&t);
}

static void bytes_that_are_no_tls_end_it_with_a_sentence(void **state)
{
	struct both t = begin();

	(void)state;
	kit_write(t.fd, "these bytes are no record", 25);
	kit_until_text(t.b, "left:tls ");
	assert_memory_equal(t.b->why, "TLS failed: ", 12);
	finish(&t);
}

enum { WORDS = 100 };

static void say_much(struct book *b, struct bk_conn *c, const struct bk_message *m)
{
	struct bk_message word = kit_text("word");

	(void)b;
	(void)m;
	for (int i = 0; i < WORDS; i++)
		assert_int_equal(bk_conn_send(c, &word), 0);
}

/* Goes over records by their headers: five bytes, the last two of them the length. */
static unsigned count_records(const uint8_t *bytes, size_t n)
{
	unsigned count = 0;

	for (size_t at = 0; at + 5 <= n; at += 5 + (size_t)(bytes[at + 3] << 8 | bytes[at + 4]))
		count++;
	return count;
}

static bool is_decrypted(void *arg)
{
	struct both *t = arg;
	uint8_t bytes[WORDS * 8];

	move_bytes(t);
	return bk_tls_in(t->tls)->len && bk_tls_read(t->tls, bytes, sizeof(bytes)) == sizeof(bytes);
}

/* A room of a thousand is told by it: records, not bytes, are what many small messages cost. */
static void what_a_turn_says_to_somebody_is_one_record(void **state)
{
	struct both t = begin();
	struct bk_buf *in = bk_tls_in(t.tls);

	(void)state;
	t.b->then_message = say_much;
	say(&t, "a");
	move_bytes(&t);
	kit_until_text(t.b, "[a]");
	kit_turns(t.b, 3);
	move_bytes(&t);
	assert_int_equal(count_records(bk_buf_head(in), in->len), 1);
	assert_true(is_decrypted(&t));
	finish(&t);
}

/* Last words and the end of the stream leave in order. */
static void what_was_said_before_it_closes_is_read_before_the_end(void **state)
{
	struct bk_message last = kit_text("last");
	struct both t = begin();
	uint8_t bytes[64];

	(void)state;
	say(&t, "a");
	move_bytes(&t);
	kit_until_text(t.b, "[a]");
	assert_int_equal(bk_conn_send(t.b->conn, &last), 0);
	bk_conn_close(t.b->conn);
	kit_turns(t.b, 3);
	move_bytes(&t);
	assert_int_equal(bk_tls_read(t.tls, bytes, sizeof(bytes)), 8);
	assert_int_equal(bk_tls_read(t.tls, bytes, sizeof(bytes)), BK_E_EOF);
	finish(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pause_loses_nothing_of_what_came_before_the_end),
		cmocka_unit_test(it_may_be_freed_while_more_waits_to_be_decrypted),
		cmocka_unit_test(bytes_that_are_no_tls_end_it_with_a_sentence),
		cmocka_unit_test(what_a_turn_says_to_somebody_is_one_record),
		cmocka_unit_test(what_was_said_before_it_closes_is_read_before_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
