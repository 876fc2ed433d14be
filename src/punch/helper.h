/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_HELPER_H
#define BK_PUNCH_HELPER_H

#include "punch/technique.h"

/* What a NAT that looks into TFTP (RFC 1350) does for us: answers to a request for a file come from another port than
 * the one that was asked, 69, so such a NAT lets in whatever comes from that address to the port that asked. A request
 * from the shared port makes the own filter one that knows no ports, for this peer: then its packets come in from
 * whatever port its NAT has given them, and nothing has to be guessed. The request passes every NAT of this side and
 * dies behind the last, as openers do: nobody over there is asked for a file. Few NATs look, and none says so: it costs
 * two packets beside all else. Who does not want ports to be guessed does not want this either. */
extern const struct bk_technique bk_technique_helper;

#endif
