/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/packed.h"

#include <stdint.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/error.h"

enum {
	LEVEL = 3,       /* quick enough for most networks; more costs twice the time for a tenth less */
	WINDOW_LOG = 22, /* small files of one kind lie far from each other */
};

struct bk_packer {
	ZSTD_CCtx *zstd;
};

struct bk_unpacker {
	ZSTD_DCtx *zstd;
};

/* --- packing --- */

int bk_packer_new(struct bk_packer **ret_packer)
{
	struct bk_packer *p = calloc(1, sizeof(*p));

	if (p)
		p->zstd = ZSTD_createCCtx();
	if (!p || !p->zstd || ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, LEVEL)) ||
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
	return ZSTD_compressBound(n);
}

int bk_packer_pack(struct bk_packer *p, const void *data, size_t n, void *out, size_t room)
{
	ZSTD_inBuffer from = {data, n, 0};
	ZSTD_outBuffer to = {out, room, 0};
	size_t left = ZSTD_compressStream2(p->zstd, &to, &from, ZSTD_e_flush);

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
