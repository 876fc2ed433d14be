/* SPDX-License-Identifier: Apache-2.0 */

/* STUN as bytes: RFC 8489 section 5 (header) and 14 (attributes), RFC 5780 section 7, RFC 8445 section 16.1,
 * RFC 3489 section 11.2. One table says which attribute is written how and where it lives in the struct, for
 * both directions. It refuses what is not exactly one whole message: a length that does not match the
 * datagram, an attribute that leaves it, an address of an unknown family. What an attribute means is not
 * decided here. */
#include "stun/msg.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <sodium.h>
#include <string.h>

#include "base/error.h"
#include "wire/cursor.h"

enum {
	ATTR_HEADER_LEN = 4,
	INTEGRITY_LEN = 20,
	FINGERPRINT_LEN = 4,
	ATTR_INTEGRITY = 0x0008,
	ATTR_UNKNOWN = 0x000A,
	ATTR_FINGERPRINT = 0x8028,
	COMPREHENSION_OPTIONAL = 0x8000,
	CHANGE_IP = 4, /* RFC 5780 section 7.2 */
	CHANGE_PORT = 2,
};

#define FINGERPRINT_XOR 0x5354554eu /* RFC 8489 section 14.7 */

static const uint8_t cookie[4] = {0x21, 0x12, 0xA4, 0x42};

enum kind {
	KIND_ADDRESS,
	KIND_XOR_ADDRESS,
	KIND_TEXT,
	KIND_CHANGE,
	KIND_RESPONSE_PORT,
	KIND_PADDING,
	KIND_ERROR,
	KIND_UNKNOWN,
	KIND_FLAG,
	KIND_PRIORITY,
	KIND_ROLE, /* ICE-CONTROLLING and ICE-CONTROLLED: a flag and the tie-breaker */
};

struct attr {
	uint16_t type;
	enum kind kind;
	size_t at; /* the member: an address, a text, or the flag that says it is there */
};

#define AT(member) offsetof(struct bk_stun_msg, member)

/* In the order of writing. */
static const struct attr attrs[] = {
	{0x0020, KIND_XOR_ADDRESS, AT(xor_mapped)},
	{0x0001, KIND_ADDRESS, AT(mapped)},
	{0x802B, KIND_ADDRESS, AT(origin)},
	{0x802C, KIND_ADDRESS, AT(other)},
	{0x0004, KIND_ADDRESS, AT(source)},
	{0x0005, KIND_ADDRESS, AT(changed)},
	{0x0009, KIND_ERROR, AT(error_code)},
	{ATTR_UNKNOWN, KIND_UNKNOWN, AT(unknown)},
	{0x8022, KIND_TEXT, AT(software)},
	{BK_STUN_ATTR_CHANGE_REQUEST, KIND_CHANGE, AT(has_change)},
	{0x0027, KIND_RESPONSE_PORT, AT(response_port)},
	{0x0024, KIND_PRIORITY, AT(has_priority)},
	{0x0025, KIND_FLAG, AT(has_use_candidate)},
	{0x802A, KIND_ROLE, AT(has_controlling)},
	{0x8029, KIND_ROLE, AT(has_controlled)},
	{0x0006, KIND_TEXT, AT(username)},
	{0x0026, KIND_PADDING, AT(padding)},
};

enum { ATTRS_LEN = sizeof(attrs) / sizeof(attrs[0]) };

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* --- checks over the bytes --- */

/* CRC-32 of ITU V.42, four bits at a time. */
static uint32_t crc32_of(const uint8_t *data, size_t n)
{
	static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190,
		0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc = table[(crc ^ data[i]) & 15] ^ (crc >> 4);
		crc = table[(crc ^ (uint32_t)(data[i] >> 4)) & 15] ^ (crc >> 4);
	}
	return ~crc;
}

static void set_length(uint8_t *message, size_t total)
{
	size_t n = total - BK_STUN_HEADER_LEN;

	message[2] = (uint8_t)(n >> 8);
	message[3] = (uint8_t)n;
}

/* The HMAC covers what stands before it, with the length as if the message ended behind it. */
static int hmac_of(uint8_t *message, size_t at, const struct bk_stun_key *key, uint8_t out[INTEGRITY_LEN])
{
	set_length(message, at + ATTR_HEADER_LEN + INTEGRITY_LEN);
	return gnutls_hmac_fast(GNUTLS_MAC_SHA1, key->bytes, key->len, message, at, out) < 0 ? BK_E_INTERNAL
											     : 0;
}

