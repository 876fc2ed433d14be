/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/intake.h"

#include "base/error.h"

/* What stands in the first message of an offer in pieces is for receivers that know no pieces. */
static int begin(struct bk_intake *i, const struct bk_file_msg *msg)
{
	i->entries = msg->entries;
	if (!msg->entries)
		return BK_E_MALFORMED;
	return msg->entries > BK_FILE_LIST_LEN_MAX ? BK_E_TOO_BIG : BK_E_AGAIN;
}

int bk_intake_read(struct bk_intake *i, const struct bk_file_msg *msg, const struct bk_buf *content)
{
	int err;

	if (msg->type == BK_FILE_OFFER && msg->more)
		return begin(i, msg);
	err = bk_file_offer_decode(bk_buf_head(content), content->len, i->list);
	if (err < 0)
		return err;
	if (i->entries && (i->list->len > i->entries || (!msg->more && i->list->len < i->entries)))
		return BK_E_MALFORMED;
	if (msg->more)
		return BK_E_AGAIN;
	return bk_file_list_find_stray(i->list) ? BK_E_UNSAFE_PATH : 0;
}
