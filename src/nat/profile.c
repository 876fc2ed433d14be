/* SPDX-License-Identifier: Apache-2.0 */

/* Judges what was observed of a NAT. Mapping after RFC 4787 section 4.1 and RFC 5780 section 4.3: one local
 * port, several server endpoints, compare what each of them saw. Filtering after RFC 5780 section 4.4: who
 * was able to connect back. It refuses to guess: what the evidence leaves open stays BK_NAT_UNKNOWN, and only
 * the names take the careful side. */

#include "nat/profile.h"

#include <stdlib.h>
#include <string.h>

#include "nat/allocation.h"

#define RATE_TIME_MIN (20 * BK_MS)
#define RATE_TIME_MAX (20 * BK_SEC)

enum { OWN_FLOWS = 3 }; /* to the server, as a rule */

struct class_names {
	const char *name, *plain, *phrase;
};

static const struct class_names class_names[] = {
	[BK_NAT_CLASS_UNKNOWN] = {"unknown", "unknown", "of unknown type"},
	[BK_NAT_CLASS_OPEN] = {"Open Internet", "Open Internet", "open"},
	[BK_NAT_CLASS_FULL_CONE] = {"Full Cone", "Full Cone", "full-cone"},
	[BK_NAT_CLASS_RESTRICTED] = {"Restricted Cone", "Restric NAT", "restricted"},
	[BK_NAT_CLASS_PORT_RESTRICTED] = {"Port Restricted Cone", "Restric Port NAT", "port-restricted"},
	[BK_NAT_CLASS_SYMMETRIC] = {"Symmetric", "Symmetric NAT", "symmetric"},
	[BK_NAT_CLASS_FIREWALL] = {"Symmetric Firewall", "Symmetric UDP Firewall", "firewalled"},
	[BK_NAT_CLASS_BLOCKED] = {"Blocked", "Blocked", "blocked"},
};

/* Two different mappings towards two ports of one address: the port counts. Only ever seen different between
 * two addresses while two ports of one address agreed: the address alone counts. Different, and ports never
 * compared: the worse one. */
static enum bk_nat_behavior judge_mapping(const struct bk_nat_evidence *e)
{
	bool compared = false, ports_agree = false, addresses_differ = false;

	for (size_t i = 0; i < e->samples_len; i++) {
		for (size_t j = i + 1; j < e->samples_len; j++) {
			const struct bk_nat_sample *a = &e->samples[i], *b = &e->samples[j];
			bool same_mapping = bk_addr_equal(&a->mapped, &b->mapped);

			if (bk_addr_equal(&a->server, &b->server))
				continue;
			compared = true;
			if (!bk_addr_equal_ip(&a->server, &b->server))
				addresses_differ |= !same_mapping;
			else if (same_mapping)
				ports_agree = true;
			else
				return BK_NAT_ADDRESS_AND_PORT_DEPENDENT;
		}
	}
	if (!compared)
		return BK_NAT_UNKNOWN;
	if (!addresses_differ)
		return BK_NAT_ENDPOINT_INDEPENDENT;
	return ports_agree ? BK_NAT_ADDRESS_DEPENDENT : BK_NAT_ADDRESS_AND_PORT_DEPENDENT;
}

static bool is_preserving(const struct bk_nat_evidence *e)
{
	for (size_t i = 0; i < e->samples_len; i++) {
		if (e->samples[i].mapped.port != e->local.port)
			return false;
	}
	return e->samples_len > 0;
}

/* Ports in the order the samples were taken: small steps in one direction are a counter, anything else is
 * chance. An unchanged port tells nothing (an address-dependent NAT repeats it for the same address). */
static enum bk_nat_allocation judge_allocation(const struct bk_nat_evidence *e, int *ret_delta)
{
	int delta = 0;
	size_t steps = 0;
	bool is_alike = true;

	if (is_preserving(e))
		return BK_NAT_PRESERVING;
	for (size_t i = 1; i < e->samples_len; i++) {
		int step = (int)e->samples[i].mapped.port - (int)e->samples[i - 1].mapped.port;

		if (step == 0)
			continue;
		if (step > BK_NAT_STEP_MAX || step < -BK_NAT_STEP_MAX)
			return BK_NAT_RANDOM;
		if (delta != 0 && (delta > 0) != (step > 0))
			return BK_NAT_RANDOM;
		is_alike &= !steps++ || step == delta;
		if (delta == 0 || abs(step) < abs(delta))
			delta = step;
	}
	/* Near each other by chance? */
	if (delta == 0 || (abs(delta) > BK_NAT_STEP_SURE && (steps < 2 || !is_alike)))
		return BK_NAT_ALLOCATION_UNKNOWN;
	*ret_delta = delta;
	return BK_NAT_SEQUENTIAL;
}

