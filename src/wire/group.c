/* SPDX-License-Identifier: Apache-2.0 */
/* The group's messages as one table: which type has which fields, in which order. The same rows write and read. */
#include "wire/group.h"

#include <string.h>

#include "base/error.h"
#include "wire/cursor.h"

enum field { END, ID, LIFE, MEMBER, NUMBER, OLDEST, TICKET, WAIT, DENIED, LAST, CODE, CARD, POST, ENTRIES };

enum { FIELDS_MAX = 5, ENTRY_HEAD = 10 };

static const uint8_t types[][FIELDS_MAX] = {
	[BK_GROUP_JOIN] = {ID, LIFE, NUMBER, CARD},
	[BK_GROUP_CARD] = {CARD},
	[BK_GROUP_POST] = {TICKET, POST},
	[BK_GROUP_LEAVE] = {END},
	[BK_GROUP_JOINED] = {LIFE, MEMBER, OLDEST, NUMBER},
	[BK_GROUP_ROSTER] = {LAST, ENTRIES},
	[BK_GROUP_CAME] = {MEMBER, CARD},
	[BK_GROUP_GONE] = {MEMBER, CODE},
	[BK_GROUP_SAID] = {NUMBER, POST},
	[BK_GROUP_DENIED] = {DENIED, TICKET, WAIT, CODE},
	[BK_GROUP_ENDED] = {CODE},
};

static bool is_known(uint8_t type)
{
	return (type >= BK_GROUP_JOIN && type <= BK_GROUP_LEAVE) ||
	       (type >= BK_GROUP_JOINED && type <= BK_GROUP_ENDED);
}

static size_t max_of(enum field f)
{
	return f == CARD ? BK_GROUP_CARD_MAX : f == POST ? BK_GROUP_POST_MAX : BK_GROUP_ROSTER_MAX;
}

static bool is_name(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((s[i] < 'a' || s[i] > 'z') && s[i] != '-')
			return false;
	return true;
}

/* --- entries --- */

int bk_group_entry_append(struct bk_buf *entries, uint64_t member, const void *card, size_t len)
{
	struct bk_writer w;
	uint8_t *at;

	if (len > BK_GROUP_CARD_MAX)
		return BK_E_TOO_BIG;
	if (entries->len + ENTRY_HEAD + len > BK_GROUP_ROSTER_MAX)
		return BK_E_FULL;
	at = bk_buf_reserve(entries, ENTRY_HEAD + len);
	if (!at)
		return bk_buf_room(entries) < ENTRY_HEAD + len ? BK_E_FULL : BK_E_NOMEM;
	bk_writer_init(&w, at, ENTRY_HEAD + len);
	bk_write_u64(&w, member);
	bk_write_u16(&w, (uint16_t)len);
	bk_write_bytes(&w, card, len);
	bk_buf_commit(entries, ENTRY_HEAD + len);
	return 0;
}

bool bk_group_entry_next(
	const uint8_t **at, size_t *left, uint64_t *ret_member, const uint8_t **ret_card, size_t *ret_len)
{
	struct bk_reader r;

	bk_reader_init(&r, *at, *left);
	*ret_member = bk_read_u64(&r);
	*ret_len = bk_read_u16(&r);
	*ret_card = bk_read_view(&r, *ret_len);
	if (r.error < 0)
		return false;
	*at = r.at;
	*left = bk_reader_left(&r);
	return true;
}

static bool are_entries(const uint8_t *at, size_t left)
{
	const uint8_t *card;
	uint64_t member;
	size_t len;

	while (bk_group_entry_next(&at, &left, &member, &card, &len))
		if (len > BK_GROUP_CARD_MAX || member > INT64_MAX)
			return false;
	return !left;
}

/* --- writing --- */

static int check(const struct bk_group_msg *m)
{
	if (!is_known(m->type) || m->number > INT64_MAX || m->member > INT64_MAX || m->oldest > INT64_MAX)
		return BK_E_INVALID;
	for (const uint8_t *f = types[m->type]; *f; f++) {
		if (*f >= CARD && m->len > max_of(*f))
			return BK_E_TOO_BIG;
		if ((*f == CODE && !is_name(m->code, strlen(m->code))) ||
			(*f == ENTRIES && !are_entries(m->bytes, m->len)))
			return BK_E_INVALID;
	}
	return 0;
}

