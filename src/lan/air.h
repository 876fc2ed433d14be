/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_AIR_H
#define BK_LAN_AIR_H

#include <bodkin/loop.h>

#include "lan/beacon.h"
#include "lan/radio.h"

/* The beacon on the radio: what is kept is told, who seeks is asked and answered. One for a mailbox. */
struct bk_air;

struct bk_air_opts {
	uint16_t port;
	const char *interfaces; /* both borrowed */
	const char *peer;       /* HOST[:PORT], or NULL */
};

/* Both from the loop; inside, seekers may rest, and others begin. */
struct bk_air_seeker {
	void (*on_found)(
		struct bk_air_seeker *s, const struct bk_addr *place, const struct bk_beacon_word *word);
	void (*on_over)(struct bk_air_seeker *s); /* its time is up; it seeks no more */
	int id;                                   /* BK_AIR_IDLE: does not seek */
};

enum { BK_AIR_IDLE = -1 };

int bk_air_new(struct bk_loop *loop, const struct bk_air_opts *opts, struct bk_air **ret_air);
void bk_air_free(struct bk_air *a); /* NULL is fine; no seeker hears anything any more */

/* The seeker is embedded in who seeks; it rests before it goes. BK_E_FULL. */
int bk_air_seek(
	struct bk_air *a, struct bk_air_seeker *s, const struct bk_beacon_name *name, bk_dur patience);
void bk_air_rest(struct bk_air *a, struct bk_air_seeker *s); /* idle ones too */

/* Was it asked by its address? */
bool bk_air_is_peer(const struct bk_air *a, const struct bk_addr *place);

/* As the beacon has them. */
int bk_air_host(struct bk_air *a, const struct bk_beacon_name *name, const struct bk_beacon_word *word,
	uint16_t port);
void bk_air_tell(
	struct bk_air *a, int host, const struct bk_addr *place); /* who is there, at his beacon's port */
void bk_air_hush(struct bk_air *a, int host);
void bk_air_forget(struct bk_air *a, int host);

/* A place that was found, as a server is named. Returns out. */
enum { BK_AIR_PLACE_MAX = BK_ADDR_STR_MAX + 32 };
const char *bk_air_place_to_str(const struct bk_addr *place, char out[BK_AIR_PLACE_MAX]);

/* What was tried, for a person. */
const char *bk_air_describe(const struct bk_air *a, char out[BK_RADIO_TEXT_MAX]);

#endif
