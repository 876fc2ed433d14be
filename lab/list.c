/* SPDX-License-Identifier: Apache-2.0 */
/* The table of scenarios as text, so that a test outside the program runs the same rows and none is written
 * twice. The names are our own and need no escaping. */
#include "lab/list.h"

#include "lab/scenarios.h"

#include <stdio.h>

static void print_json(const struct bk_lab_scenario *s)
{
	printf("{\"a\":\"%s\",\"b\":\"%s\",\"transport\":\"%s\",\"answer\":\"%s\",\"delay_ms\":%d,"
	       "\"loss_percent\":%d,\"expected\":\"%s\",\"runs\":%d,\"min_direct_percent\":%d,"
	       "\"median_max_ms\":%d}\n",
		s->a, s->b, s->transport, s->answer, s->delay_ms, s->loss_percent, s->expected, s->runs,
		s->min_direct_percent, s->median_max_ms);
}

static void print(const struct bk_lab_scenario *s)
{
	printf("%-11s %-11s %s, routers %s, %d ms, %d %% lost: %s", s->a, s->b, s->transport, s->answer,
		s->delay_ms, s->loss_percent, s->expected);
	if (s->min_direct_percent > 0)
		printf(" in %d %% of %d", s->min_direct_percent, s->runs);
	putchar('\n');
}

void bk_lab_list_print(bool json)
{
	const struct bk_lab_scenario *s;

	for (size_t i = 0; (s = bk_lab_scenario_at(i)); i++)
		if (json)
			print_json(s);
		else
			print(s);
}
