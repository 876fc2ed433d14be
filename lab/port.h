/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_PORT_H
#define BK_LAB_PORT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* One end of a wire: an interface read and written as raw frames (packet(7)), read through a ring that the
 * kernel fills. Each frame is preceded by a virtio_net_hdr, in both directions the same bytes, so a checksum
 * that the sending kernel left to its hardware is finished by whoever needs it. */
#define BK_LAB_PORT_HEAD  10
#define BK_LAB_PORT_SLOT  2048
#define BK_LAB_PORT_SLOTS 4096

struct bk_lab_port {
	int fd; /* readable when a frame waits */
	uint8_t *ring;
	size_t next; /* the slot that is filled next */
};

/* BK_E_* from the kernel; the port is unusable then and needs no _done. */
int bk_lab_port_init(struct bk_lab_port *p, const char *ifname);
void bk_lab_port_done(struct bk_lab_port *p);

/* The next frame with its head, or NULL. It stays valid until bk_lab_port_release. */
const uint8_t *bk_lab_port_peek(struct bk_lab_port *p, size_t *ret_len);
void bk_lab_port_release(struct bk_lab_port *p);

/* Sends up to n frames at once. What the interface refuses is lost, as on any line. */
void bk_lab_port_send(struct bk_lab_port *p, struct iovec *frames, size_t n);

#endif
