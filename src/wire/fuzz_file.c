/* SPDX-License-Identifier: Apache-2.0 */
/* The whole stream of file messages, in pieces whose size the input chooses; what a reader hands out is
 * decoded further, as an application would, and its promises are checked. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "wire/file_reader.h"
#include "wire/have.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_offer(const struct bk_buf *content)
{
	struct bk_file_list l = {0};
	uint64_t sum = 0;

	if (bk_file_offer_decode(bk_buf_head(content), content->len, &l) < 0 || bk_file_list_find_stray(&l)) {
		bk_file_list_done(&l);
		return;
	}
	for (size_t i = 0; i < l.len; i++) {
		sum += l.entries[i].size;
		if (bk_file_path_check_bytes(l.entries[i].path) < 0 || l.entries[i].path[0] == '/' ||
			!bk_text_is_plain(bk_file_entry_shown(&l.entries[i])) || l.entries[i].mode > 0777 ||
			l.entries[i].mtime_ns > 999999999 || (l.entries[i].is_text && !l.entries[i].is_file))
			abort();
	}
	if (!l.len || l.len > BK_FILE_ENTRIES_MAX || sum != l.bytes || sum > INT64_MAX)
		abort();
	bk_file_list_done(&l);
}

static void check_have(const struct bk_buf *content)
{
	const uint8_t *at = bk_buf_head(content), *end = at + content->len;
	size_t left = content->len;
	struct bk_have have;

	while (bk_have_next(&at, &left, &have) > 0)
		if (!have.count || at + left != end ||
			have.digests + (size_t)have.count * BK_HAVE_DIGEST_LEN != at)
			abort();
}

static void check_message(const struct bk_file_reader *r)
{
	struct bk_file_choice choices[3] = {{0}};
	size_t said = 0;

	if (r->list.len > BK_FILE_LIST_MAX || r->msg.type >= BK_FILE_PACKED)
		abort();
	if ((r->msg.type == BK_FILE_OFFER || r->msg.type == BK_FILE_ENTRIES) && r->list.len)
		check_offer(&r->list);
	if (r->msg.type == BK_FILE_HAVE && r->list.len)
		check_have(&r->list);
	if ((r->msg.type == BK_FILE_ACCEPT || r->msg.type == BK_FILE_CHOICES) && r->list.len &&
		bk_file_accept_decode(bk_buf_head(&r->list), r->list.len, 3, choices, &said) >= 0 && said > 3)
		abort();
	if (strlen(r->msg.text) >= BK_FILE_TEXT_MAX || strlen(r->msg.code) >= BK_FILE_CODE_MAX)
		abort();
}

/* Read as text or as a tree: with a space in it it is not the text that we print. */
static void check_header(const uint8_t *data, size_t n)
{
	char spaced[BK_FILE_HEADER_MAX + 1] = "{ ";
	struct bk_file_msg a = {0}, b = {0};

	if (!n || n >= BK_FILE_HEADER_MAX || data[0] != '{')
		return;
	memcpy(spaced + 2, data + 1, n - 1);
	if (bk_file_msg_decode(data, n, 0, &a) != bk_file_msg_decode(spaced, n + 1, 0, &b) ||
		a.type != b.type || a.entry != b.entry || a.offset != b.offset || a.hole != b.hole ||
		memcmp(a.digest, b.digest, sizeof(a.digest)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bk_file_reader r;
	size_t step = size ? (size_t)data[0] + 1 : 1;
	int event = 0;

	if (size) {
		data++;
		size--;
	}
	check_header(data, size);
	bk_file_reader_init(&r);
	r.takes_packed = step % 2;
	while (size && event >= 0) {
		size_t n = size < step ? size : step, left = n;
		const uint8_t *at = data;

		while ((event = bk_file_reader_next(&r, &at, &left)) > 0)
			if (event == BK_FILE_MESSAGE)
				check_message(&r);
		data += n;
		size -= n;
	}
	if (r.is_inside && event >= 0 && !r.takes_packed)
		abort();
	bk_file_reader_done(&r);
	return 0;
}
