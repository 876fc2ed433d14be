/* SPDX-License-Identifier: Apache-2.0 */
/* Two GnuTLS sessions through memory, of which one gives us a direction: what one side makes the other reads. */
#include "secure/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "secure/cred.h"

enum { WIRE_MAX = 1 << 20, KEY_WINDOW = 1 << 24 };

struct end {
	gnutls_session_t session;
	struct bk_buf *in, *out;
};

struct pair {
	struct end a, b; /* client, server */
	struct bk_buf to_a, to_b;
};

static struct bk_identity *identity;
static uint8_t data[BK_RECORD_PLAIN_MAX], got[BK_RECORD_SEALED_MAX];

static ssize_t pull(gnutls_transport_ptr_t ptr, void *to, size_t n)
{
	struct end *e = ptr;

	if (!e->in->len) {
		gnutls_transport_set_errno(e->session, EAGAIN);
		return -1;
	}
	n = n < e->in->len ? n : e->in->len;
	memcpy(to, bk_buf_head(e->in), n);
	bk_buf_consume(e->in, n);
	return (ssize_t)n;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *from, size_t n)
{
	struct end *e = ptr;

	assert_int_equal(bk_buf_append(e->out, from, n), 0);
	return (ssize_t)n;
}

static void begin(struct end *e, bool is_server, const char *cipher)
{
	char priorities[128];

	snprintf(priorities, sizeof(priorities), "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+%s", cipher);
	assert_int_equal(bk_cred_session_new(is_server, false, "test/1", &e->session), 0);
	assert_int_equal(gnutls_priority_set_direct(e->session, priorities, NULL), 0);
	gnutls_credentials_set(e->session, GNUTLS_CRD_CERTIFICATE, bk_identity_cred(identity));
	gnutls_transport_set_ptr(e->session, e);
	gnutls_transport_set_pull_function(e->session, pull);
	gnutls_transport_set_push_function(e->session, push);
}

static void meet(struct pair *p, const char *cipher)
{
	int a = GNUTLS_E_AGAIN, b = GNUTLS_E_AGAIN;

	bk_buf_init(&p->to_a, WIRE_MAX);
	bk_buf_init(&p->to_b, WIRE_MAX);
	p->a = (struct end){.in = &p->to_a, .out = &p->to_b};
	p->b = (struct end){.in = &p->to_b, .out = &p->to_a};
	begin(&p->a, false, cipher);
	begin(&p->b, true, cipher);
	for (int i = 0; i < 10; i++) {
		a = a ? gnutls_handshake(p->a.session) : 0;
		b = b ? gnutls_handshake(p->b.session) : 0;
	}
	assert_int_equal(a, 0);
	assert_int_equal(b, 0);
}

static void part(struct pair *p)
{
	gnutls_deinit(p->a.session);
	gnutls_deinit(p->b.session);
	bk_buf_done(&p->to_a);
	bk_buf_done(&p->to_b);
}

static struct bk_records taken(struct end *e, bool is_reading)
{
	struct bk_records r = {.session = e->session, .is_reading = is_reading};

	bk_records_take(&r);
	assert_true(bk_records_are_ours(&r));
	return r;
}

static bool seal(struct bk_records *r, struct bk_buf *wire, size_t n)
{
	uint8_t *at = bk_buf_reserve(wire, n + BK_RECORD_OVERHEAD);

	if (!bk_records_seal(r, data, n, at))
		return false;
	bk_buf_commit(wire, n + BK_RECORD_OVERHEAD);
	return true;
}

static size_t open_next(struct bk_records *r, struct bk_buf *wire)
{
	size_t len = bk_record_len(bk_buf_head(wire), wire->len),
	       n = bk_records_open(r, bk_buf_head(wire), len, got, sizeof(got));

	assert_true(len <= wire->len);
	if (n)
		bk_buf_consume(wire, len);
	return n;
}

static void assert_is_data(size_t len, size_t want)
{
	assert_int_equal(len, want);
	assert_memory_equal(got, data, want);
}

static void each_cipher_is_read_and_written_as_gnutls_does(void **state)
{
	static const char *const ciphers[] = {"AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305"};
	static const size_t sizes[] = {1, 15, 16, 17, 1000, BK_RECORD_PLAIN_MAX};

	(void)state;
	for (size_t c = 0; c < 3; c++) {
		struct bk_records writing, reading;
		struct pair p;

		meet(&p, ciphers[c]);
		writing = taken(&p.a, false);
		reading = taken(&p.a, true);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			assert_true(seal(&writing, &p.to_b, sizes[i]));
			assert_is_data((size_t)gnutls_record_recv(p.b.session, got, sizeof(got)), sizes[i]);
			assert_int_equal(gnutls_record_send(p.b.session, data, sizes[i]), sizes[i]);
			assert_is_data(open_next(&reading, &p.to_a), sizes[i]);
		}
		bk_records_return(&writing);
		bk_records_return(&reading);
		part(&p);
	}
}

