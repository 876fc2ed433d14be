/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_MEMORY_H
#define BK_SERVER_MEMORY_H

#include "server/board.h"
#include "server/groups.h"
#include "server/plates.h"

/* The board in memory, for the files that hold its rules: of plates, and of meetings. Its doors are board_memory.c's,
 * and nobody else looks in here. */
enum { BK_MEMORY_SEATS_USUAL = 2 };
enum {
	BK_MEMORY_EXPIRING_CLAIM,
	BK_MEMORY_EXPIRING_GRACE,
	BK_MEMORY_EXPIRING_SHORT_GRACE,
	BK_MEMORY_EXPIRING_KEPT
}; /* lists of bk_plates_expire_at */

struct bk_memory {
	struct bk_board board;
	struct bk_board_opts opts;
	struct bk_plates table;
	struct bk_groups groups;
	uint64_t *plates_count, *meetings_count, *groups_count;
	bool is_telling;
};

/* An ask: who, and when; the verdict is filled in. */
struct bk_asking {
	struct bk_member *member;
	const struct bk_board_request *request;
	bk_time now;
	struct bk_board_verdict verdict;
};

/* What was refused has no account, whatever the owner left there: it is not to be settled. */
int bk_memory_charge(
	struct bk_memory *m, uint64_t who, enum bk_board_cost cost, size_t n, void **ret_account);
bool bk_memory_is_none(const uint8_t *secret);
bool bk_memory_can_seat(unsigned seats);
/* Mail that waits, as much as the seat takes now. */
void bk_memory_deliver(struct bk_memory *m, struct bk_seat *s);
/* It ends for all but `but` (NULL: for all). */
void bk_memory_end(struct bk_memory *m, struct bk_plate *p, const struct bk_seat *but, int why);
/* Likewise, by a claim that led to nothing: the number goes on where it has an heir. */
void bk_memory_end_claimed(
	struct bk_memory *m, struct bk_plate *p, const struct bk_seat *but, int why, bk_time now);
/* Nobody but the heir gets the number for a while, on its maker's account. Without room, or memory, for that it is as
 * free as any. */
void bk_memory_keep_number(struct bk_memory *m, uint64_t maker, uint32_t number,
	const uint8_t heir[BK_BOARD_TOKEN_LEN], bk_time now);

/* What members ask for. */
int bk_memory_allocate(struct bk_memory *m, struct bk_asking *a);
int bk_memory_claim(struct bk_memory *m, struct bk_asking *a);
int bk_memory_mail(struct bk_memory *m, struct bk_asking *a);
int bk_memory_release(struct bk_memory *m, struct bk_asking *a);
int bk_memory_rejoin(struct bk_memory *m, struct bk_asking *a);

/* The meeting waits for who is away. False: it is to end, because it is none, because that member never
 * showed the secret, or because nobody is left in it. */
bool bk_memory_await(struct bk_memory *m, struct bk_seat *s, bool is_closed, bk_time now);

#endif
