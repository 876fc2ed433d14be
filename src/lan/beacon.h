/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_BEACON_H
#define BK_LAN_BEACON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/rate.h"
#include "base/time.h"

/* Who keeps something for others tells the LAN, and who seeks it asks there. Pure: datagrams and time come in by the
 * doors below, and after each of them the owner drains bk_beacon_next and arms a timer for bk_beacon_wake.
 *
 * What is kept goes by a name that both know. A beacon carries a tag made of name and minute, and the port to connect
 * to; the address is the one it came from. */
enum {
	BK_BEACON_LEN =
		36, /* bytes of every datagram of ours, but of one with a word, and of one that is passed on */
	BK_BEACON_LEN_MAX = 59,
	BK_BEACON_HOSTS_MAX = 72,    /* names kept at a time */
	BK_BEACON_SEEKS_MAX = 8,     /* names sought at a time */
	BK_BEACON_PLACES_MAX = 8,    /* told of one seeking */
	BK_BEACON_OF_SOURCE_MAX = 2, /* of them at one address */
	BK_BEACON_ID_LEN = 8,
	BK_BEACON_WORD_LEN = 16,
	BK_BEACON_QUEUE_MAX = 32,
	BK_BEACON_SOURCES_MAX = 16, /* askers that are remembered, so that none is answered without end */
};

struct bk_beacon_name {
	uint8_t bytes[32];
};

/* Of a code's number, never of its words; of the secret that two who have met share; of the one that the members of a
 * group share. */
struct bk_beacon_name bk_beacon_name_of_number(uint32_t number);
struct bk_beacon_name bk_beacon_name_of_secret(const void *secret, size_t n);
struct bk_beacon_name bk_beacon_name_of_group(const void *secret, size_t n);

/* What is said of a place beside its port: for who keeps it and who finds it to make sense of. All zero: nothing. */
struct bk_beacon_word {
	uint8_t bytes[BK_BEACON_WORD_LEN];
	bool is_foremost; /* it goes before those that are not */
};

/* Proves the key of the server there to whoever has the secret, and tells nobody else anything. */
enum { BK_BEACON_KEY_LEN = 32 };
struct bk_beacon_word bk_beacon_word_of_server(
	const void *secret, size_t n, const uint8_t key[BK_BEACON_KEY_LEN], bool is_foremost);

struct bk_beacon_tag {
	uint32_t minute; /* whose tag it is; what stands in a beacon, whatever our own clock says */
	uint8_t bytes[16];
};

struct bk_beacon_known {
	struct bk_beacon_name name;
	struct bk_beacon_tag own, foreign; /* computed last: of our minute, of somebody else's */
};

struct bk_beacon_schedule {
	bk_time next; /* BK_NEVER: not by itself */
	unsigned step;
};

struct bk_beacon_host {
	bool is_used;
	struct bk_beacon_known known;
	bool has_word;
	struct bk_beacon_word word;
	uint16_t port;
	struct bk_beacon_schedule schedule;
};

struct bk_beacon_seek {
	bool is_used;
	struct bk_beacon_known known;
	bk_time until;
	struct bk_beacon_schedule schedule;
	struct bk_addr places[BK_BEACON_PLACES_MAX];
	size_t places_len;
};

enum bk_beacon_what {
	BK_BEACON_SEND,  /* `data` to `addr`; family 0: to everybody on every interface */
	BK_BEACON_PASS,  /* `data` to every program on this machine: one of them may keep it */
	BK_BEACON_FOUND, /* seeking `id`: somebody at `addr` says that it is there, and the word */
	BK_BEACON_OVER,  /* seeking `id` has had its time; it is forgotten */
};

struct bk_beacon_action {
	enum bk_beacon_what what;
	int id;
	struct bk_addr addr;
	struct bk_beacon_word word;
	size_t len; /* of data */
	uint8_t data[BK_BEACON_LEN_MAX];
};

struct bk_beacon {
	uint8_t id[BK_BEACON_ID_LEN]; /* ours: what we say ourselves is no news */
	bk_time wall;                 /* the clock of the wall minus ours */
	struct bk_beacon_host hosts[BK_BEACON_HOSTS_MAX];
	struct bk_beacon_seek seeks[BK_BEACON_SEEKS_MAX];
	struct bk_beacon_action queue[BK_BEACON_QUEUE_MAX];
	size_t queue_head, queue_len;
	struct bk_rate hashes, answers, passes;
	struct bk_beacon_source {
		struct bk_addr addr;
		struct bk_rate answers;
	} sources[BK_BEACON_SOURCES_MAX];
};

/* id: of chance. wall: nanoseconds since 1970 at `now`. */
void bk_beacon_init(struct bk_beacon *b, const uint8_t id[BK_BEACON_ID_LEN], bk_time wall, bk_time now);

/* We keep it, at that TCP port; word NULL: none. 0 or more: what forget, hush and tell go by; BK_E_FULL. */
int bk_beacon_host(struct bk_beacon *b, const struct bk_beacon_name *name, const struct bk_beacon_word *word,
	uint16_t port, bk_time now);
/* One who keeps it, too, hears of us even where what goes to everybody does not reach him. */
void bk_beacon_tell(struct bk_beacon *b, int id, const struct bk_addr *to, bk_time now);
/* Found it is: from now on we only answer. */
void bk_beacon_hush(struct bk_beacon *b, int id);
void bk_beacon_forget(struct bk_beacon *b, int id);

/* Asks for so long. Places of others are told as they are found, each once, then BK_BEACON_OVER. BK_E_FULL. */
int bk_beacon_seek(struct bk_beacon *b, const struct bk_beacon_name *name, bk_dur patience, bk_time now);
void bk_beacon_rest(struct bk_beacon *b, int id);

/* There are other interfaces than before: everything is said anew. */
void bk_beacon_moved(struct bk_beacon *b, bk_time now);

/* What a question about `id` looks like, for who may be asked by his address. Of several programs there one hears it,
 * and passes it on to the others. */
void bk_beacon_question(struct bk_beacon *b, int id, bk_time now, uint8_t out[BK_BEACON_LEN]);

void bk_beacon_on_datagram(
	struct bk_beacon *b, const struct bk_addr *from, const uint8_t *data, size_t len, bk_time now);
void bk_beacon_on_time(struct bk_beacon *b, bk_time now);
bk_time bk_beacon_wake(const struct bk_beacon *b);
bool bk_beacon_next(struct bk_beacon *b, struct bk_beacon_action *ret_action);

#endif
