/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the boxes of a hostile member: the first byte says of what kind the post is (text for one, another
 * invite, or a call), the rest is what it seals for us. And then the same bytes as the box itself. A line is harmless
 * text, an invite is one that can be read again, and a call one that could be made. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/text.h"
#include "group/chain.h"
#include "group/whisper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INVITE_LEN = 128 }; /* of a rekey's box */

static struct bk_group_keys keys;
static struct bk_signer signers[2]; /* theirs, ours */

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
	if (!line->is_private || line->text[line->len] || strlen(line->text) != line->len)
		abort();
	for (const char *at = line->text; *at; at++)
		if (((unsigned char)*at < ' ' && *at != '\n' && *at != '\t') || *at == 0x7f)
			abort();
}

static void on_invite(void *arg, const struct bk_chain_line *from, const char *invite)
{
	char again[BK_INVITE_STR_MAX], text[BK_INVITE_TEXT_MAX];

	(void)arg;
	if (!from->is_private || bk_invite_from_str(invite, again, text) < 0 || strcmp(again, invite) != 0)
		abort();
}

static void on_call(void *arg, const struct bk_chain_line *from, const struct bk_summons *s)
{
	struct bk_summons again;

	(void)arg;
	if (!from->is_private || from->is_history || bk_summons_of(s->purpose, s->code, &again) < 0)
		abort();
}

static void on_doubt(void *arg, const struct bk_chain_doubt *doubt)
{
	(void)arg;
	(void)doubt;
}

static const struct bk_chain_events events = {
	.on_line = on_line, .on_doubt = on_doubt, .on_invite = on_invite, .on_call = on_call};

static void tell(uint8_t kind, const void *content, size_t len)
{
	static const uint8_t life[BK_GROUP_LIFE_LEN] = {1};
	const struct bk_chain_opts opts = {
		.keys = &keys, .signer = &signers[1], .name = "bert", .sitting = 1, .events = &events};
	const struct bk_remark post = {.sitting = 1,
		.counter = 1,
		.seen = {.life = {1}},
		.kind = kind,
		.name = "carl",
		.content = content,
		.len = len};
	struct bk_chain *c;
	struct bk_buf out;

	bk_buf_init(&out, BK_GROUP_POST_MAX);
	if (bk_remark_seal(&keys, &signers[0], &post, &out) < 0 || bk_chain_new(&opts, &c) < 0 ||
		bk_chain_begin(c, life, 0, 0) < 0)
		abort();
	bk_chain_take(c, 1, bk_buf_head(&out), out.len);
	bk_chain_free(c);
	bk_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t invite[INVITE_LEN] = {0}, kind;
	struct bk_buf box;

	set_up();
	if (!size || size > BK_CHAIN_WHISPER_MAX)
		return 0;
	kind = data[0] & 2 ? BK_REMARK_CALL : data[0] & 1 ? BK_REMARK_REKEY : BK_REMARK_WHISPER;
	data++;
	size--;
	memcpy(invite, data, size < sizeof(invite) ? size : sizeof(invite));
	bk_buf_init(&box, BK_REMARK_CONTENT_MAX);
	if (bk_whisper_close(&signers[0], signers[1].key, kind == BK_REMARK_REKEY ? invite : data,
		    kind == BK_REMARK_REKEY ? sizeof(invite) : size, &box) < 0)
		abort();
	tell(kind, bk_buf_head(&box), box.len);
	tell(kind, data, size);
	bk_buf_done(&box);
	return 0;
}
