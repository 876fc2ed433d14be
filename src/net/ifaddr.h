/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_IFADDR_H
#define BK_NET_IFADDR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

/* Addresses of this machine's running interfaces, without port; loopback and link-local ones left out. IPv6
 * temporary and deprecated addresses are not told apart. Returns how many were written (at most max), or a
 * negative error. */
int bk_ifaddr_list(struct bk_addr *out, size_t max);

/* The networks of the same interfaces, then their links, BK_IFADDR_LINKS_MAX; none where the system does not tell. */
void bk_ifaddr_networks(struct bk_networks *ret_networks);

/* Whether the Internet is not between us: this machine, one on its networks and links, or a private address, to which
 * only they lead. Asks the system each time. */
bool bk_ifaddr_is_near(const struct bk_addr *a);

/* The same, in the order in which others are likely to reach them: those that the ways out use, then the others, then
 * those of bridges and their like (containers, virtual machines), unless the way out is through one. */
int bk_ifaddr_list_outward(struct bk_addr *out, size_t max);

/* The address that the way out uses, without port; family 0: there is none. family: 4 or 6. Nothing is sent. */
struct bk_addr bk_ifaddr_way_out(uint8_t family);

/* Link-local IPv6 addresses, each with its interface as scope; those of containers' interfaces last. is_of_bare: only
 * of interfaces that have no other address, as with a cable between two machines and nobody who gives any. */
enum { BK_IFADDR_LINKS_MAX = 3 };
int bk_ifaddr_list_links(bool is_of_bare, struct bk_addr *out, size_t max);

#endif