static void write_field(struct bk_writer *w, enum field f, const struct bk_group_msg *m)
{
	if (f == ID)
		bk_write_bytes(w, m->id, sizeof(m->id));
	else if (f == LIFE)
		bk_write_bytes(w, m->life, sizeof(m->life));
	else if (f == MEMBER || f == NUMBER || f == OLDEST)
		bk_write_u64(w, f == MEMBER ? m->member : f == NUMBER ? m->number : m->oldest);
	else if (f == TICKET || f == WAIT)
		bk_write_u32(w, f == TICKET ? m->ticket : m->wait_ms);
	else if (f == DENIED || f == LAST)
		bk_write_u8(w, f == LAST ? m->is_last : m->type_denied);
	else if (f == CODE)
		bk_write_bytes(w, m->code, strlen(m->code));
	else
		bk_write_bytes(w, m->bytes, m->len);
}

int bk_group_encode(struct bk_buf *out, const struct bk_group_msg *m)
{
	int err = check(m);
	struct bk_writer w;
	size_t max;
	uint8_t *at;

	if (err < 0)
		return err;
	max = 128 + m->len;
	at = bk_buf_reserve(out, max);
	if (!at)
		return bk_buf_room(out) < max ? BK_E_FULL : BK_E_NOMEM;
	bk_writer_init(&w, at, max);
	bk_write_u8(&w, m->type);
	for (const uint8_t *f = types[m->type]; *f; f++)
		write_field(&w, *f, m);
	if (w.error < 0)
		return w.error;
	bk_buf_commit(out, bk_writer_len(&w));
	return 0;
}

/* --- reading --- */

static uint64_t read_number(struct bk_reader *r)
{
	uint64_t n = bk_read_u64(r);

	if (n > INT64_MAX && !r->error)
		r->error = BK_E_MALFORMED;
	return n;
}

static bool read_bool(struct bk_reader *r)
{
	uint8_t b = bk_read_u8(r);

	if (b > 1 && !r->error)
		r->error = BK_E_MALFORMED;
	return b;
}

/* The last fields take what is left. */
static void read_code(struct bk_reader *r, struct bk_group_msg *m)
{
	size_t n = bk_reader_left(r);

	if (n > BK_GROUP_CODE_MAX || !is_name((const char *)r->at, n)) {
		r->error = BK_E_MALFORMED;
		return;
	}
	bk_read_bytes(r, m->code, n);
}

static void read_rest(struct bk_reader *r, enum field f, struct bk_group_msg *m)
{
	m->len = bk_reader_left(r);
	m->bytes = bk_read_view(r, m->len);
	if (m->len > max_of(f))
		r->error = BK_E_TOO_BIG;
	else if (f == ENTRIES && !are_entries(m->bytes, m->len))
		r->error = BK_E_MALFORMED;
}

static void read_field(struct bk_reader *r, enum field f, struct bk_group_msg *m)
{
	if (f == ID)
		bk_read_bytes(r, m->id, sizeof(m->id));
	else if (f == LIFE)
		bk_read_bytes(r, m->life, sizeof(m->life));
	else if (f == MEMBER || f == NUMBER || f == OLDEST)
		*(f == MEMBER ? &m->member : f == NUMBER ? &m->number : &m->oldest) = read_number(r);
	else if (f == TICKET || f == WAIT)
		*(f == TICKET ? &m->ticket : &m->wait_ms) = bk_read_u32(r);
	else if (f == DENIED)
		m->type_denied = bk_read_u8(r);
	else if (f == LAST)
		m->is_last = read_bool(r);
	else if (f == CODE)
		read_code(r, m);
	else
		read_rest(r, f, m);
}

int bk_group_decode(const void *data, size_t len, struct bk_group_msg *ret_msg)
{
	struct bk_group_msg m = {0};
	struct bk_reader r;

	if (len > BK_GROUP_MSG_MAX)
		return BK_E_TOO_BIG;
	bk_reader_init(&r, data, len);
	m.type = bk_read_u8(&r);
	if (r.error < 0)
		return r.error;
	if (is_known(m.type)) {
		for (const uint8_t *f = types[m.type]; *f && !r.error; f++)
			read_field(&r, *f, &m);
		if (!r.error && bk_reader_left(&r))
			r.error = BK_E_MALFORMED;
	}
	if (r.error < 0)
		return r.error;
	*ret_msg = m;
	return 0;
}
