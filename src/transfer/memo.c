/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/memo.h"

#include <bodkin/transfer.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

int bk_memo_new(const void *text, size_t len)
{
	int memo = memfd_create("bodkin", MFD_CLOEXEC);

	if (memo >= 0 && (!len || write(memo, text, len) == (ssize_t)len))
		return memo;
	if (memo >= 0)
		close(memo);
	return BK_E_FILE;
}

int bk_memo_open(int memo)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memo);
	return open(path, O_RDONLY | O_CLOEXEC);
}

char *bk_memo_read(int memo, size_t *ret_len)
{
	struct stat st;
	size_t len = fstat(memo, &st) == 0 ? (size_t)st.st_size : SIZE_MAX;
	char *text = len <= BK_TRANSFER_MESSAGE_MAX ? malloc(len + 1) : NULL;

	if (!text || pread(memo, text, len, 0) != (ssize_t)len) {
		free(text);
		return NULL;
	}
	text[len] = 0;
	*ret_len = len;
	return text;
}
