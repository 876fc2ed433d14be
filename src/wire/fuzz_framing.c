/* SPDX-License-Identifier: Apache-2.0 */
/* Every framing; the first byte is the seed of the cuts. Decoded whole, byte by byte and in random pieces,
 * the same events must come out. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "wire/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct story {
	uint8_t *text;
	size_t len, cap;
	int result;
	bool is_midway;
};

static void tell(struct story *s, const void *data, size_t n)
{
	assert(s->len + n <= s->cap);
	if (n)
		memcpy(s->text + s->len, data, n);
	s->len += n;
}

static void feed(struct bk_frame_decoder *d, struct story *s, const uint8_t *data, size_t n)
{
	int event;

	while ((event = bk_frame_decode(d, &data, &n)) > BK_FRAME_NONE) {
		if (event == BK_FRAME_HEADER) {
			tell(s, "H", 1);
			tell(s, &d->content_len, sizeof(d->content_len));
			if (d->framing != BK_FRAMING_LENGTH)
				tell(s, d->header, strlen(d->header) + 1);
		} else if (event == BK_FRAME_CONTENT) {
			assert(d->piece_len);
			tell(s, d->piece, d->piece_len);
		} else {
			tell(s, "E", 1);
		}
	}
	assert(event < 0 || !n);
	s->result = event;
}

static struct story decode(
	enum bk_framing framing, const uint8_t *data, size_t size, size_t cut, uint64_t seed)
{
	struct bk_frame_limits limits = {.header_max = 2000, .content_max = 100000};
	struct story s = {.cap = size * 10 + 64};
	struct bk_rng rng = {seed};
	struct bk_frame_decoder d;

	s.text = malloc(s.cap);
	assert(s.text);
	bk_frame_decoder_init(&d, framing, &limits);
	for (size_t at = 0, n; at < size && s.result >= 0; at += n) {
		n = cut ? cut : (size_t)bk_rng_range(&rng, 1, 40);
		n = n < size - at ? n : size - at;
		feed(&d, &s, data + at, n);
	}
	s.is_midway = bk_frame_is_midway(&d);
	bk_frame_decoder_done(&d);
	return s;
}

static void compare(const struct story *a, struct story b)
{
	assert(a->result == b.result && a->is_midway == b.is_midway && a->len == b.len);
	assert(!memcmp(a->text, b.text, a->len));
	free(b.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	for (int f = BK_FRAMING_LENGTH; f <= BK_FRAMING_JSON; f++) {
		struct story whole = decode((enum bk_framing)f, data + 1, size - 1, size, 0);

		compare(&whole, decode((enum bk_framing)f, data + 1, size - 1, 1, 0));
		compare(&whole, decode((enum bk_framing)f, data + 1, size - 1, 0, data[0]));
		free(whole.text);
	}
	return 0;
}
