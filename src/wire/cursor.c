/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing of fixed binary fields. A cursor that went past its end stays there: everything after
 * the first error reads as zero or writes nothing, so a codec checks once. It allocates nothing and owns no
 * bytes. */
#include "wire/cursor.h"

#include <string.h>

#include "base/error.h"

void bk_reader_init(struct bk_reader *r, const void *data, size_t n)
{
	const uint8_t *at = data;
	*r = (struct bk_reader){.at = at, .end = n ? at + n : at};
}

size_t bk_reader_left(const struct bk_reader *r)
{
	return (size_t)(r->end - r->at);
}

const uint8_t *bk_read_view(struct bk_reader *r, size_t n)
{
	const uint8_t *at = r->at;

	if (r->error || n > bk_reader_left(r)) {
		r->error = BK_E_TRUNCATED;
		return NULL;
	}
	if (n)
		r->at += n;
	return at;
}

static uint64_t read_be(struct bk_reader *r, size_t n)
{
	const uint8_t *at = bk_read_view(r, n);
	uint64_t v = 0;

	for (size_t i = 0; at && i < n; i++)
		v = v << 8 | at[i];
	return v;
}

uint8_t bk_read_u8(struct bk_reader *r)
{
	return (uint8_t)read_be(r, 1);
}

uint16_t bk_read_u16(struct bk_reader *r)
{
	return (uint16_t)read_be(r, 2);
}

uint32_t bk_read_u32(struct bk_reader *r)
{
	return (uint32_t)read_be(r, 4);
}

uint64_t bk_read_u64(struct bk_reader *r)
{
	return read_be(r, 8);
}

void bk_read_bytes(struct bk_reader *r, void *out, size_t n)
{
	const uint8_t *at = bk_read_view(r, n);

	if (!n)
		return;
	if (at)
		memcpy(out, at, n);
	else
		memset(out, 0, n);
}

void bk_writer_init(struct bk_writer *w, void *data, size_t n)
{
	uint8_t *at = data;
	*w = (struct bk_writer){.start = at, .at = at, .end = n ? at + n : at};
}

size_t bk_writer_len(const struct bk_writer *w)
{
	return (size_t)(w->at - w->start);
}

void bk_write_bytes(struct bk_writer *w, const void *data, size_t n)
{
	if (w->error || n > (size_t)(w->end - w->at)) {
		w->error = BK_E_FULL;
		return;
	}
	if (!n)
		return;
	memcpy(w->at, data, n);
	w->at += n;
}

static void write_be(struct bk_writer *w, uint64_t v, size_t n)
{
	uint8_t out[8];

	for (size_t i = n; i-- > 0; v >>= 8)
		out[i] = (uint8_t)v;
	bk_write_bytes(w, out, n);
}

void bk_write_u8(struct bk_writer *w, uint8_t v)
{
	write_be(w, v, 1);
}

void bk_write_u16(struct bk_writer *w, uint16_t v)
{
	write_be(w, v, 2);
}

void bk_write_u32(struct bk_writer *w, uint32_t v)
{
	write_be(w, v, 4);
}

void bk_write_u64(struct bk_writer *w, uint64_t v)
{
	write_be(w, v, 8);
}
