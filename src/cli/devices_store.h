/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_DEVICES_STORE_H
#define BK_CLI_DEVICES_STORE_H

#include <bodkin/group.h>

#include "cli/options.h"

/* What this machine remembers of the group of its person's own devices: devices.json in the state folder, 0600. Whoever
 * changes it holds the folder's lock and begins with what stands there by then. */
enum { BK_CLI_DEVICES_KNOWN_MAX = 1024, BK_CLI_DEVICES_SERVER_MAX = 512 };

struct bk_cli_known_device {
	char name[BK_GROUP_NAME_MAX + 1];
	uint8_t key[BK_GROUP_KEY_LEN];
};

struct bk_cli_devices_store {
	char dir[4096]; /* "": nothing of it is written (yet) */
	char invite[BK_GROUP_INVITE_MAX];
	char server[BK_CLI_DEVICES_SERVER_MAX]; /* where the group is; "": on the LAN */
	char name[BK_GROUP_NAME_MAX + 1];       /* this machine's */
	struct bk_cli_known_device *known;
	size_t known_len;
};

/* A key and a name: may he be who he says? */
enum bk_cli_device_verdict {
	BK_CLI_DEVICE_KNOWN,
	BK_CLI_DEVICE_NEW, /* seen for the first time, and remembered from now on */
	BK_CLI_DEVICE_CHANGED, /* it has another key, or there is no room for one more: refused, until one is forgotten */
};

/* BK_E_NOT_FOUND: this machine is in no group; ret_text goes behind "cannot ACT: " and says what to do. Other errors:
 * what is there cannot be read. *ret_store is all zero then; bk_cli_devices_store_done is due after success. */
int bk_cli_devices_store_load(
	struct bk_cli_devices_store *ret_store, const char *state_dir, char ret_text[BK_CLI_TEXT_MAX]);
void bk_cli_devices_store_done(struct bk_cli_devices_store *s); /* fine on a zeroed one, and twice */

/* Another group, of which nobody is known yet: what was remembered of a group before goes, of the same one it stays. */
int bk_cli_devices_store_make(const char *state_dir, const char *invite, const char *server, const char *name,
	char ret_text[BK_CLI_TEXT_MAX]);
int bk_cli_devices_store_rename(
	struct bk_cli_devices_store *s, const char *name, char ret_text[BK_CLI_TEXT_MAX]);
/* BK_E_NOT_FOUND: nobody of that name is known. */
int bk_cli_devices_store_forget(
	struct bk_cli_devices_store *s, const char *name, char ret_text[BK_CLI_TEXT_MAX]);

/* Where writing fails, or this machine has gone to another group meanwhile, a new one is taken for this time alone. */
enum bk_cli_device_verdict bk_cli_devices_store_meet(
	struct bk_cli_devices_store *s, const char *name, const uint8_t key[BK_GROUP_KEY_LEN]);
bool bk_cli_devices_store_knows(const struct bk_cli_devices_store *s, const char *name);

/* 1 to BK_GROUP_NAME_MAX bytes that a terminal and a command line bear; else a sentence. */
int bk_cli_devices_check_name(const char *name, char ret_text[BK_CLI_TEXT_MAX]);
/* As a person may copy it into a shell, whatever others have chosen. Returns out. */
enum { BK_CLI_DEVICES_QUOTED_MAX = 4 * BK_GROUP_NAME_MAX + 3 };
const char *bk_cli_devices_quote(const char *name, char out[BK_CLI_DEVICES_QUOTED_MAX]);
/* This machine's name, when nobody has chosen one: the host's, up to its first dot. */
void bk_cli_devices_usual_name(char ret_name[BK_GROUP_NAME_MAX + 1]);

#endif
