/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_TEST_KIT_H
#define BK_PUNCH_TEST_KIT_H

#include "punch/probe.h"
#include "punch/udp.h"

/* Kinds of NAT, for the tests of plans. */
enum kit_kind { OPEN, FIREWALL, FULL, RESTRICTED, PORT, UNSURE, SYM, KINDS };

#define EI  BK_NAT_ENDPOINT_INDEPENDENT
#define AD  BK_NAT_ADDRESS_DEPENDENT
#define APD BK_NAT_ADDRESS_AND_PORT_DEPENDENT

#define SEQ  BK_NAT_SEQUENTIAL
#define RAND BK_NAT_RANDOM
#define KEEP BK_NAT_PRESERVING

extern const struct bk_nat_profile kit_profiles[KINDS]; /* no addresses yet */

/* Side 1 or 2 behind a NAT of that kind, over TCP; one mapped candidate. */
struct bk_intro kit_behind(enum kit_kind kind, uint8_t side);
void kit_add_host(struct bk_intro *in, const char *addr);
struct bk_plan kit_plan_of(
	const struct bk_method *method, const struct bk_intro *own, const struct bk_intro *peer);
/* What the plan's engine says of it, and why there is no direct path; each until it is asked again. */
const char *kit_why(const struct bk_method *method, const struct bk_intro *own, const struct bk_intro *peer,
	enum bk_path_choice choice);
const char *kit_no_direct(const struct bk_intro *own, const struct bk_intro *peer);

/* For the tests of UDP punching: one engine, and the peer's words by hand. */

#define T0    (1000 * BK_SEC)
#define START (T0 + 100 * BK_MS)
#define ops   bk_punch_udp_ops

/* Side 0 (us, usually) is 203.0.113.1, side 1 is 203.0.113.2, both behind port-restricted NATs. */
struct bk_addr kit_mapped(int side);
void kit_add(struct bk_intro *in, enum bk_candidate_kind kind, struct bk_addr addr);
struct bk_intro kit_intro(int side);
struct bk_plan kit_plan(const struct bk_intro *own, const struct bk_intro *peer);
struct bk_punch_udp *kit_engine_with(
	const struct bk_intro *own, const struct bk_intro *peer, const struct bk_plan *plan, bool controls);
struct bk_punch_udp *kit_engine_of(const struct bk_intro *own, const struct bk_intro *peer, bool controls);
struct bk_punch_udp *kit_engine(int side, bool controls);
/* Side 1 or 2 over UDP, with the NAT of that kind and its allocation: whose port is to be guessed, or not. */
struct bk_intro kit_guessing(enum kit_kind kind, enum bk_nat_allocation allocation, int delta, uint8_t side);
/* What side 1 would write and read. */
struct bk_probe_auth kit_peer_auth(void);
struct bk_punch_udp_stats kit_stats(const struct bk_punch_udp *e);
/* What an engine wants, but for its hopes, which are counted. */
extern unsigned kit_likelies;
extern struct bk_addr kit_likely_at;
bool kit_next(struct bk_punch_udp *e, struct bk_action *ret_action);
struct bk_action kit_expect(struct bk_punch_udp *e, enum bk_action_type type);
void kit_expect_nothing(struct bk_punch_udp *e);
void kit_expect_nominated(struct bk_punch_udp *e, struct bk_addr remote);
void kit_expect_done(struct bk_punch_udp *e);
void kit_forget_actions(struct bk_punch_udp *e);
void kit_hear(struct bk_punch_udp *e, struct bk_addr from, const uint8_t *data, size_t n, bk_time now);
/* Side 1 writes a probe or an answer and it arrives from there. */
void kit_peer_says(struct bk_punch_udp *e, struct bk_addr from, const struct bk_probe *p, bk_time now);
void kit_peer_probes(
	struct bk_punch_udp *e, struct bk_addr from, uint8_t tid, uint32_t nomination, bk_time now);
/* Side 1 reads what our engine sent. */
struct bk_probe kit_read_probe(const struct bk_action *a);
void kit_peer_answers(struct bk_punch_udp *e, struct bk_addr from, const struct bk_action *a, bk_time now);
/* The same, and a probe of its own reaches us as well. */
void kit_peer_agrees(struct bk_punch_udp *e, struct bk_addr from, const struct bk_action *a, bk_time now);
struct bk_action kit_probe_at(struct bk_punch_udp *e, bk_time now);
/* The next probe that goes there, whatever else goes before it. */
struct bk_action kit_next_probe_to(struct bk_punch_udp *e, struct bk_addr to, bk_time *ret_now);

/* The same on another socket than the two that every engine has. */
void kit_peer_probes_at(struct bk_punch_udp *e, uint32_t socket, struct bk_addr from, uint8_t tid,
	uint32_t nomination, bk_time now);
void kit_peer_answers_at(
	struct bk_punch_udp *e, uint32_t socket, struct bk_addr from, const struct bk_action *a, bk_time now);

#endif
