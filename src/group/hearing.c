/* SPDX-License-Identifier: Apache-2.0 */
#include "group/hearing.h"

#include <sodium.h>
#include <string.h>

#include "base/text.h"
#include "group/rekey.h"
#include "group/whisper.h"
#include "wire/chat.h"

static void hand_text(struct bk_hearing *h, struct bk_chain_line *line, const void *text, size_t len)
{
	if (bk_chat_check(text, len) < 0)
		return;
	if (text != h->text && len)
		memcpy(h->text, text, len);
	h->text[len] = '\0';
	bk_text_sanitize_lines(h->text);
	line->text = h->text;
	line->len = strlen(h->text);
	h->events->on_line(h->arg, line);
}

/* A box of ours, into h->text. */
static bool open_box(struct bk_hearing *h, const struct bk_remark *p, size_t *ret_len)
{
	if (!bk_whisper_is_ours(h->signer, p->key, p->content, p->len) ||
		bk_whisper_open(h->signer, p->key, p->content, p->len, (uint8_t *)h->text) < 0)
		return false;
	*ret_len = p->len - BK_WHISPER_OVERHEAD;
	return true;
}

static void hand_whisper(struct bk_hearing *h, struct bk_chain_line *line, const struct bk_remark *p)
{
	size_t len;

	line->is_private = true;
	if (open_box(h, p, &len))
		hand_text(h, line, h->text, len);
}

/* Whoever called before we came, or before the server was another one, is perhaps not waiting any more; and we need not
 * hear ourselves. */
static void hand_call(struct bk_hearing *h, struct bk_chain_line *line, const struct bk_remark *p)
{
	struct bk_summons summons;
	size_t len;

	line->is_private = true;
	line->text = "";
	if (!line->is_history && !line->is_ours && bk_ledger_is_of_now(h->ledger, &p->seen) &&
		open_box(h, p, &len) && !memcmp(p->content, h->signer->key, BK_SIGN_KEY_LEN) &&
		bk_summons_read(h->text, len, &summons) >= 0)
		h->events->on_call(h->arg, line, &summons);
}

static void hand_invite(struct bk_hearing *h, struct bk_chain_line *line, const struct bk_remark *p)
{
	char invite[BK_INVITE_STR_MAX];

	line->is_private = true;
	line->text = "";
	if (bk_rekey_read(h->signer, p->key, p->content, p->len, invite))
		h->events->on_invite(h->arg, line, invite);
	sodium_memzero(invite, sizeof(invite));
}

void bk_hearing_hand_on(struct bk_hearing *h, struct bk_chain_line *line, const struct bk_remark *p)
{
	if (p->kind == BK_REMARK_TEXT)
		hand_text(h, line, p->content, p->len);
	else if (p->kind == BK_REMARK_WHISPER)
		hand_whisper(h, line, p);
	else if (p->kind == BK_REMARK_REKEY)
		hand_invite(h, line, p);
	else if (p->kind == BK_REMARK_CALL)
		hand_call(h, line, p);
}
