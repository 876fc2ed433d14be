/* SPDX-License-Identifier: Apache-2.0 */
/* The error table: code, name and text from BK_ERROR_MAP, and the way from errno into it. */
#include "base/error.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
	int code;
	const char *name;
	const char *text;
} table[] = {{BK_OK, "ok", "done"},
#define ROW(id, code, name, text) {code, name, text},
	BK_ERROR_MAP(ROW)
#undef ROW
};

enum { TABLE_LEN = sizeof(table) / sizeof(table[0]) };

const char *bk_error_name(int code)
{
	for (size_t i = 0; i < TABLE_LEN; i++)
		if (table[i].code == code)
			return table[i].name;
	return "unknown";
}

const char *bk_error_text(int code)
{
	for (size_t i = 0; i < TABLE_LEN; i++)
		if (table[i].code == code)
			return table[i].text;
	return "unknown error";
}

int bk_error_from_name(const char *name)
{
	for (size_t i = 0; i < TABLE_LEN; i++)
		if (!strcmp(table[i].name, name))
			return table[i].code;
	return BK_E_INTERNAL;
}

int bk_error_from_errno(int err)
{
	static const struct {
		int err;
		int code;
	} rows[] = {
		{0, BK_OK},
		{ENOMEM, BK_E_NOMEM},
		{ENOBUFS, BK_E_NOMEM},
		{EINVAL, BK_E_INVALID},
		{EAGAIN, BK_E_AGAIN},
		{EINPROGRESS, BK_E_AGAIN},
		{EINTR, BK_E_AGAIN},
		{ETIMEDOUT, BK_E_TIMEOUT},
		{EPIPE, BK_E_EOF},
		{EMFILE, BK_E_FULL},
		{ENFILE, BK_E_FULL},
		{EEXIST, BK_E_EXISTS},
		{ENOENT, BK_E_NOT_FOUND},
		{ENOTDIR, BK_E_NOT_FOUND},
		{EACCES, BK_E_ACCESS},
		{EPERM, BK_E_ACCESS},
		{EROFS, BK_E_ACCESS},
		{EADDRINUSE, BK_E_ADDRESS_IN_USE},
		{EADDRNOTAVAIL, BK_E_ADDRESS},
		{EAFNOSUPPORT, BK_E_ADDRESS},
		{ECONNREFUSED, BK_E_REFUSED},
		{ECONNRESET, BK_E_RESET},
		{ECONNABORTED, BK_E_RESET},
		{ENOTCONN, BK_E_RESET}, /* it was connected: a half-close after the peer's reset */
		{ENETUNREACH, BK_E_UNREACHABLE},
		{EHOSTUNREACH, BK_E_UNREACHABLE},
		{ENETDOWN, BK_E_UNREACHABLE},
		{ENOSPC, BK_E_NO_SPACE},
		{EDQUOT, BK_E_NO_SPACE},
		{EFBIG, BK_E_TOO_BIG},
		{ENOSYS, BK_E_UNSUPPORTED},
		{EOPNOTSUPP, BK_E_UNSUPPORTED},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].err == err)
			return rows[i].code;
	return BK_E_IO;
}
