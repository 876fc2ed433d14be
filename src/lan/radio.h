/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_RADIO_H
#define BK_LAN_RADIO_H

#include <bodkin/loop.h>

#include "base/addr.h"

/* Short datagrams to everybody on every LAN of this machine: IPv4 multicast and broadcast, IPv6 multicast, one hop
 * far. Interfaces may come and go. */
struct bk_radio;

enum {
	BK_RADIO_PORT = 15007,
	BK_RADIO_LEN_MAX = 64,
	BK_RADIO_TEXT_MAX = 256,
};

struct bk_radio_opts {
	uint16_t port; /* everybody's */
	/* Names with blanks or commas between; "": all that are up, but those that the machine made for itself
	 * (containers, virtual machines), tunnels, and, where there is another one, loopback. Borrowed. */
	const char *interfaces;
};

struct bk_radio_events {
	/* From the loop; `from` is a machine in a network of ours, or one that was asked by its address. Nothing
	 * of the radio may be freed inside. */
	void (*on_datagram)(void *arg, const struct bk_addr *from, const uint8_t *data, size_t len);
	/* The interfaces are others than before. */
	void (*on_moved)(void *arg);
};

/* Without any interface it is no error: one may come. */
int bk_radio_new(struct bk_loop *loop, const struct bk_radio_opts *opts, const struct bk_radio_events *events,
	void *arg, struct bk_radio **ret_radio);
void bk_radio_free(struct bk_radio *r); /* NULL is fine */

void bk_radio_shout(struct bk_radio *r, const void *data, size_t len);
/* To one who has asked. */
void bk_radio_answer(struct bk_radio *r, const struct bk_addr *to, const void *data, size_t len);
/* To every program of this machine, over loopback. */
void bk_radio_pass(struct bk_radio *r, const void *data, size_t len);
/* Somebody by his address: what comes from there is heard from now on. At most BK_RADIO_PEERS_MAX of them, the first
 * ones. */
enum { BK_RADIO_PEERS_MAX = 8 };
void bk_radio_call(struct bk_radio *r, const struct bk_addr *to, const void *data, size_t len);

/* For a person: "eth0 (IPv4, IPv6), wlan0 (IPv4)"; "": on none. Returns out. */
const char *bk_radio_describe(const struct bk_radio *r, char out[BK_RADIO_TEXT_MAX]);

#endif
