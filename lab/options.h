/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_OPTIONS_H
#define BK_LAB_OPTIONS_H

#include "lab/nat_types.h"
#include "lab/with.h"

#include <stdbool.h>

#define BK_LAB_NAME_MAX 32 /* with the terminating zero */

enum bk_lab_answer {
	BK_LAB_DROP,
	BK_LAB_REJECT,
	BK_LAB_RESET,
	BK_LAB_ACCEPT,
};

/* What `lab up` was asked for; lab.h says what the numbers mean. */
struct bk_lab_options {
	const struct bk_lab_nat_type *type[2]; /* of a and of b */
	enum bk_lab_answer answer;
	double delay_ms, jitter_ms, loss_percent, rate_mbit; /* 0: none */
	struct bk_lab_with with[2];                          /* likewise */
	bool replace;
	bool json;
	char name[BK_LAB_NAME_MAX];
};

const char *bk_lab_answer_name(enum bk_lab_answer a);

/* "default" or $BODKIN_LAB_NAME, everything else zero. BK_E_INVALID, said, when that name is not usable. */
int bk_lab_options_init(struct bk_lab_options *o);

/* Takes one option in argv[*i] ("--x=v", or "--x" "v": then *i moves on). BK_E_INVALID, said, for one that is
 * unknown or out of range. */
int bk_lab_options_take(struct bk_lab_options *o, int argc, char **argv, int *i);

/* The same by name and value, as the state file has them ("a", "answer", "delay", ...). */
int bk_lab_options_set(struct bk_lab_options *o, const char *name, const char *value);

/* BK_E_INVALID, said, for what does not go together. */
int bk_lab_options_check(const struct bk_lab_options *o);

/* Whether a wire has to carry the frames, or plain links do. */
bool bk_lab_options_shaped(const struct bk_lab_options *o);

#endif