static void add_port(struct bk_nat_ports *p, uint16_t port)
{
	p->last = port;
	p->min = port < p->min ? port : p->min;
	p->max = port > p->max ? port : p->max;
	p->seen++;
}

static void note_ports(const struct bk_nat_evidence *e, struct bk_nat_ports *ret_ports)
{
	struct bk_nat_ports p = {.min = UINT16_MAX};

	for (size_t i = 0; i < e->samples_len; i++)
		add_port(&p, e->samples[i].mapped.port);
	*ret_ports = p;
}

static enum bk_nat_behavior judge_filtering(const struct bk_nat_evidence *e)
{
	if (e->other_address == BK_MAILBOX_REACH_YES)
		return BK_NAT_ENDPOINT_INDEPENDENT;
	if (e->same_address == BK_MAILBOX_REACH_NO)
		return BK_NAT_ADDRESS_AND_PORT_DEPENDENT;
	if (e->same_address == BK_MAILBOX_REACH_YES && e->other_address == BK_MAILBOX_REACH_NO)
		return BK_NAT_ADDRESS_DEPENDENT;
	return BK_NAT_UNKNOWN;
}

void bk_nat_profile_judge(const struct bk_nat_evidence *e, struct bk_nat_profile *ret_profile)
{
	struct bk_nat_profile p = {.filtering = judge_filtering(e)};

	if (e->samples_len > 0) {
		p.public_addr = e->samples[0].mapped;
		p.is_translated = !bk_addr_equal(&e->local, &p.public_addr);
		p.mapping = judge_mapping(e);
		if (!p.is_translated && p.mapping == BK_NAT_UNKNOWN)
			p.mapping = BK_NAT_ENDPOINT_INDEPENDENT;
		p.allocation = judge_allocation(e, &p.delta);
		if (bk_nat_is_dependent(&p))
			note_ports(e, &p.ports);
	}
	*ret_profile = p;
}

/* Over a longer time a sequence may have begun anew, over a short one our own flows count most. */
static uint32_t rate_of(const struct bk_nat_profile *p, int moved, bk_dur after)
{
	int steps = p->delta ? moved / p->delta : 0;

	if (p->allocation != BK_NAT_SEQUENTIAL || after < RATE_TIME_MIN || after > RATE_TIME_MAX ||
		steps <= OWN_FLOWS)
		return 0;
	return (uint32_t)((steps - OWN_FLOWS) * BK_SEC / after);
}

/* What two samples said of the order of ports was little. Those out of line are left out: how many stay. */
static size_t judge_again(struct bk_nat_profile *p, struct bk_nat_later *later, size_t n)
{
	struct bk_nat_port_pair pairs[BK_NAT_LATER_MAX + 1] = {{.mapped = p->ports.last}};
	enum bk_nat_allocation allocation;
	bool is_in[BK_NAT_LINE_MAX];
	size_t kept = 0;
	int delta;

	_Static_assert((int)BK_NAT_LATER_MAX < (int)BK_NAT_LINE_MAX, "room");
	for (size_t i = 0; i < n; i++)
		pairs[i + 1].mapped = later[i].port;
	allocation = bk_nat_allocation_judge(pairs, n + 1, &delta);
	if (allocation == BK_NAT_ALLOCATION_UNKNOWN)
		return n;
	p->allocation = allocation;
	p->delta = delta;
	if (!bk_nat_allocation_line(pairs, n + 1, is_in, &p->delta))
		return n;
	for (size_t i = 0; i < n; i++) {
		if (is_in[i + 1])
			later[kept++] = later[i];
	}
	return kept;
}

void bk_nat_profile_add_later(struct bk_nat_profile *p, const struct bk_nat_later *later, size_t n)
{
	struct bk_nat_later kept[BK_NAT_LATER_MAX];
	bk_dur before = 0;

	if (!bk_nat_is_dependent(p) || !p->ports.seen)
		return;
	n = n < BK_NAT_LATER_MAX ? n : BK_NAT_LATER_MAX;
	memcpy(kept, later, n * sizeof(*later));
	n = judge_again(p, kept, n);
	for (size_t i = 0; i < n; i++) {
		uint32_t rate = rate_of(p, (int)kept[i].port - (int)p->ports.last, kept[i].after - before);

		p->ports.rate = rate ? rate : p->ports.rate;
		add_port(&p->ports, kept[i].port);
		before = kept[i].after;
	}
}

/* Those that began at once tell how ports are chosen; the last one, which may be much later, only where that is by now.
 */
