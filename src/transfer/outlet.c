/* SPDX-License-Identifier: Apache-2.0 */
/* A spout has one file: there is nothing to begin, and its end is all. */
#include "transfer/outlet.h"

int bk_outlet_make_folder(struct bk_outlet *o, size_t entry)
{
	return o->writer ? bk_writer_make_folder(o->writer, entry) : 0;
}

int bk_outlet_begin(struct bk_outlet *o, size_t entry)
{
	return o->writer ? bk_writer_begin(o->writer, entry) : 0;
}

int bk_outlet_pass(struct bk_outlet *o, uint64_t n)
{
	return o->writer ? bk_writer_pass(o->writer, n) : 0;
}

int bk_outlet_write(struct bk_outlet *o, const void *data, size_t n)
{
	return o->writer ? bk_writer_write(o->writer, data, n) : bk_spout_write(o->spout, data, n);
}

int bk_outlet_hole(struct bk_outlet *o, size_t n)
{
	static const uint8_t zeros[64 << 10];
	int err = o->writer ? bk_writer_hole(o->writer, n) : 0;

	for (size_t part; !o->writer && n && err >= 0; n -= part) {
		part = n < sizeof(zeros) ? n : sizeof(zeros);
		err = bk_spout_write(o->spout, zeros, part);
	}
	return err;
}

int bk_outlet_end(struct bk_outlet *o, const uint8_t digest[BK_DIGEST_LEN])
{
	if (o->writer)
		return bk_writer_end(o->writer, digest);
	bk_spout_end(o->spout, digest);
	return 0;
}

int bk_outlet_finish(struct bk_outlet *o)
{
	return o->writer ? bk_writer_finish(o->writer) : 0;
}

void bk_outlet_stop(struct bk_outlet *o)
{
	if (o->writer)
		bk_writer_stop(o->writer);
	if (o->spout)
		bk_spout_stop(o->spout);
}

bool bk_outlet_is_full(struct bk_outlet *o)
{
	return o->writer ? bk_writer_is_full(o->writer) : bk_spout_is_full(o->spout);
}

bool bk_outlet_is_over(struct bk_outlet *o)
{
	return o->writer ? bk_writer_is_over(o->writer) : bk_spout_is_over(o->spout);
}

int bk_outlet_error(const struct bk_outlet *o, const char **ret_text)
{
	return o->writer ? bk_writer_error(o->writer, ret_text) : bk_spout_error(o->spout, ret_text);
}

struct bk_writer_rest bk_outlet_rest(const struct bk_outlet *o)
{
	return o->writer ? bk_writer_rest(o->writer) : (struct bk_writer_rest){0};
}

void bk_outlet_done(struct bk_outlet *o)
{
	bk_writer_free(o->writer);
	bk_spout_free(o->spout);
	*o = (struct bk_outlet){0};
}
