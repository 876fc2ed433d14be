/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "secure/tls.h"

static const char alpn[] = "bodkin/1";
static struct bk_identity *id_a, *id_b, *id_c;
static struct bk_pin pin_a, pin_b, pin_c;

/* Two ends wired through memory: a the client, b the server. */
struct pair {
	struct bk_tls *a, *b;
	int err_a, err_b;
};

static size_t move(struct bk_tls *from, struct bk_tls *to, size_t most)
{
	struct bk_buf *out = bk_tls_out(from), *in = bk_tls_in(to);
	size_t n = out->len < most ? out->len : most;

	if (n > bk_buf_room(in))
		n = bk_buf_room(in);
	assert_int_equal(bk_buf_append(in, bk_buf_head(out), n), 0);
	bk_buf_consume(out, n);
	return n;
}

static struct pair pair_new(const struct bk_tls_opts *a, const struct bk_tls_opts *b)
{
	struct pair p = {.err_a = BK_E_AGAIN, .err_b = BK_E_AGAIN};

	assert_int_equal(bk_tls_new(a, &p.a), 0);
	assert_int_equal(bk_tls_new(b, &p.b), 0);
	return p;
}

static void pair_free(struct pair *p)
{
	bk_tls_free(p->a);
	bk_tls_free(p->b);
}

/* Lets both shake hands, `step` bytes at a time, until nothing moves any more. */
static void shake(struct pair *p, size_t step)
{
	size_t moved;

	do {
		p->err_a = bk_tls_handshake(p->a);
		p->err_b = bk_tls_handshake(p->b);
		moved = move(p->a, p->b, step);
		moved += move(p->b, p->a, step);
	} while (moved);
	if (!p->err_a) {
		char c;
		ssize_t n = bk_tls_read(p->a, &c, 1);

		if (n != BK_E_AGAIN)
			p->err_a = (int)n;
	}
}

static struct bk_tls_opts client(void)
{
	return (struct bk_tls_opts){.alpn = alpn, .identity = id_a, .peer_pin = &pin_b};
}

static struct bk_tls_opts server(void)
{
	return (struct bk_tls_opts){.is_server = true,
		.alpn = alpn,
		.identity = id_b,
		.peer_pin = &pin_a,
		.wants_peer_certificate = true};
}

static struct pair secure_pair(size_t buffer_max)
{
	struct bk_tls_opts a = client(), b = server();
	struct pair p;

	a.buffer_max = b.buffer_max = buffer_max;
	p = pair_new(&a, &b);
	shake(&p, SIZE_MAX);
	assert_int_equal(p.err_a, 0);
	assert_int_equal(p.err_b, 0);
	return p;
}

static void both_sides_know_each_other_by_pin(void **state)
{
	struct pair p = secure_pair(0);
	struct bk_pin pin;

	(void)state;
	assert_true(bk_tls_is_secure(p.a) && bk_tls_is_secure(p.b));
	assert_int_equal(bk_tls_peer_pin(p.a, &pin), 0);
	assert_true(bk_pin_equal(&pin, &pin_b));
	assert_int_equal(bk_tls_peer_pin(p.b, &pin), 0);
	assert_true(bk_pin_equal(&pin, &pin_a));
	assert_int_equal(bk_tls_handshake(p.a), 0);
	assert_string_equal(bk_tls_error_text(p.a), "");
	pair_free(&p);
}

static void handshake_goes_byte_by_byte(void **state)
{
	struct bk_tls_opts a = client(), b = server();
	struct pair p = pair_new(&a, &b);
	struct bk_pin pin;

	(void)state;
	assert_int_equal(bk_tls_peer_pin(p.a, &pin), BK_E_NOT_FOUND);
	shake(&p, 1);
	assert_int_equal(p.err_a, 0);
	assert_int_equal(p.err_b, 0);
	pair_free(&p);
}