static bk_time add_flows(const struct bk_mailbox_view *view, struct bk_nat_profile *p)
{
	struct bk_nat_later later[BK_MAILBOX_FLOWS_MAX];
	const struct bk_mailbox_flow *latest = &view->flows[BK_MAILBOX_FLOWS_MAX - 1];
	bk_time began = view->flows[0].began_ns, seen_at = 0;
	size_t n = 0;

	_Static_assert((int)BK_MAILBOX_FLOWS_MAX <= (int)BK_NAT_LATER_MAX, "room");
	for (const struct bk_mailbox_flow *f = view->flows; f < latest; f++) {
		if (!bk_addr_equal_ip(&f->mapped, &p->public_addr))
			continue;
		later[n++] = (struct bk_nat_later){f->mapped.port, f->began_ns - began};
		seen_at = f->began_ns;
	}
	if (!n)
		return 0;
	bk_nat_profile_add_later(p, later, n);
	if (!bk_addr_equal_ip(&latest->mapped, &p->public_addr))
		return seen_at;
	later[0] = (struct bk_nat_later){latest->mapped.port, latest->began_ns - seen_at};
	bk_nat_profile_add_later(p, later, 1);
	return latest->began_ns;
}

void bk_nat_profile_of_view(
	const struct bk_mailbox_view *view, struct bk_nat_profile *ret_profile, bk_time *ret_seen_at)
{
	struct bk_nat_evidence e = {
		.local = view->local,
		.same_address = view->same_address,
		.other_address = view->other_address,
	};

	_Static_assert((int)BK_MAILBOX_SAMPLES_MAX <= (int)BK_NAT_SAMPLES_MAX, "room");
	while (e.samples_len < view->samples_len && e.samples_len < BK_MAILBOX_SAMPLES_MAX) {
		const struct bk_mailbox_sample *s = &view->samples[e.samples_len];

		e.samples[e.samples_len++] = (struct bk_nat_sample){s->server, s->mapped};
	}
	bk_nat_profile_judge(&e, ret_profile);
	*ret_seen_at = bk_nat_is_dependent(ret_profile) ? add_flows(view, ret_profile) : 0;
}

bool bk_nat_is_dependent(const struct bk_nat_profile *p)
{
	return p->mapping == BK_NAT_ADDRESS_DEPENDENT || p->mapping == BK_NAT_ADDRESS_AND_PORT_DEPENDENT;
}

bool bk_nat_is_reachable(const struct bk_nat_profile *p)
{
	if (p->public_addr.family == 0)
		return false;
	return p->filtering == BK_NAT_ENDPOINT_INDEPENDENT ||
	       (!p->is_translated && p->filtering == BK_NAT_UNKNOWN);
}

enum bk_nat_class bk_nat_class_of(const struct bk_nat_profile *p)
{
	if (p->public_addr.family == 0)
		return p->filtering == BK_NAT_ADDRESS_AND_PORT_DEPENDENT ? BK_NAT_CLASS_BLOCKED
									 : BK_NAT_CLASS_UNKNOWN;
	if (!p->is_translated)
		return bk_nat_is_reachable(p) ? BK_NAT_CLASS_OPEN : BK_NAT_CLASS_FIREWALL;
	if (bk_nat_is_dependent(p))
		return BK_NAT_CLASS_SYMMETRIC;
	if (p->mapping == BK_NAT_UNKNOWN)
		return BK_NAT_CLASS_UNKNOWN;
	switch (p->filtering) {
	case BK_NAT_ENDPOINT_INDEPENDENT:
		return BK_NAT_CLASS_FULL_CONE;
	case BK_NAT_ADDRESS_DEPENDENT:
		return BK_NAT_CLASS_RESTRICTED;
	case BK_NAT_ADDRESS_AND_PORT_DEPENDENT:
	case BK_NAT_UNKNOWN:
		break;
	}
	return BK_NAT_CLASS_PORT_RESTRICTED;
}

const char *bk_nat_type_name(const struct bk_nat_profile *p)
{
	return class_names[bk_nat_class_of(p)].name;
}

const char *bk_nat_type_plain_name(const struct bk_nat_profile *p)
{
	return class_names[bk_nat_class_of(p)].plain;
}

const char *bk_nat_type_phrase(const struct bk_nat_profile *p)
{
	enum bk_nat_class class = bk_nat_class_of(p);

	if (class == BK_NAT_CLASS_SYMMETRIC && p->allocation == BK_NAT_RANDOM)
		return "symmetric (random ports)";
	if (class == BK_NAT_CLASS_SYMMETRIC && p->allocation == BK_NAT_SEQUENTIAL)
		return "symmetric (sequential ports)";
	return class_names[class].phrase;
}
