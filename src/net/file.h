/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_FILE_H
#define BK_NET_FILE_H

#include <stddef.h>

/* Small state files: read whole, replaced atomically (written beside, synced, renamed), mode 0600. */

/* BK_E_NOT_FOUND, BK_E_TOO_BIG over max, BK_E_ACCESS, ... The result is malloc'ed with a NUL behind it. */
int bk_file_read(const char *path, size_t max, char **ret_data, size_t *ret_len);
int bk_file_write(const char *path, const void *data, size_t n);
/* One at a time, of all programs, may read and write anew what is in the folder: until bk_file_unlock. Others
 * are waited for a second at most, BK_E_TIMEOUT. */
int bk_file_lock(const char *folder, int *ret_lock);
void bk_file_unlock(int lock);
/* mkdir -p with mode 0700. */
int bk_file_make_dir(const char *path);

#endif
