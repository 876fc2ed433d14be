/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_APPS_DEVICE_H
#define BK_APPS_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* What a device says of itself to the others of one person, on its card of their group (docs/protocol/groups.md,
 * "Devices"). Pure. */
enum { BK_DEVICE_ADDRESSES_MAX = 8, BK_DEVICE_ABOUT_MAX = 8 + BK_DEVICE_ADDRESSES_MAX * 17 };

enum bk_device_flag {
	BK_DEVICE_PRESENT = 1,  /* it is to be listed; without it, it only passes by: to look, or to send */
	BK_DEVICE_RECEIVES = 2, /* a call "files" is answered */
	BK_DEVICE_ANSWERS = 4,  /* a call "ping" is answered */
};

struct bk_device {
	uint8_t flags;  /* those that are not known stay as they are */
	uint32_t since; /* seconds since 1970, by its own clock */
	const char *nat_udp,
		*nat_tcp; /* a type as <bodkin/nat.h> names it, one of ours; NULL: not found out */
	struct bk_addr addresses[BK_DEVICE_ADDRESSES_MAX]; /* in its LANs, without port */
	size_t addresses_len;
};

/* Returns how many bytes it is. A type that is none is not found out. */
size_t bk_device_encode(const struct bk_device *d, uint8_t ret_about[BK_DEVICE_ABOUT_MAX]);
/* BK_E_MALFORMED: it is nothing that is known. What follows behind it is of a later version, and skipped. */
int bk_device_decode(const void *about, size_t n, struct bk_device *ret_device);

#endif
