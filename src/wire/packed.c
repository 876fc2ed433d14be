/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/packed.h"

#include <stdint.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/error.h"

enum {
	WINDOW_LOG = 22, /* small files of one kind lie far from each other */
	END_MAX = 16,    /* of what came before, for the next to begin anew */
};

static const int levels[] = {[BK_PACKED_LIGHT] = 1, [BK_PACKED_USUAL] = 3, [BK_PACKED_HARD] = 7};

struct bk_packer {
	ZSTD_CCtx *zstd;
	enum bk_packed_effort effort;
};

struct bk_unpacker {
	ZSTD_DCtx *zstd;
};

/* --- packing --- */

static int set_effort(struct bk_packer *p, enum bk_packed_effort effort)
{
	p->effort = effort;
	return ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, levels[effort]))
		       ? BK_E_NOMEM
		       : 0;
}

int bk_packer_new(struct bk_packer **ret_packer)
{
	struct bk_packer *p = calloc(1, sizeof(*p));

	if (p)
		p->zstd = ZSTD_createCCtx();
	if (!p || !p->zstd || set_effort(p, BK_PACKED_LIGHT) < 0 ||
		ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_windowLog, WINDOW_LOG))) {
		bk_packer_free(p);
		return BK_E_NOMEM;
	}
	*ret_packer = p;
	return 0;
}

void bk_packer_free(struct bk_packer *p)
{
	if (!p)
		return;
	ZSTD_freeCCtx(p->zstd);
	free(p);
}

size_t bk_packer_bound(size_t n)
{
	return ZSTD_compressBound(n) + END_MAX;
}

int bk_packer_pack(
	struct bk_packer *p, enum bk_packed_effort effort, const void *data, size_t n, void *out, size_t room)
{
	ZSTD_inBuffer from = {data, n, 0}, none = {NULL, 0, 0};
	ZSTD_outBuffer to = {out, room, 0};
	size_t left;

	if (effort != p->effort &&
		(ZSTD_compressStream2(p->zstd, &to, &none, ZSTD_e_end) || set_effort(p, effort) < 0))
		return BK_E_NOMEM;
	left = ZSTD_compressStream2(p->zstd, &to, &from, ZSTD_e_flush);
	return ZSTD_isError(left) || left ? BK_E_NOMEM : (int)to.pos;
}

/* --- unpacking --- */

int bk_unpacker_new(struct bk_unpacker **ret_unpacker)
{
	struct bk_unpacker *u = calloc(1, sizeof(*u));

	if (u)
		u->zstd = ZSTD_createDCtx();
	if (!u || !u->zstd ||
		ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, BK_PACKED_WINDOW_LOG))) {
		bk_unpacker_free(u);
		return BK_E_NOMEM;
	}
	*ret_unpacker = u;
	return 0;
}

void bk_unpacker_free(struct bk_unpacker *u)
{
	if (!u)
		return;
	ZSTD_freeDCtx(u->zstd);
	free(u);
}

static int error_of(size_t code)
{
	switch (ZSTD_getErrorCode(code)) {
	case ZSTD_error_memory_allocation:
		return BK_E_NOMEM;
	case ZSTD_error_frameParameter_windowTooLarge:
		return BK_E_TOO_BIG;
	default:
		return BK_E_MALFORMED;
	}
}

/* Until nothing goes in and nothing comes out. */
static int unpack_some(struct bk_unpacker *u, ZSTD_inBuffer *from, ZSTD_outBuffer *to)
{
	size_t in, out;

	do {
		size_t code;

		in = from->pos;
		out = to->pos;
		code = ZSTD_decompressStream(u->zstd, to, from);
		if (ZSTD_isError(code))
			return error_of(code);
	} while (from->pos != in || to->pos != out);
	return 0;
}

int bk_unpacker_unpack(struct bk_unpacker *u, const void *data, size_t n, void *out, size_t raw)
{
	ZSTD_inBuffer from = {data, n, 0};
	ZSTD_outBuffer to = {out, raw, 0};
	uint8_t beyond;
	ZSTD_outBuffer more = {&beyond, 1, 0};
	int err = unpack_some(u, &from, &to);

	if (err >= 0 && to.pos < raw)
		return BK_E_MALFORMED;
	if (err >= 0)
		err = unpack_some(u, &from, &more);
	return err >= 0 && more.pos ? BK_E_TOO_BIG : err;
}