static void server_sends_nothing_after_the_handshake(void **state)
{
	struct pair p = secure_pair(0);

	(void)state;
	bk_tls_handshake(p.b);
	assert_int_equal(bk_tls_out(p.b)->len, 0);
	assert_int_equal(bk_tls_in(p.a)->len, 0);
	pair_free(&p);
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

static bool has_no_memory;

void *__wrap_malloc(size_t n)
{
	return has_no_memory ? NULL : __real_malloc(n);
}

static void bulk_for_which_there_is_no_memory_is_an_error(void **state)
{
	static const uint8_t data[16384];
	struct pair p = secure_pair(0);
	ssize_t n = bk_tls_write(p.a, data, sizeof(data));

	(void)state;
	assert_int_equal(n, sizeof(data));
	has_no_memory = true;
	for (int i = 0; i < 100 && n > 0; i++)
		n = bk_tls_write(p.a, data, sizeof(data));
	has_no_memory = false;
	assert_int_equal(n, BK_E_NOMEM);
	pair_free(&p);
}

static void anonymous_client_trusts_on_first_use(void **state)
{
	struct bk_tls_opts a = {.alpn = alpn}, b = {.is_server = true, .alpn = alpn, .identity = id_b};
	struct pair p = pair_new(&a, &b);
	struct bk_pin pin;

	(void)state;
	shake(&p, SIZE_MAX);
	assert_int_equal(p.err_a, 0);
	assert_int_equal(p.err_b, 0);
	assert_int_equal(bk_tls_peer_pin(p.a, &pin), 0);
	assert_true(bk_pin_equal(&pin, &pin_b));
	assert_int_equal(bk_tls_peer_pin(p.b, &pin), BK_E_NOT_FOUND);
	pair_free(&p);
}

static void refusals_have_names_on_both_sides(void **state)
{
	static const struct {
		const char *what;
		const char *alpn_a;
		struct bk_pin *pin_a, *pin_b; /* what a wants of b, what b wants of a */
		bool anonymous, want;
		int err_a, err_b;
	} rows[] = {
		{"client sees a wrong server", alpn, &pin_c, &pin_a, false, true, BK_E_PIN_MISMATCH,
			BK_E_UNAUTHORIZED},
		{"server sees a wrong client", alpn, &pin_b, &pin_c, false, true, BK_E_UNAUTHORIZED,
			BK_E_PIN_MISMATCH},
		{"no client certificate", alpn, &pin_b, NULL, true, true, BK_E_UNAUTHORIZED,
			BK_E_UNAUTHORIZED},
		{"no client certificate, pinned", alpn, &pin_b, &pin_a, true, false, BK_E_UNAUTHORIZED,
			BK_E_PIN_MISMATCH},
		{"another protocol", "http/1.1", &pin_b, NULL, false, false, BK_E_VERSION, BK_E_VERSION},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_tls_opts a = {.alpn = rows[i].alpn_a,
			.identity = rows[i].anonymous ? NULL : id_a,
			.peer_pin = rows[i].pin_a};
		struct bk_tls_opts b = {.is_server = true,
			.alpn = alpn,
			.identity = id_b,
			.peer_pin = rows[i].pin_b,
			.wants_peer_certificate = rows[i].want};
		struct pair p = pair_new(&a, &b);

		shake(&p, SIZE_MAX);
		if (p.err_a != rows[i].err_a || p.err_b != rows[i].err_b)
			fail_msg("%s: %s (%s) and %s (%s)", rows[i].what, bk_error_name(p.err_a),
				bk_tls_error_text(p.a), bk_error_name(p.err_b), bk_tls_error_text(p.b));
		assert_false(bk_tls_is_secure(p.b));
		assert_string_not_equal(bk_tls_error_text(p.b), "");
		assert_int_equal(bk_tls_write(p.b, "x", 1), rows[i].err_b);
		assert_int_equal(bk_tls_handshake(p.b), rows[i].err_b);
		pair_free(&p);
	}
}

static void impossible_options_are_invalid(void **state)
{
	struct bk_tls_opts o = server();
	struct bk_tls *t = NULL;

	(void)state;
	o.identity = NULL;
	assert_int_equal(bk_tls_new(&o, &t), BK_E_INVALID);
	o = client();
	o.alpn = NULL;
	assert_int_equal(bk_tls_new(&o, &t), BK_E_INVALID);
	o = client();
	o.buffer_max = BK_TLS_BUFFER_MIN - 1;
	assert_int_equal(bk_tls_new(&o, &t), BK_E_INVALID);
	assert_null(t);
	bk_tls_free(NULL);
	o = client();
	assert_int_equal(bk_tls_new(&o, &t), 0);
	assert_int_equal(bk_tls_write(t, "x", 1), BK_E_INVALID);
	assert_int_equal(bk_tls_read(t, &o, 1), BK_E_INVALID);
	bk_tls_close(t);
	assert_int_equal(bk_tls_out(t)->len, 0);
	bk_tls_free(t);
}

static void garbage_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{"GET / HTTP/1.1\r\n\r\n", 18}, {"\0\0\0\x20{\"type\":\"x\"}", 16},
		{"\x16\x03\x01\xff\xff\x01\0\0\0", 9},              /* a record over the limit */
		{"\x16\x03\x01\0\x06\x02\0\0\x02\0\0", 11},         /* a server hello */
		{"\x17\x03\x03\0\x05hello", 10},                    /* data first */
		{"\x15\x03\x03\0\x02\x02\x28", 7},                  /* an alert first */
		{"\x16\x03\x01\0\x08\x01\0\0\x04\x03\x03\0\0", 13}, /* a hello that ends early */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_tls_opts b = server();
		struct bk_tls *t;
		int err;

		assert_int_equal(bk_tls_new(&b, &t), 0);
		assert_int_equal(bk_buf_append(bk_tls_in(t), rows[i].bytes, rows[i].n), 0);
		err = bk_tls_handshake(t);
		if (err != BK_E_TLS && err != BK_E_VERSION)
			fail_msg("row %zu: %s", i, bk_error_name(err));
		assert_int_equal(bk_tls_handshake(t), err);
		bk_tls_free(t);
	}
}

