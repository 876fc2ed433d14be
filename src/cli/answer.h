/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_ANSWER_H
#define BK_CLI_ANSWER_H

#include "cli/devices.h"

/* Who is there for `ping NAME`: calls of that purpose from one's own devices are answered, several at once. Nothing is
 * said of it but for -v. */
enum { BK_CLI_ANSWERS_MAX = 8, BK_CLI_ANSWERS_EACH_MAX = 2 }; /* of one device */

struct bk_cli_answers {
	struct bk_cli_frame *frame;
	struct bk_cli_answer *list[BK_CLI_ANSWERS_MAX];
};

void bk_cli_answers_init(struct bk_cli_answers *a, struct bk_cli_frame *f);
/* True: it was a call for a ping, whatever became of it. */
bool bk_cli_answers_take(
	struct bk_cli_answers *a, const struct bk_cli_device *from, const char *purpose, const char *code);
void bk_cli_answers_done(struct bk_cli_answers *a); /* fine on a zeroed one */

#endif
