/* SPDX-License-Identifier: Apache-2.0 */
/* Posts. Their sizes are rounded up to powers of two, so that the server learns little of what is in them. */
#include "group/remark.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const char purpose[] = "group post";

enum {
	SMALLEST = 256,
	LARGEST = BK_GROUP_POST_MAX - BK_SEAL_OVERHEAD,
	HEAD = BK_SIGNED_HEAD + 8 + 8 + BK_GROUP_LIFE_LEN + 8 + BK_REMARK_HASH_LEN + 8 + 1 + 1 +
	       BK_CARD_NAME_MAX + 4,
};

_Static_assert(HEAD + BK_REMARK_CONTENT_MAX + BK_SIGNED_LEN <= LARGEST, "the longest content fits");

void bk_remark_hash(const uint8_t *sealed, size_t len, uint8_t ret_hash[BK_REMARK_HASH_LEN])
{
	crypto_generichash(ret_hash, BK_REMARK_HASH_LEN, sealed, len, NULL, 0);
}

static size_t class_of(size_t len)
{
	size_t n = SMALLEST;

	while (n < len)
		n *= 2;
	return n < LARGEST ? n : LARGEST;
}

static void write_post(struct bk_writer *w, const struct bk_signer *by, const struct bk_remark *p)
{
	bk_signed_begin(w, by);
	bk_write_u64(w, p->sitting);
	bk_write_u64(w, p->counter);
	bk_write_bytes(w, p->seen.life, sizeof(p->seen.life));
	bk_write_u64(w, p->seen.number);
	bk_write_bytes(w, p->seen.hash, sizeof(p->seen.hash));
	bk_write_u64(w, p->sent_ms);
	bk_write_u8(w, p->kind);
	bk_card_write_name(w, p->name);
	bk_write_u32(w, (uint32_t)p->len);
	bk_write_bytes(w, p->content, p->len);
}

int bk_remark_seal(const struct bk_group_keys *keys, const struct bk_signer *by, const struct bk_remark *post,
	struct bk_buf *out)
{
	struct bk_writer w;
	uint8_t *plain;
	size_t len;
	int err;

	if (!bk_card_is_name(post->name))
		return BK_E_INVALID;
	if (post->len > BK_REMARK_CONTENT_MAX)
		return BK_E_TOO_BIG;
	plain = malloc(LARGEST);
	if (!plain)
		return BK_E_NOMEM;
	bk_writer_init(&w, plain, LARGEST);
	write_post(&w, by, post);
	len = bk_writer_len(&w);
	err = bk_signed_close(keys, by, purpose, plain, len, class_of(len + BK_SIGNED_LEN), out);
	sodium_memzero(plain, len);
	free(plain);
	return err;
}

static int read_post(struct bk_reader *r, struct bk_remark *p)
{
	p->sitting = bk_read_u64(r);
	p->counter = bk_read_u64(r);
	bk_read_bytes(r, p->seen.life, sizeof(p->seen.life));
	p->seen.number = bk_read_u64(r);
	bk_read_bytes(r, p->seen.hash, sizeof(p->seen.hash));
	p->sent_ms = bk_read_u64(r);
	p->kind = bk_read_u8(r);
	if (bk_card_read_name(r, p->name) < 0)
		return BK_E_MALFORMED;
	p->len = bk_read_u32(r);
	p->content = p->len <= BK_REMARK_CONTENT_MAX ? bk_read_view(r, p->len) : NULL;
	return r->error < 0 || !p->content || !p->counter ? BK_E_MALFORMED : 0;
}

int bk_remark_open(const struct bk_group_keys *keys, const uint8_t *sealed, size_t len, uint8_t *plain,
	struct bk_remark *ret_post)
{
	struct bk_remark post = {0};
	struct bk_reader r;
	int err;

	if (len > BK_GROUP_POST_MAX)
		return BK_E_MALFORMED;
	err = bk_signed_open(keys, purpose, sealed, len, plain, &r, post.key);
	if (!err)
		err = read_post(&r, &post);
	if (!err)
		err = bk_signed_check(keys, purpose, plain, &r, post.key);
	if (!err)
		*ret_post = post;
	return err;
}
