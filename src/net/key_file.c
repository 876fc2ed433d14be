/* SPDX-License-Identifier: Apache-2.0 */
#include "net/key_file.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/file.h"

enum { PEM_MAX = 16 * 1024 };

static void wipe(char *pem, size_t n)
{
	if (pem)
		sodium_memzero(pem, n);
	free(pem);
}

int bk_key_file_read(const char *path, struct bk_identity **ret_identity)
{
	char *pem;
	size_t len;
	int err = bk_file_read(path, PEM_MAX, &pem, &len);

	if (err < 0)
		return err;
	err = bk_identity_from_pem(pem, len, ret_identity);
	wipe(pem, len);
	return err;
}

static int make(const char *path, struct bk_identity **ret_identity)
{
	struct bk_identity *id = NULL;
	char *pem = NULL;
	int err = bk_identity_new(&id);

	if (!err)
		err = bk_identity_to_pem(id, &pem);
	if (!err)
		err = bk_file_write(path, pem, strlen(pem));
	wipe(pem, pem ? strlen(pem) : 0);
	if (err < 0) {
		bk_identity_free(id);
		return err;
	}
	*ret_identity = id;
	return 1;
}

int bk_key_file_open(const char *folder, const char *path, struct bk_identity **ret_identity)
{
	int lock = -1, err = bk_file_make_dir(folder);

	if (!err)
		err = bk_file_lock(folder, &lock);
	if (err < 0)
		return err;
	err = bk_key_file_read(path, ret_identity);
	if (err == BK_E_NOT_FOUND)
		err = make(path, ret_identity);
	bk_file_unlock(lock);
	return err;
}
