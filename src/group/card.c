/* SPDX-License-Identifier: Apache-2.0 */
/* Cards. The server sees that there is one, and never whose. */
#include "group/card.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const char purpose[] = "group card";

enum {
	PLAIN = BK_CARD_LEN - BK_SEAL_OVERHEAD,
	MOST = BK_SIGNED_HEAD + 8 + 1 + BK_CARD_NAME_MAX + 2 + BK_CARD_ABOUT_MAX + BK_SIGNED_LEN,
};

_Static_assert(MOST <= PLAIN, "every card fits");

bool bk_card_is_name(const char *name)
{
	size_t n = strlen(name);

	return n && n <= BK_CARD_NAME_MAX && bk_text_is_utf8(name, n) && bk_text_is_plain(name);
}

void bk_card_write_name(struct bk_writer *w, const char *name)
{
	size_t n = strlen(name);

	bk_write_u8(w, (uint8_t)n);
	bk_write_bytes(w, name, n);
}

int bk_card_read_name(struct bk_reader *r, char ret_name[BK_CARD_NAME_MAX + 1])
{
	size_t n = bk_read_u8(r);
	const uint8_t *name = bk_read_view(r, n);
	char text[BK_CARD_NAME_MAX + 1] = "";

	if (r->error < 0 || !n || n > BK_CARD_NAME_MAX || !bk_text_is_utf8((const char *)name, n))
		return BK_E_MALFORMED;
	memcpy(text, name, n);
	if (!bk_text_is_plain(text))
		return BK_E_MALFORMED;
	bk_text_sanitize(text);
	memcpy(ret_name, text, sizeof(text));
	return 0;
}

int bk_card_seal(const struct bk_group_keys *keys, const struct bk_signer *by, const struct bk_card *card,
	struct bk_buf *out)
{
	uint8_t plain[PLAIN];
	struct bk_writer w;

	if (!bk_card_is_name(card->name))
		return BK_E_INVALID;
	if (card->about_len > BK_CARD_ABOUT_MAX)
		return BK_E_TOO_BIG;
	bk_writer_init(&w, plain, sizeof(plain));
	bk_signed_begin(&w, by);
	bk_write_u64(&w, card->sitting);
	bk_card_write_name(&w, card->name);
	bk_write_u16(&w, (uint16_t)card->about_len);
	bk_write_bytes(&w, card->about, card->about_len);
	return bk_signed_close(keys, by, purpose, plain, bk_writer_len(&w), sizeof(plain), out);
}

static int read_card(struct bk_reader *r, struct bk_card *card)
{
	card->sitting = bk_read_u64(r);
	if (bk_card_read_name(r, card->name) < 0)
		return BK_E_MALFORMED;
	card->about_len = bk_read_u16(r);
	if (card->about_len > BK_CARD_ABOUT_MAX)
		return BK_E_MALFORMED;
	bk_read_bytes(r, card->about, card->about_len);
	return r->error < 0 ? BK_E_MALFORMED : 0;
}

int bk_card_open(
	const struct bk_group_keys *keys, const uint8_t *sealed, size_t len, struct bk_card *ret_card)
{
	uint8_t plain[PLAIN];
	struct bk_card card = {0};
	struct bk_reader r;
	int err;

	if (len != BK_CARD_LEN)
		return BK_E_MALFORMED;
	err = bk_signed_open(keys, purpose, sealed, len, plain, &r, card.key);
	if (!err)
		err = read_card(&r, &card);
	if (!err)
		err = bk_signed_check(keys, purpose, plain, &r, card.key);
	if (!err)
		*ret_card = card;
	return err;
}
