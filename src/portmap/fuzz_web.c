/* SPDX-License-Identifier: Apache-2.0 */
/* An answer that arrives in pieces: up to the first NUL an URL, then the answer; what is read early is the same as what
 * is read late. */
#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "portmap/web.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_place(const char *url)
{
	struct bk_web_place p;

	if (bk_web_place_read(url, &p) == 0)
		assert(p.at.family && p.path[0] == '/' && !strpbrk(p.path, " \r\n\t") &&
			bk_web_is_at(url, &p.at));
}

static int read_all(struct bk_web_answer *a, const uint8_t *data, size_t size, size_t step)
{
	int err = BK_E_AGAIN;

	bk_web_answer_init(a);
	while (err == BK_E_AGAIN && a->len < size) {
		size_t n = size - a->len < step ? size - a->len : step;

		memcpy(a->bytes + a->len, data + a->len, n);
		a->len += n;
		err = bk_web_answer_read(a, false);
	}
	if (err == BK_E_AGAIN)
		err = bk_web_answer_read(a, true);
	assert(err != BK_E_AGAIN);
	if (err)
		return err;
	assert(a->status < 1000 && a->body > a->bytes);
	assert(a->body + a->body_len <= a->bytes + a->len && a->body[a->body_len] == '\0');
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bk_web_answer whole, pieces;
	const uint8_t *nul = memchr(data, 0, size);

	if (!nul)
		return 0;
	check_place((const char *)data);
	size -= (size_t)(nul + 1 - data);
	if (size > BK_WEB_ANSWER_MAX)
		size = BK_WEB_ANSWER_MAX;
	if (read_all(&pieces, nul + 1, size, size / 16 + 1) || read_all(&whole, nul + 1, size, size))
		return 0;
	assert(whole.status == pieces.status && whole.body_len == pieces.body_len);
	assert(memcmp(whole.body, pieces.body, whole.body_len) == 0);
	return 0;
}
