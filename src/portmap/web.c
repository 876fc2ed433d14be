/* SPDX-License-Identifier: Apache-2.0 */
#include "portmap/web.h"

#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "base/error.h"

enum { PORT_USUAL = 80, STATUS_DIGITS = 3, NO_LENGTH = BK_WEB_ANSWER_MAX + 1 };

/* --- where it is --- */

static bool is_path(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

int bk_web_place_read(const char *url, struct bk_web_place *ret_place)
{
	static const char scheme[] = "http://";
	struct bk_web_place p = {0};
	char host[BK_ADDR_STR_MAX] = "";
	size_t n;

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return BK_E_MALFORMED;
	url += sizeof(scheme) - 1;
	n = strcspn(url, "/");
	if (n >= sizeof(host) || strlen(url + n) >= sizeof(p.path))
		return BK_E_TOO_BIG;
	memcpy(host, url, n);
	strcpy(p.path, url[n] ? url + n : "/");
	if (!is_path(p.path))
		return BK_E_MALFORMED;
	if (bk_addr_from_str(host, &p.at) < 0 && bk_addr_from_ip(host, PORT_USUAL, &p.at) < 0)
		return BK_E_MALFORMED;
	*ret_place = p;
	return 0;
}

bool bk_web_is_at(const char *url, const struct bk_addr *ip)
{
	struct bk_web_place p;

	return url && bk_web_place_read(url, &p) == 0 && bk_addr_equal_ip(&p.at, ip);
}

/* --- what came back --- */

/* A number at s, which ends at `end`; what is beyond the ceiling is NO_LENGTH. False: no digit. */
static bool read_number(const char *s, const char *end, unsigned base, size_t *ret_n)
{
	static const char digits[] = "0123456789abcdef";
	const char *start;
	size_t n = 0;

	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	for (start = s; s < end; s++) {
		const char *d = *s ? strchr(digits, *s | ('A' <= *s && *s <= 'F' ? 0x20 : 0)) : NULL;

		if (!d || (size_t)(d - digits) >= base)
			break;
		n = n * base + (size_t)(d - digits);
		n = n > NO_LENGTH ? NO_LENGTH : n;
	}
	*ret_n = n;
	return s > start;
}

bool bk_web_begins(const char *line, const char *end, const char *with)
{
	size_t n = strlen(with);

	return (size_t)(end - line) >= n && strncasecmp(line, with, n) == 0;
}

static bool has_word(const char *s, const char *end, const char *word)
{
	size_t n = strlen(word);

	for (; (size_t)(end - s) >= n; s++)
		if (strncasecmp(s, word, n) == 0)
			return true;
	return false;
}

static int read_field(struct bk_web_answer *a, const char *line, const char *end)
{
	static const char length[] = "content-length:", coding[] = "transfer-encoding:";

	if (bk_web_begins(line, end, coding))
		a->is_chunked = has_word(line + sizeof(coding) - 1, end, "chunked");
	if (!bk_web_begins(line, end, length))
		return 0;
	if (!read_number(line + sizeof(length) - 1, end, 10, &a->length))
		return BK_E_MALFORMED;
	return a->length > BK_WEB_ANSWER_MAX ? BK_E_TOO_BIG : 0;
}

static int read_status(struct bk_web_answer *a, const char *line, const char *end)
{
	static const char version[] = "HTTP/1.x ";
	size_t status;

	line += sizeof(version) - 1;
	if (end - line < STATUS_DIGITS || strncmp(a->bytes, version, sizeof(version) - 3) != 0)
		return BK_E_MALFORMED;
	if (!read_number(line, line + STATUS_DIGITS, 10, &status))
		return BK_E_MALFORMED;
	a->status = (unsigned)status;
	return 0;
}

/* The line that begins at a->at, which is then behind it; *ret_end: without its CR. NULL: not all of it has
 * come, and what has is not searched again. */
static const char *take_line(struct bk_web_answer *a, const char **ret_end)
{
	size_t from = a->searched > a->at ? a->searched : a->at;
	const char *line = a->bytes + a->at, *lf = memchr(a->bytes + from, '\n', a->len - from);

	a->searched = a->len;
	if (!lf)
		return NULL;
	a->at = a->searched = (size_t)(lf + 1 - a->bytes);
	*ret_end = lf > line && lf[-1] == '\r' ? lf - 1 : lf;
	return line;
}

static int read_head(struct bk_web_answer *a)
{
	const char *line, *end;
	int err = 0;

	while (!err && !a->body) {
		line = take_line(a, &end);
		if (!line)
			return BK_E_AGAIN;
		if (line == a->bytes)
			err = read_status(a, line, end);
		else if (line == end)
			a->body = a->bytes + a->at;
		else
			err = read_field(a, line, end);
	}
	return err;
}

/* Where the next one begins, or the last one ends. */
static int begin_chunk(struct bk_web_answer *a)
{
	const char *end, *line = take_line(a, &end);

	if (!line)
		return BK_E_AGAIN;
	if (!read_number(line, end, 16, &a->chunk_left))
		return BK_E_MALFORMED;
	a->is_in_chunk = a->chunk_left > 0;
	return a->chunk_left > BK_WEB_ANSWER_MAX ? BK_E_TOO_BIG : 0;
}

/* What has come of it is put behind the ones before: over what was read, never over what was not. */
static int go_on_with_chunk(struct bk_web_answer *a)
{
	size_t n = a->len - a->at < a->chunk_left ? a->len - a->at : a->chunk_left;
	const char *end;

	memmove(a->body + a->body_len, a->bytes + a->at, n);
	a->body_len += n;
	a->at += n;
	a->chunk_left -= n;
	if (a->chunk_left || !take_line(a, &end))
		return BK_E_AGAIN;
	a->is_in_chunk = false;
	return 0;
}

/* From one chunk to the next until the empty one; what follows that does not matter. */
static int read_chunks(struct bk_web_answer *a)
{
	int err;

	do {
		err = a->is_in_chunk ? 0 : begin_chunk(a);
		if (err || !a->is_in_chunk)
			return err;
		err = go_on_with_chunk(a);
	} while (!err);
	return err;
}

static int read_body(struct bk_web_answer *a)
{
	size_t left = a->len - a->at;

	if (a->is_chunked)
		return read_chunks(a);
	a->body_len = left < a->length ? left : a->length;
	return left >= a->length ? 0 : BK_E_AGAIN;
}

void bk_web_answer_init(struct bk_web_answer *a)
{
	a->len = a->at = a->searched = a->body_len = a->chunk_left = 0;
	a->status = 0;
	a->body = NULL;
	a->length = NO_LENGTH;
	a->is_chunked = a->is_in_chunk = false;
}

int bk_web_answer_read(struct bk_web_answer *a, bool is_end)
{
	int err = read_head(a);

	if (err == BK_E_AGAIN && is_end)
		return BK_E_MALFORMED;
	if (!err)
		err = read_body(a);
	if (err == BK_E_AGAIN && is_end)
		err = 0;
	if (!err)
		a->body[a->body_len] = '\0';
	return err == BK_E_AGAIN && a->len >= BK_WEB_ANSWER_MAX ? BK_E_TOO_BIG : err;
}
