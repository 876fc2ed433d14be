/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SECURE_TRUST_H
#define BK_SECURE_TRUST_H

#include <stddef.h>

#include "secure/identity.h"

/* What we remember of servers and people: lines of "NAME PIN" as text, kept in memory; the owner reads and
 * writes the file. Unknown or malformed lines are kept as they are (a newer version's), never trusted. */
struct bk_trust;

enum { BK_TRUST_ENTRIES_MAX = 4096, BK_TRUST_NAME_MAX = 255 };

enum bk_trust_verdict { BK_TRUST_KNOWN, BK_TRUST_NEW, BK_TRUST_CHANGED };

int bk_trust_from_text(const char *text, size_t len, struct bk_trust **ret_trust);
int bk_trust_to_text(const struct bk_trust *t, char **ret_text); /* malloc'ed, NUL-terminated */
void bk_trust_free(struct bk_trust *t);

/* Names are compared as names: "Host:1", "host:1" and "host.:1" are one. */
enum bk_trust_verdict bk_trust_check(const struct bk_trust *t, const char *name, const struct bk_pin *pin);
/* Adds or replaces. BK_E_FULL, BK_E_INVALID for a name with spaces or control characters. */
int bk_trust_put(struct bk_trust *t, const char *name, const struct bk_pin *pin);

#endif
