/* SPDX-License-Identifier: Apache-2.0 */
/* A card as a hostile member seals and signs it: the input is what stands behind the key. What opens must be a name,
 * and within its ceilings. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "group/card.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bk_group_keys keys;
static struct bk_signer signer;

static void set_up(void)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES];

	if (sodium_init() < 0)
		abort();
	crypto_sign_seed_keypair(signer.key, signer.secret, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t plain[BK_CARD_LEN];
	struct bk_writer w;
	struct bk_card card;
	struct bk_buf out;

	set_up();
	if (size > BK_CARD_LEN - BK_SEAL_OVERHEAD - BK_SIGNED_HEAD - BK_SIGNED_LEN)
		return 0;
	bk_buf_init(&out, BK_CARD_LEN);
	bk_writer_init(&w, plain, sizeof(plain));
	bk_signed_begin(&w, &signer);
	bk_write_bytes(&w, data, size);
	if (bk_signed_close(&keys, &signer, "group card", plain, bk_writer_len(&w),
		    BK_CARD_LEN - BK_SEAL_OVERHEAD, &out) < 0)
		abort();
	if (!bk_card_open(&keys, bk_buf_head(&out), out.len, &card) &&
		(!bk_card_is_name(card.name) || card.about_len > BK_CARD_ABOUT_MAX ||
			memcmp(card.key, signer.key, sizeof(card.key)) != 0))
		abort();
	bk_buf_done(&out);
	bk_card_open(&keys, data, size, &card);
	return 0;
}