static uint32_t fingerprint_of(uint8_t *message, size_t at)
{
	set_length(message, at + ATTR_HEADER_LEN + FINGERPRINT_LEN);
	return crc32_of(message, at) ^ FINGERPRINT_XOR;
}

bool bk_stun_check_integrity(
	const uint8_t *data, size_t n, const struct bk_stun_msg *m, const struct bk_stun_key *key)
{
	uint8_t head[BK_STUN_MESSAGE_MAX], hmac[INTEGRITY_LEN];
	size_t at = m->integrity_at;

	if (!at || at > sizeof(head) || at + ATTR_HEADER_LEN + INTEGRITY_LEN > n)
		return false;
	memcpy(head, data, at);
	if (hmac_of(head, at, key, hmac) < 0)
		return false;
	return sodium_memcmp(hmac, data + at + ATTR_HEADER_LEN, sizeof(hmac)) == 0;
}

bool bk_stun_check_fingerprint(const uint8_t *data, size_t n, const struct bk_stun_msg *m)
{
	uint8_t head[BK_STUN_MESSAGE_MAX];
	size_t at = m->fingerprint_at;
	struct bk_reader r;

	if (!at || at > sizeof(head) || at + ATTR_HEADER_LEN + FINGERPRINT_LEN > n)
		return false;
	memcpy(head, data, at);
	bk_reader_init(&r, data + at + ATTR_HEADER_LEN, FINGERPRINT_LEN);
	return bk_read_u32(&r) == fingerprint_of(head, at);
}

/* --- reading --- */

bool bk_stun_looks_like(const uint8_t *data, size_t n)
{
	return n >= BK_STUN_HEADER_LEN && !(data[0] & 0xC0) &&
	       memcmp(data + 4, cookie, sizeof(cookie)) == 0 &&
	       BK_STUN_HEADER_LEN + (size_t)(data[2] << 8 | data[3]) == n;
}

/* With the cookie and the transaction id in it; its own inverse (RFC 8489 section 14.2). */
static void mask_address(struct bk_addr *a, const struct bk_stun_id *id)
{
	size_t n = a->family == 4 ? 4 : 16;

	a->port ^= (uint16_t)(id->bytes[0] << 8 | id->bytes[1]);
	for (size_t i = 0; i < n; i++)
		a->ip[i] ^= id->bytes[i];
}

static int read_address(
	struct bk_reader *r, size_t n, const struct bk_stun_id *mask, struct bk_addr *ret_addr)
{
	struct bk_addr a = {0};
	uint8_t family;

	bk_read_u8(r);
	family = bk_read_u8(r);
	a.family = family == 1 ? 4 : family == 2 ? 6 : 0;
	a.port = bk_read_u16(r);
	if (!a.family || n != (a.family == 4 ? 8u : 20u))
		return BK_E_MALFORMED;
	bk_read_bytes(r, a.ip, a.family == 4 ? 4 : 16);
	if (mask)
		mask_address(&a, mask);
	if (!ret_addr->family)
		*ret_addr = a;
	return 0;
}

/* A name that is cut would be another name; what only people read may be cut. */
static int read_text(struct bk_reader *r, size_t n, bool is_name, char *ret_text)
{
	const uint8_t *text = bk_read_view(r, n);
	size_t len = text ? strnlen((const char *)text, n) : 0;

	if (is_name && (n > BK_STUN_TEXT_MAX || len != n))
		return n > BK_STUN_TEXT_MAX ? BK_E_TOO_BIG : BK_E_MALFORMED;
	if (len > BK_STUN_TEXT_MAX)
		len = BK_STUN_TEXT_MAX;
	if (text && !*ret_text)
		memcpy(ret_text, text, len);
	return 0;
}

static int read_error(struct bk_reader *r, size_t n, struct bk_stun_msg *m)
{
	int class, number, first = m->error_code;

	if (n < 4)
		return BK_E_MALFORMED;
	bk_read_u16(r);
	class = bk_read_u8(r) & 7;
	number = bk_read_u8(r);
	if (class < 3 || class > 6 || number > 99)
		return BK_E_MALFORMED;
	if (first)
		return 0;
	m->error_code = class * 100 + number;
	return read_text(r, n - 4, false, m->reason);
}

