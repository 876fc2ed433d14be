/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_PROBES_H
#define BK_SERVER_PROBES_H

#include "server/dialect.h"
#include "wire/preface.h"

/* Mapping probes: a client announces a nonce over its control connection and connects again with it; it is
 * told from where that connection came and to which of our addresses and ports. The server owns them, and they borrow
 * the server and remember a client's number only; a probe that has arrived is theirs. The loop's thread. */
struct bk_probes;
extern const struct bk_dialect bk_dialect_probe;

int bk_probes_new(struct bk_server *s, uint64_t seed, struct bk_probes **ret_probes);
void bk_probes_free(struct bk_probes *ps); /* NULL is fine */

/* BK_E_FULL: too many under way; BK_E_EXISTS. */
int bk_probes_announce(struct bk_probes *ps, struct bk_client *c, const uint8_t nonce[BK_PREFACE_SECRET_LEN]);
void bk_probes_forget(struct bk_probes *ps, struct bk_client *c);

#endif
