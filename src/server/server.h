/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_SERVER_H
#define BK_SERVER_SERVER_H

#include <bodkin/server.h>

#include <stddef.h>
#include <stdint.h>

/* Doors for tests that are not for the public. */

enum { BK_HOOK_PASS = 0, BK_HOOK_DROP = 1, BK_HOOK_TWICE = 2 };

/* A server that lies: sees what is left and mailed between clients and may change it. *body is malloc'ed
 * (NULL with a length of 0); a hook that replaces it frees the old one. */
struct bk_server_hooks {
	void *arg;
	int (*on_mail)(void *arg, int from_side, uint8_t **body, size_t *len); /* BK_HOOK_ */
	int (*on_left_body)(
		void *arg, int from_side, uint8_t **body, size_t *len); /* BK_HOOK_PASS or _DROP */
};

/* Copied; NULL takes them away. */
void bk_server_set_hooks(struct bk_server *s, const struct bk_server_hooks *hooks);

/* How often one address may claim nameplates; for addresses that come later. */
void bk_server_set_claims(struct bk_server *s, double per_minute, double burst);

/* How many STUN questions one address may ask; for addresses that come later. */
void bk_server_set_stun_limit(struct bk_server *s, double per_second, double burst);

#endif