static int read_change(struct bk_reader *r, size_t n, struct bk_stun_msg *m)
{
	uint32_t flags = bk_read_u32(r);

	if (n != 4)
		return BK_E_MALFORMED;
	if (!m->has_change) {
		m->wants_other_ip = flags & CHANGE_IP;
		m->wants_other_port = flags & CHANGE_PORT;
	}
	m->has_change = true;
	return 0;
}

static int read_role(struct bk_reader *r, size_t n, struct bk_stun_msg *m, bool *flag)
{
	uint64_t tie_breaker = bk_read_u64(r);

	if (n != 8)
		return BK_E_MALFORMED;
	if (!m->has_controlling && !m->has_controlled) {
		m->tie_breaker = tie_breaker;
		*flag = true;
	}
	return 0;
}

static int read_priority(struct bk_reader *r, size_t n, struct bk_stun_msg *m)
{
	uint32_t priority = bk_read_u32(r);

	if (n != 4)
		return BK_E_MALFORMED;
	if (!m->has_priority)
		m->priority = priority;
	m->has_priority = true;
	return 0;
}

/* Both lengths are met in the wild: the two bytes of padding counted and not counted. */
static int read_response_port(struct bk_reader *r, size_t n, struct bk_stun_msg *m)
{
	uint16_t port = bk_read_u16(r);

	if (n != 2 && n != 4)
		return BK_E_MALFORMED;
	if (!m->response_port)
		m->response_port = port;
	return 0;
}

static int read_attr(const struct attr *a, struct bk_reader *r, size_t n, struct bk_stun_msg *m)
{
	void *place = (uint8_t *)m + a->at;

	switch (a->kind) {
	case KIND_ADDRESS:
		return read_address(r, n, NULL, place);
	case KIND_XOR_ADDRESS:
		return read_address(r, n, &m->id, place);
	case KIND_TEXT:
		return read_text(r, n, a->at == AT(username), place);
	case KIND_CHANGE:
		return read_change(r, n, m);
	case KIND_RESPONSE_PORT:
		return read_response_port(r, n, m);
	case KIND_PADDING:
		if (!m->padding)
			m->padding = (uint16_t)n;
		return 0;
	case KIND_ERROR:
		return read_error(r, n, m);
	case KIND_UNKNOWN:
		return n % 2 ? BK_E_MALFORMED : 0;
	case KIND_FLAG:
		*(bool *)place = true;
		return n ? BK_E_MALFORMED : 0;
	case KIND_PRIORITY:
		return read_priority(r, n, m);
	case KIND_ROLE:
		return read_role(r, n, m, place);
	}
	return BK_E_INTERNAL;
}

static const struct attr *find_attr(uint16_t type)
{
	for (size_t i = 0; i < ATTRS_LEN; i++)
		if (attrs[i].type == type)
			return &attrs[i];
	return NULL;
}

static void collect_unknown(struct bk_stun_msg *m, uint16_t type)
{
	if (type < COMPREHENSION_OPTIONAL && m->unknown_len < BK_STUN_UNKNOWN_MAX)
		m->unknown[m->unknown_len++] = type;
}

/* Behind MESSAGE-INTEGRITY only FINGERPRINT counts (RFC 8489 section 14.5), and that is the last one. */
static int read_next(struct bk_reader *all, const uint8_t *data, struct bk_stun_msg *m)
{
	size_t at = (size_t)(all->at - data);
	uint16_t type = bk_read_u16(all), n = bk_read_u16(all);
	const uint8_t *value = bk_read_view(all, padded(n));
	const struct attr *a = find_attr(type);
	struct bk_reader r;

	if (!value)
		return BK_E_TRUNCATED;
	if (m->fingerprint_at)
		return BK_E_MALFORMED;
	if (type == ATTR_FINGERPRINT || (type == ATTR_INTEGRITY && !m->integrity_at)) {
		*(type == ATTR_FINGERPRINT ? &m->fingerprint_at : &m->integrity_at) = at;
		return n == (type == ATTR_FINGERPRINT ? FINGERPRINT_LEN : INTEGRITY_LEN) ? 0 : BK_E_MALFORMED;
	}
	if (m->integrity_at)
		return 0;
	if (!a) {
		collect_unknown(m, type);
		return 0;
	}
	bk_reader_init(&r, value, n);
	return read_attr(a, &r, n, m);
}

