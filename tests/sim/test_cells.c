/* SPDX-License-Identifier: Apache-2.0 */

/* Every cell of the matrix: each pair of the laboratory's NATs, over UDP, TCP or both, with filters that were looked at
 * and not, polite and not. What the plan promises is what the two NATs allow, by RFC 4787's words for them alone, and
 * what a relayed one is told names whose NAT it is and what would help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lab/nat_types.h"
#include "learn.h"
#include "punch/chance.h"
#include "punch/explain.h"

enum over { OVER_BOTH, OVER_UDP, OVER_TCP, OVERS };
enum promise { NEVER, UNSURE, GUESS, SURE };

struct side {
	const struct bk_lab_nat_type *type;
	bool is_polite;
	struct bk_intro intro;
};

struct cell {
	struct side own, peer;
	enum over over;
	bool is_filter_unknown;
};

/* --- what physics says --- */

static bool is_dependent(const struct side *s)
{
	return s->type->mapping != BK_LAB_ENDPOINT_INDEPENDENT;
}

static bool is_reachable(const struct cell *c, const struct side *s)
{
	return !s->type->translates ||
	       (!c->is_filter_unknown && s->type->filtering == BK_LAB_ENDPOINT_INDEPENDENT);
}

/* Without guessing: a packet from any port of the other side comes in here, or it comes from a known one. */
static enum promise of_punching(const struct cell *c)
{
	const struct side *easy = is_dependent(&c->own) ? &c->peer : &c->own;

	if (is_reachable(c, &c->own) || is_reachable(c, &c->peer))
		return SURE;
	if (is_dependent(&c->own) && is_dependent(&c->peer))
		return NEVER;
	if (!is_dependent(&c->own) && !is_dependent(&c->peer))
		return SURE;
	if (c->is_filter_unknown)
		return UNSURE;
	return easy->type->filtering == BK_LAB_ADDRESS_AND_PORT_DEPENDENT ? NEVER : SURE;
}

/* Over UDP one of two ports can be guessed, and two where both are in sequence. */
static enum promise of_guessing(const struct cell *c)
{
	if (of_punching(c) == SURE)
		return NEVER;
	if (is_dependent(&c->own) && is_dependent(&c->peer))
		return sim_nat_is_sequence(c->own.type) && sim_nat_is_sequence(c->peer.type) ? GUESS : NEVER;
	return GUESS;
}

/* Over TCP alone it is the next port of one sequence. */
static enum promise of_guessing_over_tcp(const struct cell *c)
{
	const struct side *hard = is_dependent(&c->own) ? &c->own : &c->peer;

	if (of_punching(c) == SURE || is_dependent(&c->own) == is_dependent(&c->peer))
		return NEVER;
	return sim_nat_is_sequence(hard->type) ? GUESS : NEVER;
}

static enum promise of_guess(const struct cell *c)
{
	return c->over == OVER_TCP ? of_guessing_over_tcp(c) : of_guessing(c);
}

static bool is_anybody_polite(const struct cell *c)
{
	return c->own.is_polite || c->peer.is_polite;
}

static enum promise promise_of(const struct cell *c)
{
	enum promise punching = of_punching(c), guessing = NEVER;

	if (!is_anybody_polite(c))
		guessing = of_guess(c);
	return punching > guessing ? punching : guessing;
}

/* --- what is said --- */

static const struct bk_technique *relay(void)
{
	size_t i = 0;

	while (!bk_techniques[i]->method->is_relay)
		i++;
	return bk_techniques[i];
}

static void has(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("'%s' is not in '%s'", words, text);
}

static void has_not(const char *text, const char *words)
{
	if (strstr(text, words))
		fail_msg("'%s' is in '%s'", words, text);
}

static void names_the_cause(const struct cell *c, const char *text)
{
	bool own = is_dependent(&c->own), peer = is_dependent(&c->peer);

	has_not(text, "firewall");
	if (own && peer)
		has(text, "both NATs give every connection a new port");
	else if (own)
		has(text, "your NAT gives every connection a new port and the other side's NAT ");
	else
		has(text, "the other side's NAT gives every connection a new port and your NAT ");
	if (own != peer)
		has(text, c->is_filter_unknown ? "seems to let in only ports it has called"
					       : "only lets in ports it has called");
}

/* Of the transports that there were, and no others. */
static void names_the_next_step(const struct cell *c, const char *text)
{
	has(text, "a port mapping on either router");
	has(text, "IPv6 would help");
	(c->over == OVER_TCP ? has : has_not)(text, "router, UDP or IPv6");
}

