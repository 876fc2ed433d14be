/* SPDX-License-Identifier: Apache-2.0 */
/* A post as a hostile member seals and signs it, all of what stands behind the key being the input, told to a member:
 * whatever it says of itself, nothing breaks, and a line is harmless text. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/text.h"
#include "group/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bk_group_keys keys;
static struct bk_signer signers[2];

static void set_up(void)
{
	static const uint8_t seeds[2][crypto_sign_SEEDBYTES] = {{1}, {2}};

	if (sodium_init() < 0)
		abort();
	for (int i = 0; i < 2; i++)
		crypto_sign_seed_keypair(signers[i].key, signers[i].secret, seeds[i]);
}

static void on_line(void *arg, const struct bk_chain_line *line)
{
	(void)arg;
	if (line->text[line->len] || strlen(line->text) != line->len || !bk_card_is_name(line->from))
		abort();
}

static void on_doubt(void *arg, const struct bk_chain_doubt *doubt)
{
	(void)arg;
	if (doubt->what == BK_DOUBT_NONE)
		abort();
}

static void on_invite(void *arg, const struct bk_chain_line *from, const char *invite)
{
	(void)arg;
	(void)from;
	if (strlen(invite) >= BK_INVITE_STR_MAX)
		abort();
}

static void on_call(void *arg, const struct bk_chain_line *from, const struct bk_summons *summons)
{
	(void)arg;
	(void)from;
	if (!summons->purpose[0])
		abort();
}

static const struct bk_chain_events events = {
	.on_line = on_line, .on_doubt = on_doubt, .on_invite = on_invite, .on_call = on_call};

static void tell(const uint8_t *post, size_t len)
{
	static const uint8_t life[BK_GROUP_LIFE_LEN] = {1};
	struct bk_chain_opts opts = {
		.keys = &keys, .signer = &signers[1], .name = "bert", .sitting = 1, .events = &events};
	struct bk_chain *c;

	if (bk_chain_new(&opts, &c) < 0 || bk_chain_begin(c, life, 0, 0) < 0)
		abort();
	bk_chain_take(c, 1, post, len);
	bk_chain_take(c, 2, post, len);
	bk_chain_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t plain[BK_GROUP_POST_MAX];
	struct bk_writer w;
	struct bk_buf out;

	set_up();
	if (size > sizeof(plain) - BK_SEAL_OVERHEAD - BK_SIGNED_HEAD - BK_SIGNED_LEN)
		return 0;
	bk_buf_init(&out, BK_GROUP_POST_MAX);
	bk_writer_init(&w, plain, sizeof(plain));
	bk_signed_begin(&w, &signers[0]);
	bk_write_bytes(&w, data, size);
	if (bk_signed_close(&keys, &signers[0], "group post", plain, bk_writer_len(&w),
		    bk_writer_len(&w) + BK_SIGNED_LEN, &out) < 0)
		abort();
	tell(bk_buf_head(&out), out.len);
	tell(data, size);
	bk_buf_done(&out);
	return 0;
}
