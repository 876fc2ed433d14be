/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_EXPLAIN_H
#define BK_PUNCH_EXPLAIN_H

#include "punch/technique.h"

/* Plans, paths and their absence in words, for a person. */

/* What was taken of the rows: "direct over UDP, both NATs port-restricted, 12 ms"; of a relay also why. */
enum { BK_EXPLAIN_PATH_MAX = 2 * BK_PLAN_TEXT_MAX };
const char *bk_explain_path(const struct bk_technique *t, const struct bk_pair *pair,
	const struct bk_technique *const *rows, double rtt_ms, char out[BK_EXPLAIN_PATH_MAX]);

/* Why none of the rows connects the two directly, over whatever transports both have: one sentence with what
 * would help. */
const char *bk_explain_no_direct(
	const struct bk_pair *pair, const struct bk_technique *const *rows, char out[BK_PLAN_TEXT_MAX]);

/* Which pair, in words: "both NATs port-restricted", "open here, symmetric there". */
const char *bk_explain_nats(
	const struct bk_nat_profile *own, const struct bk_nat_profile *peer, char out[BK_PLAN_TEXT_MAX]);

/* --- the words of the rows and of their engines --- */

void bk_tell_direct(
	const struct bk_technique *t, const struct bk_pair *pair, struct bk_path_words *ret_words);
void bk_tell_guessed(
	const struct bk_technique *t, const struct bk_pair *pair, struct bk_path_words *ret_words);
void bk_tell_relay(const struct bk_technique *t, const struct bk_pair *pair, struct bk_path_words *ret_words);

/* Of a pair that is to be punched: who connects, and when. */
void bk_hope_punch_tcp(const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX]);
void bk_hope_punch_udp(const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX]);

void bk_explain_tcp(const struct bk_plan *p, const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX]);
void bk_explain_udp(const struct bk_plan *p, const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX]);
void bk_explain_relay(const struct bk_plan *p, const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX]);

#endif
