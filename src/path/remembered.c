/* SPDX-License-Identifier: Apache-2.0 */

/* The text: a line "bodkin-paths 1 SALT", then for each row "KEY TECHNIQUE PORT STEP", salt and key in hexadecimal. */

#include "path/remembered.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/file.h"

enum {
	HEX = 2 * BK_REMEMBERED_KEY_LEN,
	LINE_LEN = HEX + 1 + BK_MEMO_NAME_MAX + 2 * 6 + 1,
	NETWORK = 3,
	VERSION = 1,
	DECIMAL = 10,
};

static const char head[] = "bodkin-paths ";

/* --- who --- */

static void put_side(const struct bk_nat_profile *p, uint8_t out[NETWORK + 2])
{
	memcpy(out, p->public_addr.ip, NETWORK);
	out[NETWORK] = (uint8_t)p->mapping;
	out[NETWORK + 1] = (uint8_t)p->allocation;
}

bool bk_remembered_pair_of(const struct bk_pair *pair, struct bk_remembered_pair *ret_networks)
{
	const struct bk_technique *guess = bk_technique_guessing(pair, bk_techniques);

	if (!guess || guess->method->transport != BK_TRANSPORT_UDP)
		return false;
	put_side(&pair->own->udp, ret_networks->bytes);
	put_side(&pair->peer->udp, ret_networks->bytes + NETWORK + 2);
	return true;
}

static void key_of(const struct bk_remembered *r, const struct bk_remembered_pair *networks,
	uint8_t key[BK_REMEMBERED_KEY_LEN])
{
	crypto_generichash(key, BK_REMEMBERED_KEY_LEN, networks->bytes, sizeof(networks->bytes), r->salt,
		sizeof(r->salt));
}

/* --- the table --- */

void bk_remembered_init(struct bk_remembered *r)
{
	*r = (struct bk_remembered){0};
	randombytes_buf(r->salt, sizeof(r->salt));
}

/* len: it has none. */
static size_t place_of(const struct bk_remembered *r, const uint8_t key[BK_REMEMBERED_KEY_LEN])
{
	size_t i = 0;

	while (i < r->len && memcmp(r->rows[i].key, key, BK_REMEMBERED_KEY_LEN))
		i++;
	return i;
}

bool bk_remembered_find(
	const struct bk_remembered *r, const struct bk_remembered_pair *networks, struct bk_memo *ret_memo)
{
	uint8_t key[BK_REMEMBERED_KEY_LEN];
	size_t i;

	key_of(r, networks, key);
	i = place_of(r, key);
	if (i == r->len)
		return false;
	*ret_memo = r->rows[i].memo;
	return true;
}

static void take_out(struct bk_remembered *r, size_t i)
{
	r->len--;
	memmove(&r->rows[i], &r->rows[i + 1], (r->len - i) * sizeof(r->rows[0]));
}

static void append(struct bk_remembered *r, const struct bk_remembered_row *row)
{
	size_t i = place_of(r, row->key);

	if (i < r->len)
		take_out(r, i);
	else if (r->len == BK_REMEMBERED_ROWS_MAX)
		take_out(r, 0);
	r->rows[r->len++] = *row;
}

void bk_remembered_put(
	struct bk_remembered *r, const struct bk_remembered_pair *networks, const struct bk_memo *memo)
{
	struct bk_remembered_row row = {.memo = *memo};

	key_of(r, networks, row.key);
	append(r, &row);
}

/* --- the text --- */

static const char *take_hex(const char *at, const char *end, uint8_t out[BK_REMEMBERED_KEY_LEN])
{
	size_t len;

	if (end - at <= HEX || sodium_hex2bin(out, BK_REMEMBERED_KEY_LEN, at, HEX, NULL, &len, NULL) < 0 ||
		len != BK_REMEMBERED_KEY_LEN)
		return NULL;
	return at + HEX;
}

static bool is_of_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static const char *take_name(const char *at, const char *end, char name[BK_MEMO_NAME_MAX + 1])
{
	size_t n = 0;

	while (at < end && n < BK_MEMO_NAME_MAX && is_of_name(*at))
		name[n++] = *at++;
	name[n] = 0;
	return n ? at : NULL;
}

static const char *take_number(const char *at, const char *end, unsigned max, unsigned *ret_number)
{
	const char *first = at;
	unsigned n = 0;

	for (; at < end && *at >= '0' && *at <= '9' && n <= max; at++)
		n = n * DECIMAL + (unsigned)(*at - '0');
	*ret_number = n;
	return at > first && n <= max ? at : NULL;
}

static const char *take_char(const char *at, const char *end, char c)
{
	return at && at < end && *at == c ? at + 1 : NULL;
}

