/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_ENDPOINT_H
#define BK_CLI_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* "[ADDR]:PORT" as options have it: ":15005", "15005", "192.0.2.1:15005", "[2001:db8::1]:15005". ret_addr's
 * family is 0 where no address is given. BK_E_MALFORMED. */
int bk_cli_endpoint_from_str(const char *s, struct bk_addr *ret_addr);

#endif
