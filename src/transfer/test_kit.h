/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_TEST_KIT_H
#define BK_TRANSFER_TEST_KIT_H

#include <stdbool.h>

/* Files and folders, for tests. */
const char *kit_path_in(const char *dir, const char *name); /* good until the fourth one after it */
void kit_for_each(const char *dir, void (*fn)(const char *path, void *arg), void *arg);
int kit_count(const char *dir);
void kit_remove(const char *path); /* and whatever is in it */
bool kit_is_same_file(const char *a, const char *b);

#endif
