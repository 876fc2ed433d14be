/* SPDX-License-Identifier: Apache-2.0 */

/* Connects two machines in virtual time, by the engines that a session has, once for each line that it reads, and
 * says in a line how that ended. bench/study.py makes the lines and makes sense of what comes back.
 *
 * In: the NAT type, the router's answer to who is unasked, other flows a second behind it, and flags of a and then of
 * b; the delay one way in us, the loss, the age of what was learnt in us; the rows that are left out, "a,b" or "-"; the
 * seed. A flag is a letter: o(pens ports), 6 (has IPv6), t(cp alone: UDP is blocked); "-": none. A row is left out by
 * its name, by its transport, or by both: "predict", "tcp", "predict/udp".
 *
 * Out: the technique's name and transport, or "-" twice; us until both had a path or gave up; packets of a, of b. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/race_story.h"

enum { LINE_MAX_LEN = 512, WORD_MAX = 64, ROWS_MAX = 32 };

struct side_words {
	char type[WORD_MAX], answer[WORD_MAX], flags[WORD_MAX];
	double noise;
};

struct line {
	struct side_words sides[2];
	int64_t delay_us, age_us;
	double loss;
	char left_out[2 * WORD_MAX];
	uint64_t seed;
};

static bool read_line(const char *text, struct line *l)
{
	struct side_words *a = &l->sides[0], *b = &l->sides[1];

	return sscanf(text,
		       "%63s %63s %lf %63s %63s %63s %lf %63s %" SCNd64 " %lf %" SCNd64 " %127s %" SCNu64,
		       a->type, a->answer, &a->noise, a->flags, b->type, b->answer, &b->noise, b->flags,
		       &l->delay_us, &l->loss, &l->age_us, l->left_out, &l->seed) == 13;
}

static bool is_in_list(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len) {
		bool begins = at == list || at[-1] == ',', ends = at[len] == '\0' || at[len] == ',';

		if (begins && ends)
			return true;
	}
	return false;
}

static const char *transport_of(const struct bk_technique *t)
{
	return t->method->transport == BK_TRANSPORT_TCP ? "tcp" : "udp";
}

static bool is_left_out(const struct bk_technique *t, const char *list)
{
	char both[WORD_MAX];

	snprintf(both, sizeof(both), "%s/%s", t->name, transport_of(t));
	return !t->method->is_relay &&
	       (is_in_list(list, t->name) || is_in_list(list, transport_of(t)) || is_in_list(list, both));
}

static void choose_rows(const char *left_out, const struct bk_technique *ret_rows[ROWS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; bk_techniques[i] && n < ROWS_MAX - 1; i++) {
		if (!is_left_out(bk_techniques[i], left_out))
			ret_rows[n++] = bk_techniques[i];
	}
	ret_rows[n] = NULL;
}

static struct sim_race_side side_of(const struct side_words *w)
{
	return (struct sim_race_side){
		.answer = sim_answer_from_name(w->answer),
		.opens = strchr(w->flags, 'o'),
		.has_ip6 = strchr(w->flags, '6'),
		.is_udp_blocked = strchr(w->flags, 't'),
		.noise = w->noise,
	};
}

/* Where one side guessed, or was guessed, that connected them. */
static const struct bk_technique *technique_of(const struct sim_race_ending *e)
{
	for (int i = 0; i < 2; i++) {
		if (e->told[i]->chance)
			return e->told[i];
	}
	return e->technique;
}

static void run(const struct line *l)
{
	const struct bk_technique *rows[ROWS_MAX];
	struct sim_race_story s = {
		.rows = rows,
		.a = l->sides[0].type,
		.b = l->sides[1].type,
		.sides = {side_of(&l->sides[0]), side_of(&l->sides[1])},
		.delay = l->delay_us * BK_US,
		.age = l->age_us * BK_US,
		.loss = l->loss,
		.timer_slack = BK_MS,
		.filtering_unknown = true, /* as usual: nobody waits for that test */
		.b_controls = l->seed % 2,
		.seed = l->seed,
	};
	struct sim_race_ending e;

	choose_rows(l->left_out, rows);
	sim_race_story_run(&s, &e);
	if (e.is_direct)
		printf("%s %s", technique_of(&e)->name, transport_of(technique_of(&e)));
	else
		printf("- -");
	printf(" %" PRId64 " %u %u\n", e.elapsed / BK_US, e.sent[0], e.sent[1]);
}

int main(void)
{
	char text[LINE_MAX_LEN];
	struct line l;

	while (fgets(text, sizeof(text), stdin)) {
		if (!read_line(text, &l)) {
			fprintf(stderr, "study_pairs: cannot read: %s", text);
			return 2;
		}
		run(&l);
	}
	return 0;
}