static void a_direction_changes_hands_at_any_record(void **state)
{
	struct pair p;
	struct bk_records writing, reading;

	(void)state;
	meet(&p, "AES-128-GCM");
	writing = (struct bk_records){.session = p.a.session};
	reading = (struct bk_records){.session = p.b.session, .is_reading = true};
	for (unsigned i = 1; i < 64; i++) {
		(i & 1 ? bk_records_take : bk_records_return)(&writing);
		(i & 2 ? bk_records_take : bk_records_return)(&reading);
		if (i & 1)
			assert_true(seal(&writing, &p.to_b, i));
		else
			assert_int_equal(gnutls_record_send(p.a.session, data, i), i);
		assert_is_data(i & 2 ? open_next(&reading, &p.to_b)
				     : (size_t)gnutls_record_recv(p.b.session, got, sizeof(got)),
			i);
	}
	bk_records_return(&writing);
	bk_records_return(&reading);
	part(&p);
}

static void what_is_no_data_or_is_damaged_is_left_to_gnutls(void **state)
{
	struct bk_records reading;
	struct pair p;

	(void)state;
	meet(&p, "AES-128-GCM");
	reading = taken(&p.b, true);
	assert_int_equal(gnutls_session_key_update(p.a.session, 0), 0);
	assert_int_equal(open_next(&reading, &p.to_b), 0);
	bk_records_return(&reading);
	assert_int_equal(gnutls_record_recv(p.b.session, got, sizeof(got)), GNUTLS_E_AGAIN);
	bk_records_take(&reading);
	assert_int_equal(gnutls_record_send2(p.a.session, data, 7, 100, 0), 7); /* padded */
	assert_is_data(open_next(&reading, &p.to_b), 7);
	assert_int_equal(gnutls_record_send(p.a.session, data, 9), 9);
	for (size_t i = 0; i < p.to_b.len; i++) {
		if (i == 3 || i == 4) /* it would be another length */
			continue;
		bk_buf_head(&p.to_b)[i] ^= 0x10;
		assert_int_equal(open_next(&reading, &p.to_b), 0);
		bk_buf_head(&p.to_b)[i] ^= 0x10;
	}
	assert_int_equal(bk_records_open(&reading, bk_buf_head(&p.to_b), p.to_b.len, got, 9), 0);
	assert_is_data(open_next(&reading, &p.to_b), 9);
	bk_records_return(&reading);
	part(&p);
}

static void set_seq(gnutls_session_t session, bool is_reading, uint32_t seq)
{
	const uint8_t bytes[8] = {
		0, 0, 0, 0, (uint8_t)(seq >> 24), (uint8_t)(seq >> 16), (uint8_t)(seq >> 8), (uint8_t)seq};

	assert_int_equal(gnutls_record_set_state(session, is_reading, bytes), 0);
}

static void a_worn_key_is_renewed_by_gnutls(void **state)
{
	struct bk_records writing;
	unsigned ours = 0, theirs = 0;
	struct pair p;

	(void)state;
	meet(&p, "AES-128-GCM");
	set_seq(p.a.session, false, KEY_WINDOW - 40);
	set_seq(p.b.session, true, KEY_WINDOW - 40);
	writing = taken(&p.a, false);
	for (unsigned i = 1; i <= 100; i++) {
		ssize_t n = GNUTLS_E_AGAIN;

		if (bk_records_are_ours(&writing) && seal(&writing, &p.to_b, i)) {
			ours++;
		} else {
			assert_int_equal(gnutls_record_send(p.a.session, data, i), i);
			theirs++;
			bk_records_take(&writing);
		}
		while (n == GNUTLS_E_AGAIN)
			n = gnutls_record_recv(p.b.session, got, sizeof(got));
		assert_is_data((size_t)n, i);
	}
	assert_in_range(theirs, 1, 20);
	assert_true(writing.seq < 100 && ours > 50);
	bk_records_return(&writing);
	part(&p);
}

static void the_length_of_a_record_is_known_from_its_header(void **state)
{
	uint8_t record[64] = {23, 3, 3, 0, 20};

	(void)state;
	assert_int_equal(bk_record_len(record, 0), 5);
	assert_int_equal(bk_record_len(record, 4), 5);
	assert_int_equal(bk_record_len(record, 5), 25);
	record[3] = BK_RECORD_SEALED_MAX >> 8;
	record[4] = BK_RECORD_SEALED_MAX & 0xff;
	assert_int_equal(bk_record_len(record, 64), 5 + BK_RECORD_SEALED_MAX);
	record[4]++; /* nobody waits for what is refused */
	assert_int_equal(bk_record_len(record, 64), 5);
}

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 + (i >> 8) + 1);
	return bk_identity_new(&identity);
}

static int tear_down(void **state)
{
	(void)state;
	bk_identity_free(identity);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cipher_is_read_and_written_as_gnutls_does),
		cmocka_unit_test(a_direction_changes_hands_at_any_record),
		cmocka_unit_test(what_is_no_data_or_is_damaged_is_left_to_gnutls),
		cmocka_unit_test(a_worn_key_is_renewed_by_gnutls),
		cmocka_unit_test(the_length_of_a_record_is_known_from_its_header),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
