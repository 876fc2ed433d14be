/* SPDX-License-Identifier: Apache-2.0 */
/* What a server and what a peer of the plain dialect send; the first byte is the seed of the cuts. Whole,
 * byte by byte and in random pieces, the same messages must come out and the same error end them. What was
 * understood is said again and understood the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "plain/strategy.h"
#include "wire/framing.h"
#include "wire/hello.h"
#include "wire/rdv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STORY_MAX = 1 << 22 };

struct story {
	struct bk_buf text;
	int result;
};

static void tell(struct story *s, const void *data, size_t n)
{
	assert(bk_buf_append(&s->text, data, n) == 0);
}

/* --- a server's bytes --- */

static void tell_message(struct story *s, const struct bk_rdv_msg *m)
{
	enum bk_plain_action action = bk_plain_action_from_str(m->action);
	struct bk_rdv_msg again;
	struct bk_buf out;
	int err;

	tell(s, &m->type, sizeof(m->type));
	tell(s, &action, sizeof(action));
	if (m->type == BK_RDV_UNKNOWN)
		return;
	bk_buf_init(&out, BK_RDV_MESSAGE_MAX);
	err = bk_rdv_append(&out, m);
	if (!err) {
		tell(s, bk_buf_head(&out), out.len);
		assert(bk_rdv_decode(bk_buf_head(&out) + 4, out.len - 4, &again) == 0);
		assert(again.type == m->type && !strcmp(again.action, m->action));
		assert(!strcmp(again.peer.nat_type, m->peer.nat_type) && again.port == m->port);
		bk_rdv_done(&again);
	}
	bk_buf_done(&out);
}

static int tell_server(struct story *s, const struct bk_buf *content)
{
	struct bk_rdv_msg m;
	int err = bk_rdv_decode(bk_buf_head(content), content->len, &m);

	if (err < 0)
		return err;
	tell_message(s, &m);
	bk_rdv_done(&m);
	return 0;
}

/* --- a peer's --- */

static int tell_hello(struct story *s, const struct bk_buf *content)
{
	struct bk_hello h, again;
	struct bk_buf out;
	int err = bk_hello_decode(bk_buf_head(content), content->len, &h);

	tell(s, &err, sizeof(err));
	if (err < 0)
		return err == BK_E_PROTOCOL ? 0 : err;
	bk_buf_init(&out, BK_HELLO_MESSAGE_MAX);
	assert(bk_hello_encode(&out, &h) == 0);
	assert(bk_hello_decode(bk_buf_head(&out), out.len, &again) == 0);
	assert(again.number == h.number && !strcmp(again.content, h.content));
	tell(s, bk_buf_head(&out), out.len);
	bk_buf_done(&out);
	return 0;
}

/* --- both --- */

struct intake {
	struct bk_frame_decoder decoder;
	struct bk_buf content;
	int (*tell)(struct story *s, const struct bk_buf *content);
};

static int feed(struct intake *in, struct story *s, const uint8_t *data, size_t n)
{
	int event, err;

	while ((event = bk_frame_collect(&in->decoder, &in->content, &data, &n)) == BK_FRAME_END) {
		err = in->tell(s, &in->content);
		if (err < 0)
			return err;
	}
	assert(event < 0 || !n);
	return event;
}

static struct story listen_to(bool is_server, const uint8_t *data, size_t size, size_t cut, uint64_t seed)
{
	const struct bk_frame_limits limits = {
		.content_max = is_server ? BK_RDV_HELLO_MAX : BK_HELLO_MESSAGE_MAX};
	struct intake in = {.tell = is_server ? tell_server : tell_hello};
	struct bk_rng rng = {seed};
	struct story s = {0};

	bk_buf_init(&s.text, STORY_MAX);
	bk_frame_decoder_init(&in.decoder, BK_FRAMING_LENGTH, &limits);
	bk_buf_init(&in.content, limits.content_max);
	for (size_t at = 0, n; at < size && s.result >= 0; at += n) {
		n = cut ? cut : (size_t)bk_rng_range(&rng, 1, 40);
		n = n < size - at ? n : size - at;
		s.result = feed(&in, &s, data + at, n);
	}
	bk_frame_decoder_done(&in.decoder);
	bk_buf_done(&in.content);
	return s;
}

static void compare(const struct story *a, struct story b)
{
	assert(a->result == b.result && a->text.len == b.text.len);
	assert(!a->text.len || !memcmp(bk_buf_head(&a->text), bk_buf_head(&b.text), a->text.len));
	bk_buf_done(&b.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	for (int is_server = 0; is_server < 2; is_server++) {
		struct story whole = listen_to(is_server, data + 1, size - 1, size, 0);

		compare(&whole, listen_to(is_server, data + 1, size - 1, 1, 0));
		compare(&whole, listen_to(is_server, data + 1, size - 1, 0, data[0]));
		bk_buf_done(&whole.text);
	}
	return 0;
}
