/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_CHAIN_H
#define BK_GROUP_CHAIN_H

#include "base/time.h"
#include "group/card.h"
#include "group/ledger.h"
#include "group/summons.h"

/* A member's side of a group, as an engine: what the server tells goes in by the door, lines and doubts come out, and
 * posts to be sent. The server is not believed: what it drops, doubles, reorders, forks, forges or replays is said
 * (docs/protocol/groups.md says what can be seen and what cannot), and none of it becomes a line.
 *
 * Thread rule: one thread. Time comes in by the door. Events come from inside the doors that are told something
 * (begin, take, card, gone, roster_end, denied, on_time), never from inside those that ask; from inside one the chain
 * may not be freed, nor told anything. */
struct bk_chain;

enum { BK_CHAIN_TEXT_MAX = BK_REMARK_CONTENT_MAX, BK_CHAIN_WHISPER_MAX = 61000 };

#define BK_CHAIN_CALL_PATIENCE (60 * BK_SEC) /* whoever called is perhaps not waiting any more */

/* Something said. All of it is borrowed for the call. */
struct bk_chain_line {
	uint64_t number;  /* the server's; the same for all */
	const char *from; /* harmless on a terminal */
	const uint8_t *key;
	uint64_t sent_ms; /* by the sender's clock */
	bool is_ours, is_history, is_private;
	bool has_others_name; /* somebody else had that name first */
	const char *text;     /* len bytes of UTF-8 and a NUL; newlines and tabs are its only controls */
	size_t len;
};

struct bk_chain_doubt {
	enum bk_doubt what;
	uint64_t number;  /* of the post that shows it; 0: none does */
	uint64_t count;   /* DROPPED: so many */
	const char *from; /* whose posts, or whose name; NULL: nobody knows */
};

struct bk_chain_events {
	void (*on_line)(void *arg, const struct bk_chain_line *line);
	void (*on_doubt)(void *arg, const struct bk_chain_doubt *doubt);
	/* Somebody has made another group for us and others. */
	void (*on_invite)(void *arg, const struct bk_chain_line *from, const char *invite);
	/* Of ours: it was told to all under that number; it will not be. */
	void (*on_sent)(void *arg, uint32_t ticket, uint64_t number);
	void (*on_unsent)(void *arg, uint32_t ticket, int error);
	/* `member` stays while it is there, wherever the board goes. is_new false: it has another card, which says
	 * something else. */
	void (*on_came)(
		void *arg, uint64_t member, const struct bk_card *card, bool is_new, bool has_others_name);
	void (*on_gone)(void *arg, uint64_t member, const struct bk_card *card);
	/* While we were away so many came that are not kept any more. / The server does not know the group of
	 * before. */
	void (*on_missed)(void *arg, uint64_t count);
	void (*on_restarted)(void *arg);
	/* Somebody wants to be met by us, now. */
	void (*on_call)(void *arg, const struct bk_chain_line *from, const struct bk_summons *summons);
};

struct bk_chain_opts {
	const struct bk_group_keys *keys; /* copied, as is all of this */
	const struct bk_signer *signer;
	const char *name;
	uint64_t sitting; /* below 2^63, by chance: no other sitting of the same key may have it */
	uint64_t seed;
	const struct bk_chain_events *events; /* lives as long as the chain; all of them */
	void *arg;
	bool wants_all; /* of what others say, too, enough is kept that we could be whom a board begins with */
};

/* BK_E_INVALID: the name; BK_E_NOMEM. */
int bk_chain_new(const struct bk_chain_opts *opts, struct bk_chain **ret_chain);
void bk_chain_free(struct bk_chain *c); /* NULL is fine */
/* A board that begins with us: whatever we keep is told to it before anything new. Otherwise to one that has lost the
 * group, or is another one, each tells what is his own. */
void bk_chain_begins_board(struct bk_chain *c, bool is_so);

/* --- what is shown to the server --- */

/* Our card, and what we know already. */
int bk_chain_make_card(const struct bk_chain *c, const void *about, size_t len, struct bk_buf *out);
void bk_chain_known(const struct bk_chain *c, uint8_t ret_life[BK_GROUP_LIFE_LEN], uint64_t *ret_number);
/* Positive: the post to be sent now, good until it comes back; it is under way then. 0: none is. BK_E_NOMEM.  */
int bk_chain_next_post(
	struct bk_chain *c, bk_time now, uint32_t *ret_ticket, const uint8_t **ret_post, size_t *ret_len);

/* --- what the server says --- */

/* We are in. BK_E_PROTOCOL: it takes back what it told; do not go on with it. */
int bk_chain_begin(
	struct bk_chain *c, const uint8_t life[BK_GROUP_LIFE_LEN], uint64_t oldest, uint64_t newest);
int bk_chain_take(struct bk_chain *c, uint64_t number, const uint8_t *post, size_t len); /* BK_E_NOMEM */
/* A member's card: in the list that follows begin, or somebody came. BK_E_FULL, BK_E_NOMEM; a card that is none is
 * nobody. */
int bk_chain_card(struct bk_chain *c, uint64_t member, const uint8_t *card, size_t len);
/* Who was not in the list has left, if he does not come within a moment: when a board is lost, all come again. */
void bk_chain_roster_end(struct bk_chain *c);
void bk_chain_gone(struct bk_chain *c, uint64_t member);
/* The post was not taken: again after wait, or never (0). */
void bk_chain_denied(struct bk_chain *c, uint32_t ticket, int error, bk_dur wait, bk_time now);
void bk_chain_lost(struct bk_chain *c); /* no connection any more */

void bk_chain_on_time(struct bk_chain *c, bk_time now);
/* True once: our post should have come back by now; ask the server for a sign that it has handled all that was sent. /
 * It gave one: what does not come now is withheld. */
bool bk_chain_is_overdue(struct bk_chain *c, bk_time now);
void bk_chain_had(struct bk_chain *c, bk_time now);
bk_time bk_chain_next_wake(const struct bk_chain *c); /* then on_time, is_overdue, and next_post */

/* --- what the person says --- */

/* BK_E_AGAIN: too much waits; BK_E_TOO_BIG, BK_E_INVALID (no UTF-8, or a NUL in it), BK_E_NOMEM. ret_ticket may be
 * NULL. */
int bk_chain_say(struct bk_chain *c, const char *text, size_t len, uint64_t now_ms, uint32_t *ret_ticket);
int bk_chain_whisper(struct bk_chain *c, const uint8_t to[BK_SIGN_KEY_LEN], const char *text, size_t len,
	uint64_t now_ms, uint32_t *ret_ticket);
/* What cannot go out before its patience is over does not: BK_E_TIMEOUT. */
int bk_chain_call(struct bk_chain *c, const uint8_t to[BK_SIGN_KEY_LEN], const struct bk_summons *summons,
	bk_time now, uint64_t now_ms, uint32_t *ret_ticket);
/* Another invite for everybody who is there but those who are not to have it. */
int bk_chain_rekey(struct bk_chain *c, const char *invite, const uint8_t (*without)[BK_SIGN_KEY_LEN],
	size_t without_len, uint64_t now_ms);

/* The name shall be the next one's who comes with it. */
void bk_chain_forget(struct bk_chain *c, const char *name);

bool bk_chain_is_us(const struct bk_chain *c, const struct bk_card *card);

unsigned bk_chain_waiting(const struct bk_chain *c);   /* posts that are not told yet, or not again */
unsigned bk_chain_retelling(const struct bk_chain *c); /* those to be told again */

#endif