/* RFC 8489 section 5: the class is spread over two bits between those of the method. */
static int read_type(uint16_t type, enum bk_stun_class *ret_class)
{
	unsigned method = (type & 0xFu) | (type & 0xE0u) >> 1 | (type & 0x3E00u) >> 2;

	*ret_class = (enum bk_stun_class)((type & 0x10u) >> 4 | (type & 0x100u) >> 7);
	if (type & 0xC000u)
		return BK_E_MALFORMED;
	return method == BK_STUN_BINDING ? 0 : BK_E_UNSUPPORTED;
}

int bk_stun_decode(const uint8_t *data, size_t n, struct bk_stun_msg *ret_msg)
{
	struct bk_stun_msg m = {0};
	struct bk_reader r;
	size_t len;
	int err;

	if (n < BK_STUN_HEADER_LEN)
		return BK_E_TRUNCATED;
	if (n > BK_STUN_MESSAGE_MAX)
		return BK_E_TOO_BIG;
	bk_reader_init(&r, data, n);
	err = read_type(bk_read_u16(&r), &m.class);
	len = bk_read_u16(&r);
	bk_read_bytes(&r, m.id.bytes, sizeof(m.id.bytes));
	if (err < 0)
		return err;
	if (len != n - BK_STUN_HEADER_LEN || len % 4)
		return len > n - BK_STUN_HEADER_LEN ? BK_E_TRUNCATED : BK_E_MALFORMED;
	m.is_classic = memcmp(m.id.bytes, cookie, sizeof(cookie)) != 0;
	while (bk_reader_left(&r)) {
		err = read_next(&r, data, &m);
		if (err < 0)
			return err;
	}
	*ret_msg = m;
	return 0;
}

struct bk_addr bk_stun_mapped(const struct bk_stun_msg *m)
{
	return m->xor_mapped.family ? m->xor_mapped : m->mapped;
}

/* --- writing --- */

static void write_head(struct bk_writer *w, uint16_t type, size_t n)
{
	bk_write_u16(w, type);
	bk_write_u16(w, (uint16_t)n);
}

static void write_zeroes(struct bk_writer *w, size_t n)
{
	while (n--)
		bk_write_u8(w, 0);
}

static void write_address(struct bk_writer *w, uint16_t type, struct bk_addr a, const struct bk_stun_id *mask)
{
	size_t n = a.family == 4 ? 4 : 16;

	if (!a.family)
		return;
	if (mask)
		mask_address(&a, mask);
	write_head(w, type, 4 + n);
	bk_write_u8(w, 0);
	bk_write_u8(w, a.family == 4 ? 1 : 2);
	bk_write_u16(w, a.port);
	bk_write_bytes(w, a.ip, n);
}

static void write_text(struct bk_writer *w, uint16_t type, const char *text)
{
	size_t n = strnlen(text, BK_STUN_TEXT_MAX);

	if (!n)
		return;
	write_head(w, type, n);
	bk_write_bytes(w, text, n);
	write_zeroes(w, padded(n) - n);
}

static void write_error(struct bk_writer *w, uint16_t type, const struct bk_stun_msg *m)
{
	size_t n = strnlen(m->reason, BK_STUN_TEXT_MAX);

	if (!m->error_code)
		return;
	write_head(w, type, 4 + n);
	bk_write_u16(w, 0);
	bk_write_u8(w, (uint8_t)(m->error_code / 100));
	bk_write_u8(w, (uint8_t)(m->error_code % 100));
	bk_write_bytes(w, m->reason, n);
	write_zeroes(w, padded(n) - n);
}

static void write_unknown(struct bk_writer *w, uint16_t type, const struct bk_stun_msg *m)
{
	size_t n = 2 * m->unknown_len;

	if (!n)
		return;
	write_head(w, type, n);
	for (size_t i = 0; i < m->unknown_len; i++)
		bk_write_u16(w, m->unknown[i]);
	write_zeroes(w, padded(n) - n);
}

static void write_word(struct bk_writer *w, uint16_t type, bool present, uint32_t value)
{
	if (!present)
		return;
	write_head(w, type, 4);
	bk_write_u32(w, value);
}

