/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_ROOM_KEY_H
#define BK_ROOM_KEY_H

#include "group/signed.h"

/* Our long-term key, in the state folder (0600), made when there is none; state_dir NULL: one for this time. The caller
 * wipes it. BK_E_MALFORMED: what is there is no key; BK_E_ACCESS and the like, BK_E_NOMEM, BK_E_CRYPTO. */
int bk_room_key_open(const char *state_dir, struct bk_signer *ret_signer);

#endif
