/* SPDX-License-Identifier: Apache-2.0 */
#include "room/about.h"

#include <string.h>

#include "base/error.h"

int bk_about_set(struct bk_about *a, const void *bytes, size_t len)
{
	if (len > sizeof(a->bytes))
		return BK_E_TOO_BIG;
	if (len == a->len && (!len || !memcmp(a->bytes, bytes, len)))
		return 0;
	if (len)
		memcpy(a->bytes, bytes, len);
	a->len = len;
	a->is_news = true;
	return 0;
}

bool bk_about_is_due(const struct bk_about *a, bk_time now)
{
	return a->is_news && now >= a->due;
}

void bk_about_told(struct bk_about *a, bk_time now)
{
	a->is_news = false;
	a->due = bk_time_add(now, BK_ABOUT_PAUSE);
}

void bk_about_denied(struct bk_about *a, bk_dur wait, bk_time now)
{
	a->is_news = true;
	a->due = bk_time_add(now, bk_time_max(wait, BK_ABOUT_PAUSE));
}

bk_time bk_about_next_wake(const struct bk_about *a)
{
	return a->is_news ? a->due : BK_NEVER;
}
