/* SPDX-License-Identifier: Apache-2.0 */
/* The 39 bytes in front of a relay leg or mapping probe. A connection is refused at the first byte that
 * cannot belong to one, so a stranger never holds a half preface open with the wrong bytes. */
#include "wire/preface.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "wire/cursor.h"

enum { MAGIC_LEN = 5, VERSION_AT = 5, SIDE_AT = 6 };

static const char magics[][MAGIC_LEN + 1] = {[BK_PREFACE_RELAY] = "RELAY", [BK_PREFACE_PROBE] = "PROBE"};

void bk_preface_encode(const struct bk_preface *p, uint8_t out[BK_PREFACE_LEN])
{
	struct bk_writer w;

	bk_writer_init(&w, out, BK_PREFACE_LEN);
	bk_write_bytes(&w, magics[p->kind], MAGIC_LEN);
	bk_write_u8(&w, BK_PREFACE_VERSION);
	bk_write_u8(&w, p->kind == BK_PREFACE_RELAY ? p->side : 0);
	bk_write_bytes(&w, p->secret, sizeof(p->secret));
}

static bool kind_from_magic(const uint8_t *data, size_t n, enum bk_preface_kind *ret_kind)
{
	for (size_t k = 0; k < sizeof(magics) / sizeof(magics[0]); k++) {
		if (!n || !memcmp(data, magics[k], n < MAGIC_LEN ? n : MAGIC_LEN)) {
			*ret_kind = (enum bk_preface_kind)k;
			return true;
		}
	}
	return false;
}

int bk_preface_decode(const uint8_t *data, size_t n, struct bk_preface *ret_preface)
{
	struct bk_preface p = {0};

	if (!kind_from_magic(data, n, &p.kind))
		return BK_E_MALFORMED;
	if (n > VERSION_AT && data[VERSION_AT] != BK_PREFACE_VERSION)
		return BK_E_VERSION;
	if (n > SIDE_AT && data[SIDE_AT] > (p.kind == BK_PREFACE_RELAY ? 1 : 0))
		return BK_E_MALFORMED;
	if (n < BK_PREFACE_LEN)
		return BK_E_TRUNCATED;
	p.side = data[SIDE_AT];
	memcpy(p.secret, data + SIDE_AT + 1, sizeof(p.secret));
	*ret_preface = p;
	return 0;
}

int bk_preface_check(const uint8_t *data, size_t n)
{
	struct bk_preface p;

	return bk_preface_decode(data, n, &p);
}