static void write_attr(struct bk_writer *w, const struct attr *a, const struct bk_stun_msg *m)
{
	const void *place = (const uint8_t *)m + a->at;
	bool flag = false;

	if (a->kind == KIND_FLAG || a->kind == KIND_ROLE)
		flag = *(const bool *)place;
	switch (a->kind) {
	case KIND_ADDRESS:
		write_address(w, a->type, *(const struct bk_addr *)place, NULL);
		break;
	case KIND_XOR_ADDRESS:
		write_address(w, a->type, *(const struct bk_addr *)place, &m->id);
		break;
	case KIND_TEXT:
		write_text(w, a->type, place);
		break;
	case KIND_CHANGE:
		write_word(w, a->type, m->has_change,
			(m->wants_other_ip ? CHANGE_IP : 0u) | (m->wants_other_port ? CHANGE_PORT : 0u));
		break;
	case KIND_RESPONSE_PORT:
		write_word(w, a->type, m->response_port, (uint32_t)m->response_port << 16);
		break;
	case KIND_PADDING:
		if (m->padding) {
			write_head(w, a->type, m->padding);
			write_zeroes(w, padded(m->padding));
		}
		break;
	case KIND_ERROR:
		write_error(w, a->type, m);
		break;
	case KIND_UNKNOWN:
		write_unknown(w, a->type, m);
		break;
	case KIND_FLAG:
		if (flag)
			write_head(w, a->type, 0);
		break;
	case KIND_PRIORITY:
		write_word(w, a->type, m->has_priority, m->priority);
		break;
	case KIND_ROLE:
		if (flag) {
			write_head(w, a->type, 8);
			bk_write_u64(w, m->tie_breaker);
		}
		break;
	}
}

static int write_checks(struct bk_writer *w, const struct bk_stun_key *key, bool fingerprint)
{
	size_t at = bk_writer_len(w);

	if (w->error)
		return w->error;
	if (key) {
		uint8_t hmac[INTEGRITY_LEN];
		int err = hmac_of(w->start, at, key, hmac);

		if (err < 0)
			return err;
		write_head(w, ATTR_INTEGRITY, sizeof(hmac));
		bk_write_bytes(w, hmac, sizeof(hmac));
		at = bk_writer_len(w);
	}
	if (fingerprint && !w->error) {
		uint32_t sum = fingerprint_of(w->start, at);

		write_head(w, ATTR_FINGERPRINT, FINGERPRINT_LEN);
		bk_write_u32(w, sum);
	}
	return w->error;
}

static bool is_encodable(const struct bk_stun_msg *m, const struct bk_stun_key *key)
{
	return m->unknown_len <= BK_STUN_UNKNOWN_MAX && m->padding <= BK_STUN_MESSAGE_MAX &&
	       m->class <= BK_STUN_ERROR &&
	       (!m->error_code || (m->error_code >= 300 && m->error_code <= 699)) && (!key || key->len > 0);
}

int bk_stun_encode(const struct bk_stun_msg *m, const struct bk_stun_key *key, bool fingerprint, uint8_t *out,
	size_t cap)
{
	struct bk_stun_msg with_cookie;
	unsigned class = m->class;
	struct bk_writer w;
	int err;

	if (!is_encodable(m, key))
		return BK_E_INVALID;
	if (!m->is_classic && memcmp(m->id.bytes, cookie, sizeof(cookie)) != 0) {
		with_cookie = *m;
		memcpy(with_cookie.id.bytes, cookie, sizeof(cookie));
		m = &with_cookie;
	}
	bk_writer_init(&w, out, cap < BK_STUN_MESSAGE_MAX ? cap : BK_STUN_MESSAGE_MAX);
	bk_write_u16(&w, (uint16_t)(BK_STUN_BINDING | (class & 1) << 4 | (class & 2) << 7));
	bk_write_u16(&w, 0);
	bk_write_bytes(&w, m->id.bytes, sizeof(m->id.bytes));
	for (size_t i = 0; i < ATTRS_LEN; i++)
		write_attr(&w, &attrs[i], m);
	err = write_checks(&w, key, fingerprint);
	if (err < 0)
		return err;
	set_length(out, bk_writer_len(&w));
	return (int)bk_writer_len(&w);
}
