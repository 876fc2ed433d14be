/* SPDX-License-Identifier: Apache-2.0 */
/* The hashes of the last posts, in a ring, as they came: numbers rise in a life, and the next one's may begin
 * anywhere. */
#include "group/ledger.h"

#include <string.h>

#include "base/error.h"

static const struct bk_ledger_entry *find(const struct bk_ledger *l, uint64_t number)
{
	for (uint32_t i = 1; i <= BK_LEDGER_WINDOW; i++) {
		const struct bk_ledger_entry *e = &l->entries[(l->told - i) % BK_LEDGER_WINDOW];

		if (!l->lives || e->lives != l->lives || e->number < number)
			return NULL;
		if (e->number == number)
			return e;
	}
	return NULL;
}

static bool is_hash(const struct bk_ledger_entry *e, const uint8_t hash[BK_REMARK_HASH_LEN])
{
	return !memcmp(e->hash, hash, BK_REMARK_HASH_LEN);
}

int bk_ledger_begin(struct bk_ledger *l, const uint8_t life[BK_GROUP_LIFE_LEN], uint64_t oldest,
	uint64_t newest, uint64_t *ret_missed)
{
	uint64_t first = oldest ? oldest : newest + 1;
	bool is_first = !l->lives, is_same = !is_first && !memcmp(l->life, life, sizeof(l->life));

	*ret_missed = 0;
	if (first > newest + 1 || (is_same && newest < l->last))
		return BK_E_PROTOCOL;
	if (is_same && first > l->last + 1)
		*ret_missed = first - l->last - 1;
	if (!is_same) {
		memcpy(l->life, life, sizeof(l->life));
		l->lives++;
	}
	if (!is_same || *ret_missed)
		l->last = first - 1;
	l->past = newest;
	return !is_first && !is_same;
}

enum bk_doubt bk_ledger_place(
	struct bk_ledger *l, uint64_t number, const uint8_t hash[BK_REMARK_HASH_LEN], uint64_t *ret_count)
{
	const struct bk_ledger_entry *was = find(l, number);
	struct bk_ledger_entry *e = &l->entries[l->told % BK_LEDGER_WINDOW];

	*ret_count = number > l->last + 1 ? number - l->last - 1 : 0;
	if (number <= l->last && was)
		return is_hash(was, hash) ? BK_DOUBT_DOUBLED : BK_DOUBT_FORKED;
	if (number <= l->last)
		return BK_DOUBT_REORDERED;
	l->last = number;
	l->told++;
	e->number = number;
	e->lives = l->lives;
	memcpy(e->hash, hash, BK_REMARK_HASH_LEN);
	return *ret_count ? BK_DOUBT_DROPPED : BK_DOUBT_NONE;
}

bool bk_ledger_has_twin(const struct bk_ledger *l, uint64_t number, const uint8_t hash[BK_REMARK_HASH_LEN],
	bool *ret_is_of_now)
{
	const struct bk_ledger_entry *self = find(l, number);
	bool has_one = false;

	*ret_is_of_now = false;
	for (size_t i = 0; i < BK_LEDGER_WINDOW; i++) {
		const struct bk_ledger_entry *e = &l->entries[i];

		if (!e->lives || e == self || !is_hash(e, hash))
			continue;
		has_one = true;
		*ret_is_of_now |= e->lives == l->lives;
	}
	return has_one;
}

bool bk_ledger_fits(const struct bk_ledger *l, uint64_t number, const struct bk_remark_seen *seen)
{
	const struct bk_ledger_entry *e;

	if (!seen->number || memcmp(seen->life, l->life, sizeof(l->life)) != 0)
		return true;
	if (seen->number >= number)
		return false;
	e = find(l, seen->number);
	return !e || is_hash(e, seen->hash);
}

bool bk_ledger_is_of_now(const struct bk_ledger *l, const struct bk_remark_seen *seen)
{
	return !memcmp(seen->life, l->life, sizeof(l->life));
}

void bk_ledger_seen(const struct bk_ledger *l, struct bk_remark_seen *ret_seen)
{
	const struct bk_ledger_entry *e = l->lives ? find(l, l->last) : NULL;

	*ret_seen = (struct bk_remark_seen){0};
	memcpy(ret_seen->life, l->life, sizeof(l->life));
	if (!e)
		return;
	ret_seen->number = e->number;
	memcpy(ret_seen->hash, e->hash, sizeof(e->hash));
}
