/* SPDX-License-Identifier: Apache-2.0 */
#include "lan/succession.h"

#include <string.h>

#include "wire/group.h"

static void hear_list(struct bk_succession *s, const struct bk_group_msg *m)
{
	const uint8_t *at = m->bytes, *card;
	size_t left = m->len, len;
	uint64_t member;

	while (bk_group_entry_next(&at, &left, &member, &card, &len)) {
		if (member == s->us)
			continue;
		if (!s->len)
			s->keeper = member;
		if (s->len < BK_SUCCESSION_MAX)
			s->before[s->len++] = member;
	}
}

static void forget(struct bk_succession *s, uint64_t member)
{
	if (member == s->keeper)
		s->keeper = 0;
	for (unsigned i = 0; i < s->len; i++) {
		if (s->before[i] != member)
			continue;
		memmove(&s->before[i], &s->before[i + 1], (--s->len - i) * sizeof(s->before[0]));
		return;
	}
}

void bk_succession_hear(struct bk_succession *s, const uint8_t *body, size_t n)
{
	struct bk_group_msg m;

	if (bk_group_decode(body, n, &m) < 0)
		return;
	if (m.type == BK_GROUP_JOINED)
		*s = (struct bk_succession){.was_in = true, .us = m.member};
	else if (m.type == BK_GROUP_ROSTER)
		hear_list(s, &m);
	else if (m.type == BK_GROUP_GONE)
		forget(s, m.member);
}

unsigned bk_succession_rank(const struct bk_succession *s)
{
	return s->len - (s->keeper && s->len ? 1 : 0);
}
