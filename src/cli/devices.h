/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_DEVICES_H
#define BK_CLI_DEVICES_H

#include <bodkin/group.h>
#include <bodkin/nat.h>

#include "apps/device.h"
#include "cli/devices_store.h"
#include "cli/frame.h"

/* The group of a person's own devices, joined: who is there, and whether he is who he says. */

/* A name with a key. Several programs of one device are one device. */
struct bk_cli_device {
	char name[BK_GROUP_NAME_MAX + 1]; /* harmless on a terminal */
	uint8_t key[BK_GROUP_KEY_LEN];
	bool is_us;
	enum bk_cli_device_verdict verdict;
	bool was_present;       /* of on_change: before it */
	bool is_news;           /* of on_change: what it says of itself is another thing than before */
	size_t programs;        /* 0: nothing of it is there any more */
	struct bk_device about; /* of all of them; with BK_DEVICE_PRESENT it is listed */
};

/* on_change and on_end are required. None comes from inside a call. */
struct bk_cli_devices_events {
	void (*on_open)(void *arg); /* on_change has told who is there */
	/* It came, left (programs 0), or says something else of itself; not of ourselves. */
	void (*on_change)(void *arg, const struct bk_cli_device *device);
	/* Whose verdict is BK_CLI_DEVICE_CHANGED is to be refused; that he called was said. */
	void (*on_call)(void *arg, const struct bk_cli_device *from, const char *purpose, const char *code);
	void (*on_unsent)(void *arg, uint32_t ticket, int error);
	/* Last. bk_cli_devices_done may be called from inside. */
	void (*on_end)(void *arg, int error, const char *text);
};

struct bk_cli_devices {
	struct bk_cli_frame *frame;
	const struct bk_cli_devices_events *events;
	void *arg;
	struct bk_cli_devices_store *store;
	struct bk_group *group;
	struct bk_nat_report *nat;
	struct bk_device about; /* ours */
	uint8_t key[BK_GROUP_KEY_LEN];
	bool has_key, is_open; /* ours is known */
	struct bk_cli_devices_member *members;
	size_t members_len, members_max;
};

/* Joins with what stands in *store, which must live as long; sessions of the frame get its name, too. So that its
 * server is used bk_cli_devices_use has been called. flags: BK_DEVICE_... of this program. */
int bk_cli_devices_start(struct bk_cli_devices *d, struct bk_cli_frame *f, struct bk_cli_devices_store *store,
	unsigned flags, const struct bk_cli_devices_events *events, void *arg,
	char ret_text[BK_CLI_TEXT_MAX]);
/* Where the group is, unless the command line says otherwise. Before bk_cli_frame_run; store must live as long as o. */
void bk_cli_devices_use(struct bk_cli_options *o, const struct bk_cli_devices_store *store);
void bk_cli_devices_leave(struct bk_cli_devices *d); /* on_end follows */
void bk_cli_devices_done(struct bk_cli_devices *d);  /* fine on a zeroed one, and twice */

/* Each of those that are there, in no order; index from 0 until false. Several calls of one state. */
bool bk_cli_devices_get(const struct bk_cli_devices *d, size_t index, struct bk_cli_device *ret_device);
/* The one with that name whose key is the remembered one. False: not there. */
bool bk_cli_devices_find(const struct bk_cli_devices *d, const char *name, struct bk_cli_device *ret_device);
/* Whether one with that key is listed, under whatever name. */
bool bk_cli_devices_is_present(const struct bk_cli_devices *d, const uint8_t key[BK_GROUP_KEY_LEN]);

#endif