static bool read_row(const char *at, const char *end, struct bk_remembered_row *row)
{
	unsigned port = 0, step = 0;

	at = take_char(take_hex(at, end, row->key), end, ' ');
	at = at ? take_char(take_name(at, end, row->memo.technique), end, ' ') : NULL;
	at = at ? take_char(take_number(at, end, UINT16_MAX, &port), end, ' ') : NULL;
	at = at ? take_number(at, end, UINT16_MAX, &step) : NULL;
	row->memo.port = (uint16_t)port;
	row->memo.step = (uint16_t)step;
	return at == end;
}

static int read_head(const char *at, const char *end, struct bk_remembered *r)
{
	unsigned version;

	if ((size_t)(end - at) < sizeof(head) - 1 || memcmp(at, head, sizeof(head) - 1))
		return BK_E_MALFORMED;
	at = take_number(at + sizeof(head) - 1, end, UINT16_MAX, &version);
	at = take_char(at, end, ' ');
	if (at && version != VERSION)
		return BK_E_VERSION;
	return at && end - at == HEX && take_hex(at, end + 1, r->salt) == end ? 0 : BK_E_MALFORMED;
}

int bk_remembered_from_text(const char *text, size_t len, struct bk_remembered *ret_remembered)
{
	const char *at = text, *stop = text + len, *end = memchr(at, '\n', len);
	struct bk_remembered r = {0};
	int err = end && len < BK_REMEMBERED_TEXT_MAX ? read_head(at, end, &r) : BK_E_MALFORMED;

	while (!err && (at = end + 1) < stop) {
		struct bk_remembered_row row = {0};

		end = memchr(at, '\n', (size_t)(stop - at));
		if (!end || r.len == BK_REMEMBERED_ROWS_MAX || !read_row(at, end, &row))
			err = BK_E_MALFORMED;
		else
			append(&r, &row);
	}
	if (!err)
		*ret_remembered = r;
	return err;
}

size_t bk_remembered_to_text(const struct bk_remembered *r, char out[BK_REMEMBERED_TEXT_MAX])
{
	char hex[HEX + 1];
	size_t n;

	_Static_assert(LINE_LEN * (BK_REMEMBERED_ROWS_MAX + 1) < BK_REMEMBERED_TEXT_MAX, "there is room");
	sodium_bin2hex(hex, sizeof(hex), r->salt, sizeof(r->salt));
	n = (size_t)snprintf(out, BK_REMEMBERED_TEXT_MAX, "%s%d %s\n", head, VERSION, hex);
	for (size_t i = 0; i < r->len; i++) {
		const struct bk_remembered_row *row = &r->rows[i];

		sodium_bin2hex(hex, sizeof(hex), row->key, sizeof(row->key));
		n += (size_t)snprintf(out + n, BK_REMEMBERED_TEXT_MAX - n, "%s %s %u %u\n", hex,
			row->memo.technique, row->memo.port, row->memo.step);
	}
	return n;
}

/* --- the file --- */

static int path_in(const char *folder, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/paths", folder) < PATH_MAX ? 0 : BK_E_TOO_BIG;
}

/* None is an empty one. */
static int load(const char *path, struct bk_remembered *ret_remembered)
{
	char *text = NULL;
	size_t len = 0;
	int err = bk_file_read(path, BK_REMEMBERED_TEXT_MAX - 1, &text, &len);

	if (!err)
		err = bk_remembered_from_text(text, len, ret_remembered);
	else if (err == BK_E_NOT_FOUND)
		bk_remembered_init(ret_remembered);
	free(text);
	return err == BK_E_NOT_FOUND ? 0 : err;
}

static int save(const char *path, const struct bk_remembered *r)
{
	char text[BK_REMEMBERED_TEXT_MAX];

	return bk_file_write(path, text, bk_remembered_to_text(r, text));
}

bool bk_remembered_is_no_table(int err)
{
	return err == BK_E_MALFORMED || err == BK_E_VERSION || err == BK_E_TOO_BIG;
}

int bk_remembered_look(
	const char *folder, const struct bk_remembered_pair *networks, struct bk_memo *ret_memo)
{
	struct bk_remembered r = {0};
	char path[PATH_MAX];
	int err = path_in(folder, path);

	if (err < 0)
		return err;
	err = load(path, &r);
	return err < 0 ? err : bk_remembered_find(&r, networks, ret_memo);
}

static int note(const char *path, const struct bk_remembered_pair *networks, const struct bk_memo *memo)
{
	struct bk_remembered r = {0};
	int err = load(path, &r);

	if (bk_remembered_is_no_table(err)) {
		bk_remembered_init(&r);
		err = 0;
	}
	if (err < 0)
		return err;
	bk_remembered_put(&r, networks, memo);
	return save(path, &r);
}

int bk_remembered_note(
	const char *folder, const struct bk_remembered_pair *networks, const struct bk_memo *memo)
{
	char path[PATH_MAX];
	int lock = -1, err = path_in(folder, path);

	if (!err)
		err = bk_file_make_dir(folder);
	if (!err)
		err = bk_file_lock(folder, &lock);
	if (err < 0)
		return err;
	err = note(path, networks, memo);
	bk_file_unlock(lock);
	return err;
}
