/* SPDX-License-Identifier: Apache-2.0 */
/* A NAT report in words. A person gets the classic type first, then what it is made of, then what it means;
 * a script gets all of it in one object. */
#include "cli/report_nat.h"

#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_LEN = 256, PEER_WIDTH = 46, INDENT = 5 };

/* --- for a script --- */

static json_t *text_or_null(const char *s)
{
	return *s ? json_string(s) : json_null();
}

static json_t *yes_no_or_null(int answer)
{
	return answer < 0 ? json_null() : json_boolean(answer);
}

static json_t *side_object(const struct bk_nat_side *s)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "type", s->type, "mapping", s->mapping,
		"filtering", s->filtering, "allocation", s->allocation, "public", text_or_null(s->public_),
		"local", text_or_null(s->local), "hairpin", yes_no_or_null(s->hairpin));

	if (o && *s->why)
		json_object_set_new(o, "why", json_string(s->why));
	if (o && s->delta)
		json_object_set_new(o, "delta", json_integer(s->delta));
	if (o && s->port_max)
		json_object_set_new(o, "ports", json_pack("[i, i]", (int)s->port_min, (int)s->port_max));
	return o;
}

static json_t *outlook_array(const struct bk_nat_result *n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n->outlook_len; i++)
		json_array_append_new(
			all, json_pack("{s:s, s:s, s:b}", "peer", n->outlook[i].peer, "expectation",
				     n->outlook[i].expectation, "direct", n->outlook[i].is_direct));
	return all;
}

static json_t *lifetime_object(const struct bk_nat_result *n)
{
	if (!n->lifetime_min_s && !n->lifetime_max_s)
		return json_null();
	return json_pack("{s:i, s:o}", "min", n->lifetime_min_s, "max",
		n->lifetime_max_s ? json_integer(n->lifetime_max_s) : json_null());
}

static json_t *router_object(const struct bk_nat_result *n)
{
	if (!*n->router)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "address", n->router, "pcp",
		yes_no_or_null(n->pcp), "natpmp", yes_no_or_null(n->natpmp), "upnp", yes_no_or_null(n->upnp),
		"pcp6", yes_no_or_null(n->pcp6), "outside", text_or_null(n->router_outside), "nested",
		yes_no_or_null(n->router_nested));
}

static json_t *report_object(const struct bk_nat_result *n)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:f, s:o, s:o}", "udp", side_object(&n->udp),
		"tcp", side_object(&n->tcp), "ipv6", *n->ipv6.local ? side_object(&n->ipv6) : json_null(),
		"stacked", yes_no_or_null(n->stacked), "stacked_at", text_or_null(n->stacked_at), "lifetime",
		lifetime_object(n), "rtt_ms", n->rtt_ms, "elapsed_ms", n->elapsed_ms, "outlook",
		outlook_array(n), "router", router_object(n));
}

/* --- for a person --- */

