/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_SPEAKER_H
#define BK_LAB_SPEAKER_H

#include "lab/plan.h"

#include <jansson.h>
#include <sys/types.h>

/* This very program, run once more on a node of a lab that the caller holds, and the events that it writes with
 * --json. It ends with its starter, whatever ends that one. */
#define BK_LAB_SPEAKER_LINE 16384

struct bk_lab_speaker {
	pid_t pid; /* 0: none */
	int fd;
	size_t len;
	char line[BK_LAB_SPEAKER_LINE];
};

/* argv as for execv, without the program. The environment is small, and no folder of the user's is used. */
int bk_lab_speaker_start(struct bk_lab_speaker *s, enum bk_lab_node node, const char *const *argv);

/* The next event that has come, for the caller to json_decref. NULL: none now; *ret_over: and none will. */
json_t *bk_lab_speaker_next(struct bk_lab_speaker *s, bool *ret_over);

/* Ends it without a word; fine on one that was not started. */
void bk_lab_speaker_end(struct bk_lab_speaker *s);

#endif
