/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PORTMAP_SSDP_H
#define BK_PORTMAP_SSDP_H

#include <stddef.h>
#include <stdint.h>

#include "portmap/web.h"

/* The search by which UPnP devices are found (SSDP): questions to all of a network, and to one of it, and the answers,
 * which anybody of the network may send. */
enum {
	BK_SSDP_PORT = 1900,
	BK_SSDP_QUESTION_MAX = 256,
	BK_SSDP_ANSWER_MAX = 1500, /* a datagram that is longer is none */
	BK_SSDP_URL_MAX = BK_WEB_PATH_MAX + 64,
};

/* The n-th thing that is searched for, as a question to whoever hears it at `to`; NULL: there are no more. Static. */
const char *bk_ssdp_target(size_t n);
/* Its length, below BK_SSDP_QUESTION_MAX. */
size_t bk_ssdp_put(const char *target, const struct bk_addr *to, char out[BK_SSDP_QUESTION_MAX]);

/* Where the device describes itself: printable, never empty. BK_E_MALFORMED: no answer, or it does not say;
 * BK_E_TOO_BIG. */
int bk_ssdp_read(const uint8_t *data, size_t len, char ret_url[BK_SSDP_URL_MAX]);

#endif
