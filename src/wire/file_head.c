/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/file_head.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum { HEAD_MAX = 256, PREFIX = 2 };

#define FRONT(order)                                                                                         \
	"{\"byteorder\":\"" order "\",\"content-type\":\"binary\",\"content-encoding\":\"binary\","          \
	"\"content-length\":"
#define CONTENT ",\"type\":\"content\",\"entry\":"
#define DIGEST  ",\"type\":\"digest\",\"entry\":"
#define OFFSET  ",\"offset\":"
#define HOLE    ",\"hole\":"
#define XXH3    ",\"xxh3_128\":\""

/* --- writing --- */

static int print(char out[HEAD_MAX], const struct bk_file_msg *m, uint64_t content_len)
{
	const char *front = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? FRONT("little") : FRONT("big");
	char hex[2 * BK_FILE_DIGEST_LEN + 1];

	if (m->type == BK_FILE_DIGEST) {
		sodium_bin2hex(hex, sizeof(hex), m->digest, sizeof(m->digest));
		return snprintf(out, HEAD_MAX, "%s%" PRIu64 DIGEST "%" PRIu32 XXH3 "%s\"}", front,
			content_len, m->entry, hex);
	}
	if (m->hole)
		return snprintf(out, HEAD_MAX,
			"%s%" PRIu64 CONTENT "%" PRIu32 OFFSET "%" PRIu64 HOLE "%" PRIu64 "}", front,
			content_len, m->entry, m->offset, m->hole);
	return snprintf(out, HEAD_MAX, "%s%" PRIu64 CONTENT "%" PRIu32 OFFSET "%" PRIu64 "}", front,
		content_len, m->entry, m->offset);
}

bool bk_file_head_append(struct bk_buf *out, const struct bk_file_msg *m, uint64_t content_len, int *ret_err)
{
	char head[PREFIX + HEAD_MAX];
	size_t n;

	if (m->type != BK_FILE_CONTENT && m->type != BK_FILE_DIGEST)
		return false;
	*ret_err = BK_E_INVALID;
	if (content_len > INT64_MAX || (m->type == BK_FILE_CONTENT && (m->offset | m->hole) > INT64_MAX))
		return true;
	n = (size_t)print(head + PREFIX, m, content_len);
	head[0] = (char)(n >> 8);
	head[1] = (char)n;
	*ret_err = bk_buf_append(out, head, PREFIX + n);
	return true;
}

/* --- reading --- */

struct text {
	const char *at, *end;
};

static bool skip(struct text *t, const char *what, size_t n)
{
	if ((size_t)(t->end - t->at) < n || memcmp(t->at, what, n) != 0)
		return false;
	t->at += n;
	return true;
}

#define SKIP(t, what) skip(t, what, sizeof(what) - 1)

/* As it is printed: no sign, and no zero before others. */
static bool take_number(struct text *t, uint64_t max, uint64_t *ret_value)
{
	const char *from = t->at;
	uint64_t v = 0;

	for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++) {
		uint64_t digit = (uint64_t)(*t->at - '0');

		if (v > (max - digit) / 10)
			return false;
		v = 10 * v + digit;
	}
	*ret_value = v;
	return t->at > from && (*from != '0' || t->at - from == 1);
}

static bool take_entry(struct text *t, struct bk_file_msg *m)
{
	uint64_t entry;

	if (!take_number(t, UINT32_MAX, &entry))
		return false;
	m->entry = (uint32_t)entry;
	return true;
}

static bool read_content(struct text *t, struct bk_file_msg *m)
{
	m->type = BK_FILE_CONTENT;
	if (!take_entry(t, m) || !SKIP(t, OFFSET) || !take_number(t, INT64_MAX, &m->offset))
		return false;
	return !SKIP(t, HOLE) || take_number(t, INT64_MAX, &m->hole);
}

static bool read_digest(struct text *t, struct bk_file_msg *m)
{
	const size_t digits = 2 * BK_FILE_DIGEST_LEN;
	size_t n;

	m->type = BK_FILE_DIGEST;
	if (!take_entry(t, m) || !SKIP(t, XXH3) || (size_t)(t->end - t->at) < digits ||
		sodium_hex2bin(m->digest, sizeof(m->digest), t->at, digits, NULL, &n, NULL) != 0 ||
		n != sizeof(m->digest))
		return false;
	t->at += digits;
	return SKIP(t, "\"");
}

bool bk_file_head_read(const char *header, size_t len, struct bk_file_msg *m)
{
	struct text t = {header, header + len};
	struct bk_file_msg got = *m;
	uint64_t content_len; /* which the framing has read */

	if ((!SKIP(&t, FRONT("little")) && !SKIP(&t, FRONT("big"))) ||
		!take_number(&t, INT64_MAX, &content_len))
		return false;
	if (SKIP(&t, CONTENT) ? !read_content(&t, &got) : !SKIP(&t, DIGEST) || !read_digest(&t, &got))
		return false;
	if (!SKIP(&t, "}") || t.at != t.end)
		return false;
	*m = got;
	return true;
}
