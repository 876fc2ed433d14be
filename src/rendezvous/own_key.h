/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_OWN_KEY_H
#define BK_RENDEZVOUS_OWN_KEY_H

#include "secure/identity.h"

/* Our long-term key, by which members of a group know each other, in the state folder (member_key.pem, 0600), made when
 * there is none; state_dir NULL: one for this time. BK_E_MALFORMED: what is there is no key; BK_E_ACCESS and the like,
 * BK_E_NOMEM, BK_E_CRYPTO. */
int bk_own_key_open(const char *state_dir, struct bk_identity **ret_identity);

#endif