static void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void print(const char *fmt, ...)
{
	char line[LINE_MAX_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	bk_cli_output_put(BK_CLI_STDOUT, BK_CLI_VERDICT, "%s\n", line);
}

/* The width of a person's terminal; a file has no edge. */
static unsigned columns(void)
{
	return isatty(STDOUT_FILENO) ? bk_cli_report_window().columns : UINT_MAX;
}

/* Parts that belong to one thing, with ", " between, in as many lines as the window needs. */
static void print_parts(const char *const *parts, size_t n)
{
	char line[LINE_MAX_LEN] = "     ";
	size_t len = strlen(line);

	for (size_t i = 0; i < n; i++) {
		if (len > INDENT && len + strlen(parts[i]) + 2 >= columns()) {
			print("%s,", line);
			len = (size_t)snprintf(line, sizeof(line), "     ");
		}
		len += (size_t)snprintf(
			line + len, sizeof(line) - len, "%s%s", len > INDENT ? ", " : " ", parts[i]);
	}
	print("%s", line);
}

static bool is_known(const char *word)
{
	return strcmp(word, "unknown") != 0;
}

static void describe_ports(const struct bk_nat_side *s, char out[LINE_MAX_LEN])
{
	if (!strcmp(s->allocation, "preserving"))
		snprintf(out, LINE_MAX_LEN, "keeps ports");
	else if (!strcmp(s->allocation, "sequential"))
		snprintf(out, LINE_MAX_LEN, "ports in sequence, step %d", s->delta);
	else
		snprintf(out, LINE_MAX_LEN, "%s ports", s->allocation);
}

static void print_side(const char *name, const struct bk_nat_side *s)
{
	char ports[LINE_MAX_LEN], mapping[64], filtering[64];

	if (*s->public_)
		print("%-5s %s, seen as %s", name, s->type, s->public_);
	else if (*s->why)
		print("%-5s not learnt: %s", name, s->why);
	else
		print("%-5s %s", name, is_known(s->type) ? s->type : "not tested");
	if (!*s->public_)
		return;
	describe_ports(s, ports);
	snprintf(mapping, sizeof(mapping), "mapping %s", s->mapping);
	snprintf(filtering, sizeof(filtering), "filtering %s",
		is_known(s->filtering) ? s->filtering : "not learnt (see --alt-addr)");
	print_parts(
		(const char *const[]){mapping, filtering, ports, s->hairpin > 0 ? "hairpin" : "no hairpin"},
		s->hairpin < 0 ? 3 : 4);
}

static void print_lifetime(const struct bk_nat_result *n)
{
	if (n->lifetime_max_s)
		print("An idle mapping lives between %d and %d seconds.", n->lifetime_min_s,
			n->lifetime_max_s);
	else if (n->lifetime_min_s)
		print("An idle mapping lives %d seconds and more.", n->lifetime_min_s);
}

static void print_router(const struct bk_nat_result *n)
{
	const char *const protocols[] = {n->pcp > 0 ? "PCP" : NULL, n->natpmp > 0 ? "NAT-PMP" : NULL,
		n->upnp > 0 ? "UPnP" : NULL, n->pcp6 > 0 ? "PCP over IPv6" : NULL};
	char line[LINE_MAX_LEN] = "";
	size_t len = 0;

	if (!*n->router)
		return;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (protocols[i])
			len += (size_t)snprintf(
				line + len, sizeof(line) - len, "%s%s", len ? ", " : "", protocols[i]);
	print("Ports the router %s %s%s", n->router,
		len ? "gives them when asked by " : "gives none by PCP, NAT-PMP or UPnP", line);
	if (n->router_nested > 0)
		print("      but outside it is %s, behind another NAT", n->router_outside);
}

/* Below each other where they do not fit beside each other. */
static void print_prospect(const struct bk_nat_outlook *o)
{
	if (PEER_WIDTH + 3 + strlen(o->expectation) < columns())
		print("  %-*s %s", PEER_WIDTH, o->peer, o->expectation);
	else
		print("  %s\n    %s", o->peer, o->expectation);
}

static void print_text(const struct bk_nat_result *n)
{
	print_side("UDP", &n->udp);
	print_side("TCP", &n->tcp);
	if (*n->ipv6.public_)
		print_side("IPv6", &n->ipv6);
	else
		print("IPv6  %s", *n->ipv6.local ? "here, but the server does not answer over it" : "none");
	if (n->stacked > 0)
		print("Behind this NAT probably stands another one (%s).", n->stacked_at);
	print_lifetime(n);
	print_router(n);
	print("\nOver UDP, to a peer that is");
	for (size_t i = 0; i < n->outlook_len; i++)
		print_prospect(&n->outlook[i]);
}

void bk_cli_report_nat(struct bk_cli_report *r, const struct bk_nat_result *n)
{
	if (r->is_json)
		bk_cli_report_event(r, BK_CLI_VERDICT, "nat", report_object(n));
	else if (r->is_quiet)
		print("%s", n->udp.type);
	else
		print_text(n);
}
