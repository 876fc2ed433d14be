/* SPDX-License-Identifier: Apache-2.0 */
/* nftables recipes for the NATs of the table. The kernel's own source NAT keeps the port and answers only the
 * exact peer: that is Port Restricted. The looser cones learn in `forward`, which comes before postrouting
 * and so sees the inside port (which is also the outside one), and send what matches to the host in
 * `prerouting`. A router never forwards from wan what is neither a reply nor so learnt; it goes to `input`,
 * where --answer decides. An invalid packet from inside is dropped, since the kernel would send it out
 * untranslated. A chain must not be named "fwd", that is a keyword. */
#include "lab/rules.h"

#include "base/error.h"
#include "lab/script.h"

#include <stdlib.h>

/* How long a cone remembers whom it has sent to; RFC 4787 REQ-5 asks for two minutes at least. */
#define LEARNT_TIMEOUT "5m"

/* The key of the learnt set: how much of the destination a peer must match. */
struct key {
	const char *type, *out, *in; /* with %s for the protocol */
};

static struct key key_of(enum bk_lab_depends filtering)
{
	if (filtering == BK_LAB_ENDPOINT_INDEPENDENT)
		return (struct key){"inet_proto . inet_service", "", ""};
	return (struct key){"inet_proto . inet_service . ipv4_addr", " . ip daddr", " . ip saddr"};
}

static int write_learning(const struct bk_lab_router *r, struct bk_buf *out)
{
	static const char *const protocols[] = {"tcp", "udp"};
	struct key k = key_of(r->type->filtering);
	int rc = bk_lab_printf(out,
		"set open { type %s; size 65536; flags dynamic,timeout; timeout " LEARNT_TIMEOUT "; }\n",
		k.type);

	if (rc == 0)
		rc = bk_lab_printf(out, "chain learn { type filter hook forward priority mangle;\n");
	for (int i = 0; rc == 0 && i < 2; i++)
		rc = bk_lab_printf(out,
			"oifname wan meta l4proto %s update @open { meta l4proto . %s sport%s }\n",
			protocols[i], protocols[i], k.out);
	if (rc == 0)
		rc = bk_lab_printf(out, "}\nchain arrive { type nat hook prerouting priority dstnat;\n");
	for (int i = 0; rc == 0 && i < 2; i++)
		rc = bk_lab_printf(out,
			"iifname wan meta l4proto %s meta l4proto . %s dport%s @open dnat to %s\n",
			protocols[i], protocols[i], k.in, r->inside);
	return rc == 0 ? bk_lab_printf(out, "}\n") : rc;
}

/* of: which inside ports it is for, in the words of nft. */
static int write_sequence(
	const struct bk_lab_router *r, const char *of, int first, int step, struct bk_buf *out)
{
	int count = BK_LAB_SEQUENTIAL_COUNT / abs(step);
	int rc = bk_lab_printf(out,
		"oifname wan meta l4proto { tcp, udp } %s snat to %s : numgen inc mod %d map {", of, r->wan,
		count);

	for (int i = 0; rc == 0 && i < count; i++)
		rc = bk_lab_printf(out, "%s%d : %d", i ? "," : "", i, first + i * step);
	return rc == 0 ? bk_lab_printf(out, "}\n") : rc;
}

static int write_sequences(const struct bk_lab_router *r, struct bk_buf *out)
{
	int first = BK_LAB_SEQUENTIAL_FIRST, last = first + BK_LAB_SEQUENTIAL_COUNT - 1, rc;

	if (r->type->allocation == BK_LAB_PARITY) {
		rc = write_sequence(r, "th sport & 1 == 0", first, 2, out);
		if (rc == 0)
			rc = write_sequence(r, "th sport & 1 == 1", first + 1, 2, out);
	} else if (r->type->allocation == BK_LAB_DESCENDING) {
		rc = write_sequence(r, "", last, -1, out);
	} else {
		rc = write_sequence(r, "", first, 1, out);
	}
	return rc == 0 ? bk_lab_printf(out, "oifname wan masquerade\n") : rc;
}

static int write_leaving(const struct bk_lab_router *r, struct bk_buf *out)
{
	int rc = bk_lab_printf(out, "chain leave { type nat hook postrouting priority srcnat;\n");

	if (rc < 0)
		return rc;
	switch (r->type->allocation) {
	case BK_LAB_PRESERVING:
		rc = bk_lab_printf(out, "oifname wan snat to %s\n", r->wan);
		break;
	case BK_LAB_SEQUENTIAL:
	case BK_LAB_DESCENDING:
	case BK_LAB_PARITY:
		rc = write_sequences(r, out);
		break;
	case BK_LAB_BLOCK:
		rc = bk_lab_printf(out,
			"oifname wan meta l4proto { tcp, udp } masquerade to :%d-%d fully-random\noifname wan masquerade\n",
			BK_LAB_BLOCK_FIRST, BK_LAB_BLOCK_FIRST + r->type->block - 1);
		break;
	case BK_LAB_RANDOM:
		rc = bk_lab_printf(out, "oifname wan masquerade fully-random\n");
		break;
	}
	return rc == 0 ? bk_lab_printf(out, "}\n") : rc;
}

/* What the router's own kernel gets to see of the world, and what it says. */
static int write_answer(enum bk_lab_answer answer, struct bk_buf *out)
{
	static const char *const verdicts[] = {
		[BK_LAB_DROP] = "iifname wan meta l4proto { tcp, udp } drop\n",
		[BK_LAB_REJECT] =
			"iifname wan meta l4proto { tcp, udp } reject with icmp type port-unreachable\n",
		[BK_LAB_RESET] = ("iifname wan meta l4proto tcp reject with tcp reset\n"
				  "iifname wan meta l4proto udp reject with icmp type port-unreachable\n"),
		[BK_LAB_ACCEPT] = "",
	};

	return bk_lab_printf(out,
		"chain own { type filter hook input priority filter;\n"
		"ct state established,related accept\n"
		"%s}\n",
		verdicts[answer]);
}

