/* SPDX-License-Identifier: Apache-2.0 */
/* The part of QUIC that no version changes (RFC 8999): where the destination's id stands. */
#include "link/quic_cid.h"

#include <string.h>

enum {
	LONG_HEADER = 0x80,
	FIXED_BIT = 0x40, /* RFC 9000 section 17; what lacks it is something else on this socket */
	LONG_LEN_AT = 5,  /* behind the first byte and the version */
};

static bool read_at(const uint8_t *data, size_t n, size_t at, size_t len, struct bk_quic_cid *ret_cid)
{
	if (!len || len > BK_QUIC_CID_MAX || n < at + len)
		return false;
	*ret_cid = (struct bk_quic_cid){.len = (uint8_t)len};
	memcpy(ret_cid->bytes, data + at, len);
	return true;
}

bool bk_quic_cid_read(const uint8_t *data, size_t n, struct bk_quic_cid *ret_cid)
{
	if (!n || !(data[0] & FIXED_BIT))
		return false;
	if (!(data[0] & LONG_HEADER))
		return read_at(data, n, 1, BK_QUIC_CID_LEN, ret_cid);
	return n > LONG_LEN_AT && read_at(data, n, LONG_LEN_AT + 1, data[LONG_LEN_AT], ret_cid);
}

static bool is_equal(const struct bk_quic_cid *a, const uint8_t *bytes, size_t len)
{
	return a->len == len && !memcmp(a->bytes, bytes, len);
}

static struct bk_quic_cid *find_place(struct bk_quic_cids *set)
{
	for (size_t i = 0; i < BK_QUIC_CIDS_MAX; i++) {
		if (!set->places[i].len)
			return &set->places[i];
	}
	return &set->places[set->next++ % BK_QUIC_CIDS_MAX];
}

void bk_quic_cids_add(struct bk_quic_cids *set, const uint8_t *bytes, size_t len)
{
	struct bk_quic_cid *place = find_place(set);

	if (!len || len > BK_QUIC_CID_MAX)
		return;
	place->len = (uint8_t)len;
	memcpy(place->bytes, bytes, len);
}

void bk_quic_cids_remove(struct bk_quic_cids *set, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < BK_QUIC_CIDS_MAX; i++) {
		if (is_equal(&set->places[i], bytes, len))
			set->places[i].len = 0;
	}
}

bool bk_quic_cids_has(const struct bk_quic_cids *set, const struct bk_quic_cid *cid)
{
	for (size_t i = 0; i < BK_QUIC_CIDS_MAX; i++) {
		if (is_equal(&set->places[i], cid->bytes, cid->len))
			return true;
	}
	return false;
}
