/* SPDX-License-Identifier: Apache-2.0 */
/* AF_PACKET with PACKET_RX_RING (TPACKET_V2), Documentation/networking/packet_mmap.rst. Its memory is the
 * ring's own, so it does not depend on net.core.rmem_max, which a user may not raise. Frames larger than a
 * slot are refused: the interfaces beside a wire send none (gso_max_segs). */
#include "lab/port.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK (64 * 1024)
#define BATCH 64

static int set_option(int fd, int name, const void *value, socklen_t n)
{
	return setsockopt(fd, SOL_PACKET, name, value, n);
}

static int set_up(struct bk_lab_port *p, const char *ifname)
{
	const struct tpacket_req req = {
		.tp_block_size = BLOCK,
		.tp_block_nr = BK_LAB_PORT_SLOTS * BK_LAB_PORT_SLOT / BLOCK,
		.tp_frame_size = BK_LAB_PORT_SLOT,
		.tp_frame_nr = BK_LAB_PORT_SLOTS,
	};
	const int on = 1, version = TPACKET_V2;
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

	at.sll_ifindex = (int)if_nametoindex(ifname);
	if (at.sll_ifindex == 0 || set_option(p->fd, PACKET_VERSION, &version, sizeof(version)) < 0 ||
		set_option(p->fd, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
		set_option(p->fd, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
		set_option(p->fd, PACKET_RX_RING, &req, sizeof(req)) < 0)
		return bk_error_from_errno(errno);
	p->ring = mmap(
		NULL, BK_LAB_PORT_SLOTS * BK_LAB_PORT_SLOT, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, 0);
	if (p->ring == MAP_FAILED)
		return bk_error_from_errno(errno);
	return bind(p->fd, (struct sockaddr *)&at, sizeof(at)) < 0 ? bk_error_from_errno(errno) : 0;
}

int bk_lab_port_init(struct bk_lab_port *p, const char *ifname)
{
	int rc;

	*p = (struct bk_lab_port){.ring = MAP_FAILED};
	/* Protocol 0: nothing arrives from other interfaces before bind has said which one. */
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return bk_error_from_errno(errno);
	rc = set_up(p, ifname);
	if (rc < 0)
		bk_lab_port_done(p);
	return rc;
}

void bk_lab_port_done(struct bk_lab_port *p)
{
	if (p->ring != MAP_FAILED)
		munmap(p->ring, BK_LAB_PORT_SLOTS * BK_LAB_PORT_SLOT);
	close(p->fd);
}

static struct tpacket2_hdr *slot(struct bk_lab_port *p)
{
	return (struct tpacket2_hdr *)(void *)(p->ring + p->next * BK_LAB_PORT_SLOT);
}

const uint8_t *bk_lab_port_peek(struct bk_lab_port *p, size_t *ret_len)
{
	for (;;) {
		struct tpacket2_hdr *h = slot(p);

		if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return NULL;
		if (h->tp_snaplen == h->tp_len) {
			*ret_len = h->tp_snaplen + BK_LAB_PORT_HEAD;
			return (uint8_t *)h + h->tp_mac - BK_LAB_PORT_HEAD;
		}
		bk_lab_port_release(p);
	}
}

void bk_lab_port_release(struct bk_lab_port *p)
{
	__atomic_store_n(&slot(p)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	p->next = (p->next + 1) % BK_LAB_PORT_SLOTS;
}

void bk_lab_port_send(struct bk_lab_port *p, struct iovec *frames, size_t n)
{
	struct mmsghdr msgs[BATCH];

	while (n > 0) {
		unsigned count = n < BATCH ? (unsigned)n : BATCH;
		int sent;

		for (unsigned i = 0; i < count; i++)
			msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &frames[i], .msg_iovlen = 1}};
		sent = sendmmsg(p->fd, msgs, count, 0);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			sent = 1;
		frames += sent;
		n -= (size_t)sent;
	}
}
