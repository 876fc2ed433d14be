/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_CURSOR_H
#define BK_WIRE_CURSOR_H

#include <stddef.h>
#include <stdint.h>

/* A cursor over bytes with a sticky error: read or write ten fields, check `error` once at the end. Reads
 * past the end give zeroes, writes past the end write nothing, both set BK_E_TRUNCATED / BK_E_FULL for good.
 * Big-endian unless the name says le. */
struct bk_reader {
	const uint8_t *at, *end;
	int error;
};

struct bk_writer {
	uint8_t *start, *at, *end;
	int error;
};

void bk_reader_init(struct bk_reader *r, const void *data, size_t n);
size_t bk_reader_left(const struct bk_reader *r);
uint8_t bk_read_u8(struct bk_reader *r);
uint16_t bk_read_u16(struct bk_reader *r);
uint32_t bk_read_u32(struct bk_reader *r);
uint64_t bk_read_u64(struct bk_reader *r);
void bk_read_bytes(struct bk_reader *r, void *out, size_t n);
const uint8_t *bk_read_view(struct bk_reader *r, size_t n); /* NULL past the end */

void bk_writer_init(struct bk_writer *w, void *data, size_t n);
size_t bk_writer_len(const struct bk_writer *w); /* written so far */
void bk_write_u8(struct bk_writer *w, uint8_t v);
void bk_write_u16(struct bk_writer *w, uint16_t v);
void bk_write_u32(struct bk_writer *w, uint32_t v);
void bk_write_u64(struct bk_writer *w, uint64_t v);
void bk_write_bytes(struct bk_writer *w, const void *data, size_t n);

#endif
