/* SPDX-License-Identifier: Apache-2.0 */
/* The plan as words for `ip`. Link addresses are numbers of ours and all neighbours are entered for good, so
 * no packet ever waits for address resolution: what a test measures is the NAT and the wire. */
#include "lab/script.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int bk_lab_printf(struct bk_buf *out, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		return BK_E_TOO_BIG;
	return bk_buf_append(out, line, (size_t)n);
}

void bk_lab_script_wire_end(size_t link, int end, char ret_ifname[BK_LAB_WIRE_END_MAX])
{
	snprintf(ret_ifname, BK_LAB_WIRE_END_MAX, "w%zu-%d", link, end);
}

/* The two interfaces of a pair must have different numbers, although they are in different namespaces: only
 * then does the kernel take the pair for a tunnel and report its state at once, else up to a second later. */
static int write_half(struct bk_buf *out, const char *ifname, size_t l, int side, enum bk_lab_node node)
{
	return bk_lab_printf(out, "name %s index %zu address 02:0b:0d:00:%02zx:%02x netns /proc/self/fd/%d",
		ifname, 10 + l * 32 + (size_t)side, l, side + 1, BK_LAB_FD(node));
}

static int write_pair(struct bk_buf *out, const struct bk_lab_end *e, size_t l, int side,
	enum bk_lab_node peer_node, const char *peer_ifname, int peer_side)
{
	int rc = bk_lab_printf(out, "link add ");

	if (rc == 0)
		rc = write_half(out, e->ifname, l, side, e->node);
	if (rc == 0)
		rc = bk_lab_printf(out, " type veth peer ");
	if (rc == 0)
		rc = write_half(out, peer_ifname, l, peer_side, peer_node);
	return rc == 0 ? bk_lab_printf(out, "\n") : rc;
}

int bk_lab_script_links(const struct bk_lab_plan *p, struct bk_buf *out)
{
	char name[BK_LAB_WIRE_END_MAX];
	int rc = 0;

	for (size_t l = 0; rc == 0 && l < p->link_count; l++) {
		const struct bk_lab_link *link = &p->links[l];

		if (!link->wired) {
			rc = write_pair(out, &link->end[0], l, 0, link->end[1].node, link->end[1].ifname, 1);
			continue;
		}
		for (int e = 0; rc == 0 && e < 2; e++) {
			bk_lab_script_wire_end(l, e, name);
			rc = write_pair(out, &link->end[e], l, e, BK_LAB_WIRE, name, e + 16);
		}
	}
	return rc;
}

static int write_interface(const struct bk_lab_plan *p, size_t l, int side, struct bk_buf *out)
{
	const struct bk_lab_link *link = &p->links[l];
	const struct bk_lab_end *own = &link->end[side], *other = &link->end[!side];
	int rc = 0;

	for (int i = 0; rc == 0 && i < BK_LAB_ADDRS_MAX && own->addrs[i]; i++)
		if (!strchr(own->addrs[i], ':'))
			rc = bk_lab_printf(out, "addr add %s dev %s\n", own->addrs[i], own->ifname);
		else if (p->ipv6[own->node])
			rc = bk_lab_printf(out, "addr add %s dev %s nodad\n", own->addrs[i], own->ifname);
	/* A wire carries frames as they would be on a real line: nothing larger than the MTU. */
	if (rc == 0)
		rc = bk_lab_printf(
			out, "link set dev %s up%s\n", own->ifname, link->wired ? " gso_max_segs 1" : "");
	for (int i = 0; rc == 0 && i < BK_LAB_ADDRS_MAX && other->addrs[i]; i++)
		if (!strchr(other->addrs[i], ':') || (p->ipv6[own->node] && p->ipv6[other->node]))
			rc = bk_lab_printf(out,
				"neigh replace %.*s lladdr 02:0b:0d:00:%02zx:%02x nud permanent dev %s\n",
				(int)strcspn(other->addrs[i], "/"), other->addrs[i], l, !side + 1,
				own->ifname);
	return rc;
}

static int write_wire_node(const struct bk_lab_plan *p, struct bk_buf *out)
{
	char name[BK_LAB_WIRE_END_MAX];
	int rc = 0;

	for (size_t l = 0; l < p->link_count; l++)
		for (int e = 0; p->links[l].wired && rc == 0 && e < 2; e++) {
			bk_lab_script_wire_end(l, e, name);
			rc = bk_lab_printf(out, "link set dev %s up promisc on\n", name);
		}
	return rc;
}

int bk_lab_script_node(const struct bk_lab_plan *p, enum bk_lab_node node, struct bk_buf *out)
{
	int rc = bk_lab_printf(out, "link set dev lo up\n");

	if (rc == 0 && node == BK_LAB_WIRE)
		return write_wire_node(p, out);
	for (size_t l = 0; rc == 0 && l < p->link_count; l++)
		for (int e = 0; rc == 0 && e < 2; e++)
			if (p->links[l].end[e].node == node)
				rc = write_interface(p, l, e, out);
	for (size_t i = 0; rc == 0 && i < p->route_count; i++) {
		const struct bk_lab_route *r = &p->routes[i];

		if (r->node == node)
			rc = bk_lab_printf(out, "route add %s via %s\n", r->to, r->via);
	}
	return rc;
}
