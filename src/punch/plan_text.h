/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_PLAN_TEXT_H
#define BK_PUNCH_PLAN_TEXT_H

#include "punch/plan.h"

/* Inside punch: fills p->why from the finished rest of the plan. */
void bk_plan_explain(const struct bk_intro *own, const struct bk_intro *peer, enum bk_path_policy policy,
	struct bk_plan *p);
void bk_plan_explain_udp(const struct bk_intro *own, const struct bk_intro *peer, struct bk_plan *p);

#endif
