/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TESTS_CONFORM_UDP_PATH_H
#define BK_TESTS_CONFORM_UDP_PATH_H

#include "base/addr.h"
#include "link/link.h"

/* One UDP socket that carries one QUIC link: in pieces both ways. */
struct udp_path;

int udp_path_new(struct bk_loop *loop, int fd, struct udp_path **ret_path); /* takes over fd on success */
void udp_path_free(struct udp_path *p);

void udp_path_set_link(struct udp_path *p, struct bk_link *link); /* NULL: drop what comes */
void udp_path_set_dead(struct udp_path *p, bool is_dead);         /* nothing goes out or in */
int udp_path_send(void *path, const struct bk_addr *to, const uint8_t *data, size_t len, size_t segment);

#endif
