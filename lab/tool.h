/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_TOOL_H
#define BK_LAB_TOOL_H

#include "base/buf.h"
#include "lab/plan.h"

#include <sys/types.h>

enum bk_lab_program {
	BK_LAB_IP,
	BK_LAB_NFT,
};

/* One run of `ip -batch -` or `nft -f -` in a node's namespace. */
struct bk_lab_tool {
	pid_t pid; /* 0: not running */
	int err_fd;
	enum bk_lab_program program;
	enum bk_lab_node node;
};

#define BK_LAB_PATH_MAX 512

/* On PATH, and where Debian has it although a user's PATH does not go there. False: nowhere. */
bool bk_lab_tool_find(const char *name, char ret_path[BK_LAB_PATH_MAX]);

/* BK_E_UNSUPPORTED, said, when ip or nft is not found. */
int bk_lab_tool_check(void);

/* Starts it with the script as its standard input; does not wait. */
int bk_lab_tool_start(struct bk_lab_tool *t, enum bk_lab_program program, enum bk_lab_node node,
	const struct bk_buf *script);

/* Waits for its end. BK_E_IO when it failed; unless `quiet`, its first line of complaint is said. */
int bk_lab_tool_wait(struct bk_lab_tool *t, bool quiet);

#endif
