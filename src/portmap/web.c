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

struct head {
	size_t length; /* NO_LENGTH: until the end */
	bool is_chunked;
};

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

static int read_field(struct head *h, const char *line, const char *end)
{
	static const char length[] = "content-length:", coding[] = "transfer-encoding:";

	if (bk_web_begins(line, end, coding))
		h->is_chunked = has_word(line + sizeof(coding) - 1, end, "chunked");
	if (!bk_web_begins(line, end, length))
		return 0;
	if (!read_number(line + sizeof(length) - 1, end, 10, &h->length))
		return BK_E_MALFORMED;
	return h->length > BK_WEB_ANSWER_MAX ? BK_E_TOO_BIG : 0;
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

/* The end of the line at s without its CR; NULL: it has none yet. */
static char *end_of_line(char *s, const char *end, char **ret_next)
{
	char *lf = memchr(s, '\n', (size_t)(end - s));

	if (!lf)
		return NULL;
	*ret_next = lf + 1;
	return lf > s && lf[-1] == '\r' ? lf - 1 : lf;
}

static int read_head(struct bk_web_answer *a, struct head *h)
{
	const char *end = a->bytes + a->len;
	char *line = a->bytes, *next, *eol;
	int err = 0;

	*h = (struct head){.length = NO_LENGTH};
	while (!err) {
		eol = end_of_line(line, end, &next);
		if (!eol)
			return BK_E_AGAIN;
		if (eol == line && line != a->bytes)
			break;
		err = line == a->bytes ? read_status(a, line, eol) : read_field(h, line, eol);
		line = next;
	}
	a->body = next;
	return err;
}

/* From one chunk to the next until the empty one; what follows that does not matter. Joined they all stand at the front
 * of the body. */
static int walk_chunks(struct bk_web_answer *a, bool is_joining)
{
	const char *end = a->bytes + a->len;
	char *at = a->body, *data, *eol;
	size_t n, here;

	for (a->body_len = 0;;) {
		eol = end_of_line(at, end, &data);
		if (!eol)
			return BK_E_AGAIN;
		if (!read_number(at, eol, 16, &n))
			return BK_E_MALFORMED;
		if (n == 0 || n > BK_WEB_ANSWER_MAX)
			return n ? BK_E_TOO_BIG : 0;
		here = n < (size_t)(end - data) ? n : (size_t)(end - data);
		at = data + here;
		if (is_joining)
			memmove(a->body + a->body_len, data, here);
		a->body_len += here;
		if (here < n || !end_of_line(at, end, &at))
			return BK_E_AGAIN;
	}
}

/* Joining moves them, so only when no more will come. */
static int read_chunked(struct bk_web_answer *a, bool is_end)
{
	int err = walk_chunks(a, false);

	if (err == BK_E_AGAIN && is_end)
		err = 0;
	if (!err)
		(void)walk_chunks(a, true);
	return err;
}

static int read_body(struct bk_web_answer *a, const struct head *h, bool is_end)
{
	size_t left = a->len - (size_t)(a->body - a->bytes);

	if (h->is_chunked)
		return read_chunked(a, is_end);
	a->body_len = left < h->length ? left : h->length;
	return is_end || left >= h->length ? 0 : BK_E_AGAIN;
}

int bk_web_answer_read(struct bk_web_answer *a, bool is_end)
{
	struct head h;
	int err = read_head(a, &h);

	if (err == BK_E_AGAIN && is_end)
		return BK_E_MALFORMED;
	if (!err)
		err = read_body(a, &h, is_end);
	if (!err)
		a->body[a->body_len] = '\0';
	return err == BK_E_AGAIN && a->len >= BK_WEB_ANSWER_MAX ? BK_E_TOO_BIG : err;
}
