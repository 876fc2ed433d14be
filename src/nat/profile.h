/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NAT_PROFILE_H
#define BK_NAT_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include <bodkin/mailbox.h>

#include "base/addr.h"
#include "wire/nat_profile.h"

/* Judgement from observations: what the mapped addresses of one local port towards several server
 * addresses say of the NAT (RFC 4787 section 4, RFC 5780 section 4.3), and what it is called. */

enum { BK_NAT_SAMPLES_MAX = 8 };

/* One observation: from local port L towards `server` we appeared as `mapped`. */
struct bk_nat_sample {
	struct bk_addr server;
	struct bk_addr mapped;
};

struct bk_nat_evidence {
	struct bk_addr local;                             /* the shared local address and port */
	struct bk_nat_sample samples[BK_NAT_SAMPLES_MAX]; /* [0] is the control connection */
	size_t samples_len;
	/* What attempts to connect back to our mapped address told (RFC 5780 section 4.4, over TCP). */
	enum bk_mailbox_reach same_address;  /* from another port of an address that we have sent to */
	enum bk_mailbox_reach other_address; /* from an address that we never sent to */
};

/* The profile that the evidence supports; samples are in the order in which the flows began. What it does not settle
 * is BK_NAT_UNKNOWN. The same mapping towards two ports of one address, with no second address seen, counts as
 * endpoint-independent. */
void bk_nat_profile_judge(const struct bk_nat_evidence *e, struct bk_nat_profile *ret_profile);

/* More flows, from other local ports, got these public ones, in that order, each so long after the samples were
 * taken: they tell better how ports are chosen, and perhaps how many of them others take. Nothing happens where the
 * mapping does not depend on the destination. */
struct bk_nat_later {
	uint16_t port;
	bk_dur after;
};
enum { BK_NAT_LATER_MAX = 8 };
void bk_nat_profile_add_later(struct bk_nat_profile *p, const struct bk_nat_later *later, size_t n);

/* The same of what a mailbox tells of its own connection's port, and of other flows. ret_seen_at: when the latest of
 * those began, on the loop's clock; 0: there is none. */
void bk_nat_profile_of_view(
	const struct bk_mailbox_view *view, struct bk_nat_profile *ret_profile, bk_time *ret_seen_at);

/* The classic types (RFC 3489 section 5, plus the firewall cases). Endpoint-independent mapping with unknown
 * filtering is port restricted (the careful answer); an untranslated address with unknown filtering is
 * open. */
enum bk_nat_class {
	BK_NAT_CLASS_UNKNOWN,
	BK_NAT_CLASS_OPEN,
	BK_NAT_CLASS_FULL_CONE,
	BK_NAT_CLASS_RESTRICTED,
	BK_NAT_CLASS_PORT_RESTRICTED,
	BK_NAT_CLASS_SYMMETRIC,
	BK_NAT_CLASS_FIREWALL, /* no translation, but only answers come in */
	BK_NAT_CLASS_BLOCKED,  /* nothing came back at all */
};

enum bk_nat_class bk_nat_class_of(const struct bk_nat_profile *p);

/* The name: "Open Internet", "Full Cone", "Restricted Cone", "Port Restricted Cone", "Symmetric", "Symmetric
 * Firewall", "Blocked", "unknown". */
const char *bk_nat_type_name(const struct bk_nat_profile *p);
/* The plain dialect's spelling of the same ("Restric Port NAT", ...). */
const char *bk_nat_type_plain_name(const struct bk_nat_profile *p);
/* For a sentence: "port-restricted", "symmetric (random ports)", "open", ... */
const char *bk_nat_type_phrase(const struct bk_nat_profile *p);

/* What the planner asks of a profile. */
/* The mapping depends on the destination: nobody can know the next public port from the last. */
bool bk_nat_is_dependent(const struct bk_nat_profile *p);
/* Anyone may connect to the mapped address: known to filter nothing, or not translated and not known to
 * filter. */
bool bk_nat_is_reachable(const struct bk_nat_profile *p);

#endif