static void cut_hello_waits_and_damaged_hello_never_succeeds(void **state)
{
	struct bk_tls_opts a = client(), b = server();
	struct bk_tls *c, *t;
	size_t len;

	(void)state;
	assert_int_equal(bk_tls_new(&a, &c), 0);
	assert_int_equal(bk_tls_handshake(c), BK_E_AGAIN);
	len = bk_tls_out(c)->len;
	assert_in_range(len, 100, 600);
	for (size_t n = 0; n < len; n++) {
		assert_int_equal(bk_tls_new(&b, &t), 0);
		bk_buf_append(bk_tls_in(t), bk_buf_head(bk_tls_out(c)), n);
		assert_int_equal(bk_tls_handshake(t), BK_E_AGAIN);
		assert_int_equal(bk_tls_out(t)->len, 0);
		bk_tls_free(t);
		assert_int_equal(bk_tls_new(&b, &t), 0);
		bk_buf_append(bk_tls_in(t), bk_buf_head(bk_tls_out(c)), len);
		bk_buf_head(bk_tls_in(t))[n] ^= 0x41;
		assert_true(bk_tls_handshake(t) < 0);
		bk_tls_free(t);
	}
	bk_tls_free(c);
}

/* Feeds the same bytes until the server has had enough. */
static void feed_until_refused(const char *first, size_t first_len, const char *rest, size_t rest_len)
{
	struct bk_tls_opts b = server();
	struct bk_tls *t;
	int err = BK_E_AGAIN;
	size_t fed = 0;

	assert_int_equal(bk_tls_new(&b, &t), 0);
	bk_buf_append(bk_tls_in(t), first, first_len);
	while (err == BK_E_AGAIN && fed < 1 << 20) {
		bk_buf_append(bk_tls_in(t), rest, rest_len);
		fed += rest_len;
		err = bk_tls_handshake(t);
	}
	assert_true(err == BK_E_TLS || err == BK_E_TOO_BIG);
	assert_true(fed <= 66000 + rest_len);
	bk_tls_free(t);
}

static void endless_bytes_before_the_handshake_end(void **state)
{
	char piece[5 + 1024] = "\x16\x03\x03\x04\0";

	(void)state;
	feed_until_refused("", 0, "\x15\x03\x03\0\x02\x01\x5a", 7); /* warnings */
	feed_until_refused(
		"\x16\x03\x01\0\x04\x01\xff\xff\xff", 9, piece, sizeof(piece)); /* a hello of 16 MiB */
	feed_until_refused("\x16\x03\x01\0\x04\x01\xff\xff\xff", 9, "\x16\x03\x03\0\x01x", 6);
	feed_until_refused("", 0, "\x14\x03\x03\0\x01\x01", 6); /* change cipher spec */
}

static uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 131 + (at >> 8) * 7);
}

/* Everything arrives, in order, whatever the ceiling and however the owner moves the bytes. */
static void large_transfer_respects_the_ceilings(void **state)
{
	static const struct {
		size_t max, write, step, read;
	} rows[] = {
		{BK_TLS_BUFFER_MIN, 100000, 7777, 5000},
		{BK_TLS_BUFFER_MIN, 16384, SIZE_MAX, 16384},
		{100000, 1, 3000, 64},
		{1 << 20, 1 << 20, 40000, 65536},
		{1 << 20, 3000000, SIZE_MAX, 20000},
	};
	size_t total = 3000000;
	uint8_t *data = malloc(total), *got = malloc(1 << 20);

	(void)state;
	for (size_t i = 0; i < total; i++)
		data[i] = pattern(i);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair p = secure_pair(rows[i].max);
		size_t goal = rows[i].write == 1 ? 20000 : total, sent = 0, read = 0;

		while (read < goal) {
			size_t n = goal - sent < rows[i].write ? goal - sent : rows[i].write;
			ssize_t ret = n ? bk_tls_write(p.a, data + sent, n) : 0;

			assert_true(ret >= 0 || ret == BK_E_AGAIN);
			sent += ret > 0 ? (size_t)ret : 0;
			assert_true(bk_tls_out(p.a)->len <= rows[i].max);
			move(p.a, p.b, rows[i].step);
			while ((ret = bk_tls_read(p.b, got, rows[i].read)) > 0) {
				assert_true(ret <= 16384);
				assert_memory_equal(got, data + read, (size_t)ret);
				read += (size_t)ret;
			}
			assert_int_equal(ret, BK_E_AGAIN);
		}
		assert_int_equal(read, goal);
		pair_free(&p);
	}
	free(data);
	free(got);
}

