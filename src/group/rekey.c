/* SPDX-License-Identifier: Apache-2.0 */
#include "group/rekey.h"

#include <sodium.h>
#include <string.h>

#include "base/error.h"
#include "group/remark.h"
#include "group/whisper.h"

enum {
	INVITE_LEN = 128, /* in a box */
	ENTRY_LEN = INVITE_LEN + BK_WHISPER_OVERHEAD,
	ENTRIES_MAX = BK_REMARK_CONTENT_MAX / ENTRY_LEN,
};

_Static_assert((int)BK_INVITE_STR_MAX <= (int)INVITE_LEN, "an invite fits");

struct writing {
	const struct bk_rekey *of;
	uint8_t invite[INVITE_LEN];
	struct bk_buf boxes;
	int error;
};

static void post_boxes(struct writing *w)
{
	if (!w->error && w->boxes.len)
		w->error = w->of->put(w->of->arg, bk_buf_head(&w->boxes), w->boxes.len);
	bk_buf_consume(&w->boxes, w->boxes.len);
}

static void add_box(void *arg, const struct bk_member_card *m)
{
	struct writing *w = arg;

	for (size_t i = 0; i < w->of->without_len; i++)
		if (!memcmp(w->of->without[i], m->card.key, BK_SIGN_KEY_LEN))
			return;
	if (w->error < 0 || !memcmp(w->of->by->key, m->card.key, BK_SIGN_KEY_LEN))
		return;
	w->error = bk_whisper_close(w->of->by, m->card.key, w->invite, sizeof(w->invite), &w->boxes);
	if (w->boxes.len + ENTRY_LEN > (size_t)ENTRIES_MAX * ENTRY_LEN)
		post_boxes(w);
}

int bk_rekey_write(const struct bk_rekey *rekey, const struct bk_roster *to)
{
	struct writing w = {.of = rekey};

	if (strlen(rekey->invite) >= BK_INVITE_STR_MAX)
		return BK_E_INVALID;
	strcpy((char *)w.invite, rekey->invite);
	bk_buf_init(&w.boxes, BK_REMARK_CONTENT_MAX);
	bk_roster_each(to, add_box, &w);
	post_boxes(&w);
	bk_buf_done(&w.boxes);
	sodium_memzero(w.invite, sizeof(w.invite));
	return w.error;
}

bool bk_rekey_read(const struct bk_signer *us, const uint8_t from[BK_SIGN_KEY_LEN], const uint8_t *boxes,
	size_t len, char ret_invite[BK_INVITE_STR_MAX])
{
	char box[INVITE_LEN + 1] = "", text[BK_INVITE_TEXT_MAX];
	bool is_ours = false;

	for (size_t at = 0; at + ENTRY_LEN <= len && !is_ours; at += ENTRY_LEN)
		is_ours = !memcmp(boxes + at, us->key, BK_SIGN_KEY_LEN) &&
			  bk_whisper_open(us, from, boxes + at, ENTRY_LEN, (uint8_t *)box) >= 0 &&
			  bk_invite_from_str(box, ret_invite, text) >= 0;
	sodium_memzero(box, sizeof(box));
	return is_ours;
}
