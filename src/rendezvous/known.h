/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_KNOWN_H
#define BK_RENDEZVOUS_KNOWN_H

#include <stdint.h>

#include "secure/identity.h"

/* Trust on first use for servers: the first pin seen for HOST:PORT is written down, a later change is
 * BK_E_PIN_MISMATCH. path NULL: nothing is kept and everything is accepted. A file that cannot be read or
 * written is its own error, never a silent "new". */
int bk_known_server_check(const char *path, const char *host, uint16_t port, const struct bk_pin *pin);

#endif
