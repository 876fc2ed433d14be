/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_BY_NAME_H
#define BK_CLI_BY_NAME_H

#include "cli/devices.h"

/* A session with one of one's own devices, by its name: the devices' group is joined, the device looked for and waited
 * for, a code made that nobody sees, and the device called with it; each side holds the other to the key that is known
 * of it. */
struct bk_cli_by_name_opts {
	const char *name;    /* of the device; as long as the by_name */
	const char *purpose; /* of the call */
	unsigned needs;      /* BK_DEVICE_... of the one who is to hear it */
	const char *lacks;   /* for "NAME is there, but ...": what it does not, and what to do about it */
	/* f->session is for that device now: start the session by it. An error and its sentence end the command. */
	int (*on_found)(struct bk_cli_frame *f, char ret_text[BK_CLI_TEXT_MAX]);
};

struct bk_cli_by_name {
	struct bk_cli_frame *frame;
	struct bk_cli_by_name_opts opts;
	struct bk_cli_devices_store store;
	struct bk_cli_devices devices;
	struct bk_timer *limit, *silence;
	bool is_open, is_found;
	int64_t began;
	uint8_t key[BK_GROUP_KEY_LEN]; /* whose it is, once found */
	size_t programs;               /* of it, when it was called */
	char code[BK_GROUP_CALL_CODE_MAX + 1];
	const char *said; /* what was said last of why we wait */
};

/* Reads what is remembered, and has o use the server of the group: before bk_cli_frame_run. BK_E_NOT_FOUND and others,
 * with what goes behind "cannot ACT: ". */
int bk_cli_by_name_init(struct bk_cli_by_name *b, struct bk_cli_options *o, char ret_text[BK_CLI_TEXT_MAX]);
/* --timeout counts from here, for both the search and the session. */
int bk_cli_by_name_start(struct bk_cli_by_name *b, struct bk_cli_frame *f,
	const struct bk_cli_by_name_opts *opts, char ret_text[BK_CLI_TEXT_MAX]);
void bk_cli_by_name_done(struct bk_cli_by_name *b); /* fine on a zeroed one */

#endif