static void full_out_buffer_says_again_and_takes_nothing(void **state)
{
	struct pair p = secure_pair(BK_TLS_BUFFER_MIN);
	uint8_t data[50000] = {1, 2, 3}, got[16384];
	ssize_t n;

	(void)state;
	n = bk_tls_write(p.a, data, sizeof(data));
	assert_int_equal(n, 16384);
	n = bk_tls_write(p.a, data, sizeof(data));
	assert_int_equal(n, BK_E_AGAIN);
	n = bk_tls_write(p.a, "tail", 4);
	assert_int_equal(n, 4);
	move(p.a, p.b, SIZE_MAX);
	assert_int_equal(bk_tls_read(p.b, got, sizeof(got)), 16384);
	assert_int_equal(bk_tls_read(p.b, got, sizeof(got)), 4);
	assert_memory_equal(got, "tail", 4);
	pair_free(&p);
}

static void close_is_an_orderly_end_and_the_other_way_stays_open(void **state)
{
	struct pair p = secure_pair(0);
	char got[16];
	size_t len;

	(void)state;
	assert_int_equal(bk_tls_write(p.a, "bye", 3), 3);
	bk_tls_close(p.a);
	len = bk_tls_out(p.a)->len;
	bk_tls_close(p.a);
	assert_int_equal(bk_tls_out(p.a)->len, len);
	assert_int_equal(bk_tls_write(p.a, "x", 1), BK_E_INVALID);
	move(p.a, p.b, SIZE_MAX);
	assert_int_equal(bk_tls_read(p.b, got, sizeof(got)), 3);
	assert_int_equal(bk_tls_read(p.b, got, sizeof(got)), BK_E_EOF);
	assert_int_equal(bk_tls_read(p.b, got, sizeof(got)), BK_E_EOF);
	assert_int_equal(bk_tls_write(p.b, "late", 4), 4);
	move(p.b, p.a, SIZE_MAX);
	assert_int_equal(bk_tls_read(p.a, got, sizeof(got)), 4);
	pair_free(&p);
}

static void changed_record_is_refused(void **state)
{
	struct pair p = secure_pair(0);
	char got[16];

	(void)state;
	assert_int_equal(bk_tls_write(p.a, "hello", 5), 5);
	move(p.a, p.b, SIZE_MAX);
	bk_buf_head(bk_tls_in(p.b))[8] ^= 1;
	assert_int_equal(bk_tls_read(p.b, got, sizeof(got)), BK_E_TLS);
	assert_int_equal(bk_tls_read(p.b, got, sizeof(got)), BK_E_TLS);
	assert_false(bk_tls_is_secure(p.b));
	assert_true(bk_tls_out(p.b)->len > 0);
	move(p.b, p.a, SIZE_MAX);
	assert_int_equal(bk_tls_read(p.a, got, sizeof(got)), BK_E_TLS);
	pair_free(&p);
}

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(bk_identity_new(&id_a), 0);
	assert_int_equal(bk_identity_new(&id_b), 0);
	assert_int_equal(bk_identity_new(&id_c), 0);
	pin_a = bk_identity_pin(id_a);
	pin_b = bk_identity_pin(id_b);
	pin_c = bk_identity_pin(id_c);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bk_identity_free(id_a);
	bk_identity_free(id_b);
	bk_identity_free(id_c);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_know_each_other_by_pin),
		cmocka_unit_test(handshake_goes_byte_by_byte),
		cmocka_unit_test(server_sends_nothing_after_the_handshake),
		cmocka_unit_test(bulk_for_which_there_is_no_memory_is_an_error),
		cmocka_unit_test(anonymous_client_trusts_on_first_use),
		cmocka_unit_test(refusals_have_names_on_both_sides),
		cmocka_unit_test(impossible_options_are_invalid),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test(cut_hello_waits_and_damaged_hello_never_succeeds),
		cmocka_unit_test(endless_bytes_before_the_handshake_end),
		cmocka_unit_test(large_transfer_respects_the_ceilings),
		cmocka_unit_test(full_out_buffer_says_again_and_takes_nothing),
		cmocka_unit_test(close_is_an_orderly_end_and_the_other_way_stays_open),
		cmocka_unit_test(changed_record_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