/* Only where it is because of that. */
static void names_who_is_polite(const struct cell *c, const char *text)
{
	if (of_guess(c) != GUESS || !is_anybody_polite(c))
		has_not(text, "--polite");
	else if (c->own.is_polite && c->peer.is_polite)
		has(text, "guessing ports, which neither side wants (--polite), ");
	else
		has(text, c->own.is_polite
				  ? "guessing ports, which this side does not want (--polite), "
				  : "guessing ports, which the other side does not want (--polite), ");
}

static void check_relayed(const struct cell *c, const struct bk_pair *pair)
{
	static const char *const nothing[] = {
		[OVER_BOTH] = "neither UDP nor TCP connects these two",
		[OVER_UDP] = "no UDP technique connects these two",
		[OVER_TCP] = "no TCP technique connects these two",
	};
	static const char *const tried[] = {[OVER_BOTH] = "tried over UDP and TCP",
		[OVER_UDP] = "tried over UDP ",
		[OVER_TCP] = "tried over TCP "};
	char text[BK_EXPLAIN_PATH_MAX];

	bk_explain_path(relay(), pair, bk_techniques, 0, text);
	has(text, "relayed by the server: ");
	if (promise_of(c) == GUESS) {
		has(text, "the port is being guessed meanwhile, with a chance of ");
		has_not(text, "100.0 %");
		return;
	}
	if (promise_of(c) == SURE) {
		has(text, "none came about in time: a firewall on the way");
		return;
	}
	names_the_cause(c, text);
	names_the_next_step(c, text);
	names_who_is_polite(c, text);
	has(text, promise_of(c) == NEVER ? nothing[c->over] : tried[c->over]);
}

static void check_direct(const struct bk_technique *t, const struct bk_pair *pair)
{
	double chance = bk_chance_of_technique(t, pair);
	char text[BK_EXPLAIN_PATH_MAX], words[BK_CHANCE_STR_MAX];

	bk_explain_path(t, pair, bk_techniques, 0, text);
	has(text, t->method->transport == BK_TRANSPORT_UDP ? "direct over UDP" : "direct over TCP");
	if (!t->chance)
		return;
	has(text, t->name);
	has(text, bk_chance_to_str(chance, words));
}

/* --- all of them --- */

static void check(const struct cell *c)
{
	const struct bk_pair pair = {.own = &c->own.intro, .peer = &c->peer.intro};
	double chance = bk_chance_of_pair(&pair, bk_techniques);

	switch (promise_of(c)) {
	case NEVER:
		assert_true(chance == 0);
		break;
	case UNSURE:
		assert_true(chance == BK_CHANCE_UNKNOWN);
		break;
	case GUESS:
		assert_true(chance > 0.9 && chance < 1);
		break;
	case SURE:
		assert_true(chance == 1);
		break;
	}
	check_relayed(c, &pair);
	for (size_t i = 0; bk_techniques[i]; i++)
		if (bk_techniques[i]->fits && bk_techniques[i]->fits(bk_techniques[i], &pair))
			check_direct(bk_techniques[i], &pair);
}

static void learn(struct sim_side *from, const struct cell *c, struct side *s)
{
	s->intro = (struct bk_intro){0};
	if (c->over != OVER_UDP)
		sim_learn_tcp(from, c->is_filter_unknown, &s->intro);
	if (c->over != OVER_TCP)
		sim_learn_udp(from, c->is_filter_unknown, &s->intro);
	if (s->is_polite)
		s->intro.capabilities &= ~(uint32_t)BK_INTRO_GUESSES;
}

static void check_all_ways(struct cell *c)
{
	struct sim_net *net = sim_net_new(c->own.type->name, c->peer.type->name, SIM_DROP, 1);

	for (unsigned i = 0; i < OVERS * 8; i++) {
		c->over = (enum over)(i % OVERS);
		c->is_filter_unknown = i / OVERS & 1;
		c->own.is_polite = i / OVERS & 2;
		c->peer.is_polite = i / OVERS & 4;
		learn(&net->sides[0], c, &c->own);
		learn(&net->sides[1], c, &c->peer);
		check(c);
	}
	sim_net_free(net);
}

static void every_cell_is_promised_what_it_can_have_and_told_why_it_is_relayed(void **state)
{
	struct cell c = {0};

	(void)state;
	for (size_t a = 0; (c.own.type = bk_lab_nat_type_at(a)); a++)
		for (size_t b = 0; (c.peer.type = bk_lab_nat_type_at(b)); b++)
			check_all_ways(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_is_promised_what_it_can_have_and_told_why_it_is_relayed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