static int write_passing(struct bk_buf *out)
{
	return bk_lab_printf(out, "chain pass { type filter hook forward priority filter;\n"
				  "ct state established,related accept\n"
				  "ct status dnat accept\n"
				  "iifname wan drop\n"
				  "ct state invalid drop\n"
				  "}\n");
}

/* What leaves for elsewhere than the server: questions of STUN, by type and cookie, first packets over TCP, and flows
 * over UDP. */
static int write_tally(struct bk_buf *out)
{
	return bk_lab_printf(out,
		"counter probes { }\ncounter syns { }\ncounter flows { }\n"
		"chain tally { type filter hook postrouting priority filter;\n"
		"oifname wan ip daddr != " BK_LAB_SERVER_NET
		" udp length >= 28 @th,64,16 1 @th,96,32 0x2112a442 "
		"counter name probes\n"
		"oifname wan ip daddr != " BK_LAB_SERVER_NET
		" tcp flags & (syn | ack) == syn counter name syns\n}\n"
		"chain tally_flows { type nat hook postrouting priority srcnat - 20;\n"
		"oifname wan ip daddr != " BK_LAB_SERVER_NET " meta l4proto udp counter name flows\n}\n");
}

/* --- what --with adds --- */

static int write_hairpin(const struct bk_lab_router *r, struct bk_buf *out)
{
	return bk_lab_printf(out,
		"chain pin_arrive { type nat hook prerouting priority dstnat;\n"
		"iifname lan ip daddr %s meta l4proto { tcp, udp } dnat to %s\n}\n"
		"chain pin_leave { type nat hook postrouting priority srcnat;\n"
		"oifname lan ct status dnat ip saddr %s snat to %s\n}\n",
		r->wan, r->inside, r->inside, r->wan);
}

/* Ahead of the NAT's own chains; what these let pass is looked at there. */
static int write_walls(const struct bk_lab_with *w, struct bk_buf *out)
{
	int rc = bk_lab_printf(out, "chain wall { type filter hook forward priority filter - 10;\n");

	if (rc == 0 && w->habits & BK_LAB_UDP_BLOCKED)
		rc = bk_lab_printf(out, "meta l4proto udp drop\n");
	if (rc == 0 && w->habits & BK_LAB_HTTPS_ONLY)
		rc = bk_lab_printf(
			out, "oifname wan tcp dport 443 accept\niifname wan tcp sport 443 accept\ndrop\n");
	return rc == 0 ? bk_lab_printf(out, "}\n") : rc;
}

/* A table that is full drops what begins another flow, as the kernel's own does: chains of this type see nothing else,
 * whereas a flow without an answer is "new" to the others. */
static int write_limits(const struct bk_lab_with *w, struct bk_buf *out)
{
	int rc = 0;

	if (w->lifetime)
		rc = bk_lab_printf(out,
			"ct timeout udp_lifetime { protocol udp; policy = { unreplied : %u, replied : %u }; }\n"
			"chain age { type filter hook forward priority filter;\n"
			"meta l4proto udp ct timeout set \"udp_lifetime\"\n}\n",
			w->lifetime, w->lifetime);
	if (rc == 0 && w->small_table)
		rc = bk_lab_printf(out,
			"chain table_full { type nat hook postrouting priority srcnat - 10;\n"
			"oifname wan ct count over %u counter drop\n}\n",
			w->small_table);
	return rc;
}

/* For a flow that begins: the answer is expected from any port. */
static int write_helper(struct bk_buf *out)
{
	return bk_lab_printf(out, "ct helper tftp { type \"tftp\" protocol udp; }\n"
				  "chain help { type filter hook forward priority filter;\n"
				  "oifname wan udp dport 69 ct helper set \"tftp\"\n}\n");
}

static int write_with(const struct bk_lab_router *r, struct bk_buf *out)
{
	int rc = write_limits(&r->with, out);

	if (rc == 0 && r->with.habits & (BK_LAB_UDP_BLOCKED | BK_LAB_HTTPS_ONLY))
		rc = write_walls(&r->with, out);
	if (rc == 0 && r->with.habits & BK_LAB_HELPER)
		rc = write_helper(out);
	if (rc == 0 && r->with.habits & BK_LAB_HAIRPIN)
		rc = write_hairpin(r, out);
	return rc;
}

/* The other family's table, in the same router; one that gives ports has its own (lab/giver.c). */
static int write_fw6(struct bk_buf *out)
{
	return bk_lab_printf(out, "table ip6 fw6_lab {\n"
				  "chain pass { type filter hook forward priority filter;\n"
				  "ct state established,related accept\n"
				  "iifname wan drop\n"
				  "}\n}\n");
}

int bk_lab_rules_write(const struct bk_lab_router *r, enum bk_lab_answer answer, struct bk_buf *out)
{
	int rc = bk_lab_printf(out, "table ip nat_lab {\n");

	if (rc == 0 && r->type->filtering != BK_LAB_ADDRESS_AND_PORT_DEPENDENT)
		rc = write_learning(r, out);
	if (rc == 0)
		rc = write_leaving(r, out);
	if (rc == 0)
		rc = write_answer(answer, out);
	if (rc == 0)
		rc = write_passing(out);
	if (rc == 0)
		rc = write_tally(out);
	if (rc == 0)
		rc = write_with(r, out);
	if (rc == 0)
		rc = bk_lab_printf(out, "}\n");
	return rc == 0 && r->with.habits & BK_LAB_FW6 && !r->with.services ? write_fw6(out) : rc;
}
