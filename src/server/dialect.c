/* SPDX-License-Identifier: Apache-2.0 */
/* The table of what is spoken here. A new dialect is a file with its row, and a line in this table. */
#include "server/dialect.h"

#include "server/plain.h"
#include "server/probes.h"
#include "server/relay.h"
#include "server/request.h"

const struct bk_dialect *bk_dialect_of(uint8_t first)
{
	static const struct bk_dialect *const rows[] = {
		&bk_dialect_tls,
		&bk_dialect_plain,
		&bk_dialect_relay,
		&bk_dialect_probe,
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i]->first == first)
			return rows[i];
	return NULL;
}
