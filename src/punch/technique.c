/* SPDX-License-Identifier: Apache-2.0 */

/* What can be said of any rows. The rows themselves are in rows.c. */

#include "punch/technique.h"

#include "base/assert.h"

const struct bk_technique *bk_technique_fitting(
	const struct bk_pair *pair, const struct bk_technique *const *rows, enum bk_transport t)
{
	for (; *rows; rows++) {
		if ((*rows)->method->transport == t && !(*rows)->method->is_relay && (*rows)->fits &&
			(*rows)->fits(*rows, pair))
			return *rows;
	}
	return NULL;
}

const struct bk_technique *bk_technique_guessing(
	const struct bk_pair *pair, const struct bk_technique *const *rows)
{
	while (*rows && !((*rows)->chance && (*rows)->fits(*rows, pair)))
		rows++;
	return *rows;
}

bool bk_pair_is_hopeful(const struct bk_pair *pair, const struct bk_technique *const *rows)
{
	return bk_technique_fitting(pair, rows, BK_TRANSPORT_UDP) ||
	       bk_technique_fitting(pair, rows, BK_TRANSPORT_TCP);
}

uint8_t bk_method_opener_ttl(const struct bk_method_opts *opts)
{
	return opts->hops ? (uint8_t)(opts->hops + 1) : 0;
}

const struct bk_technique *bk_technique_by_look(const struct bk_plan *plan, const struct bk_addr *remote)
{
	const struct bk_technique *last = NULL;

	for (const struct bk_technique *const *row = plan->rows; *row; row++) {
		if ((*row)->method != plan->method)
			continue;
		last = *row;
		if (last->looks_like && last->looks_like(remote))
			return plan->guest && plan->guest->rank <= last->rank ? plan->guest : last;
	}
	bk_assert(last); /* a plan is made of a method's rows */
	return last;
}

const struct bk_technique *bk_technique_at_door(
	const struct bk_plan *plan, const struct bk_networks *networks, const struct bk_addr *from)
{
	const struct bk_technique *first = NULL;

	if (plan->guest && from->family == 4 && bk_addr_realm(from) == BK_ADDR_PUBLIC)
		return plan->guest;
	if (from->family == 4 && bk_addr_realm(from) == BK_ADDR_PUBLIC && !bk_networks_have(networks, from))
		return bk_technique_by_look(plan, from);
	for (const struct bk_technique *const *row = plan->rows; *row; row++) {
		if ((*row)->method != plan->method || !(*row)->is_host)
			continue;
		if (!bk_addr_is_private(from) && (*row)->looks_like && (*row)->looks_like(from))
			return *row;
		first = first ? first : *row;
	}
	return first ? first : bk_technique_by_look(plan, from);
}

const struct bk_technique *bk_technique_of(const struct bk_plan *plan, const struct bk_action *report)
{
	if (report->report >= 0 && (size_t)report->report < plan->attempts_len)
		return plan->attempts[report->report].technique;
	for (size_t i = 0; i < plan->attempts_len; i++)
		if (!plan->attempts[i].ports.len && bk_addr_equal(&plan->attempts[i].remote, &report->remote))
			return plan->attempts[i].technique;
	for (size_t i = 0; i < plan->attempts_len; i++) /* a port that was guessed */
		if (plan->attempts[i].ports.len &&
			bk_addr_equal_ip(&plan->attempts[i].remote, &report->remote))
			return plan->attempts[i].technique;
	return bk_technique_by_look(plan, &report->remote);
}

const struct bk_technique *bk_technique_found(
	const struct bk_plan *plan, const void *engine, const struct bk_action *report)
{
	const struct bk_way way = {report->id, report->remote};
	const struct bk_technique *t = NULL;

	if (report->report < 0 && plan->method->technique)
		t = plan->method->technique(engine, &way);
	return t ? t : bk_technique_of(plan, report);
}
