/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_KEY_FILE_H
#define BK_NET_KEY_FILE_H

#include "secure/identity.h"

/* An identity that lasts: a PEM with its certificate, as a small state file (net/file.h). One that is there but cannot
 * be read is never replaced: whoever pinned it would be locked out. */

/* BK_E_NOT_FOUND; BK_E_MALFORMED, BK_E_TOO_BIG: what is there is no key; BK_E_ACCESS and the like, BK_E_NOMEM. */
int bk_key_file_read(const char *path, struct bk_identity **ret_identity);

/* Likewise, but made where there is none, with its folder. Of two programs that begin at once the one has the other's.
 * Positive: it was made now. BK_E_CRYPTO, BK_E_TIMEOUT. */
int bk_key_file_open(const char *folder, const char *path, struct bk_identity **ret_identity);

#endif
