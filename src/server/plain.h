/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_PLAIN_H
#define BK_SERVER_PLAIN_H

#include "server/dialect.h"

/* The plain dialect: two clients name each other, are told what to do, and are forgotten. */
extern const struct bk_dialect bk_dialect_plain;

#endif
