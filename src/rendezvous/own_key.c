/* SPDX-License-Identifier: Apache-2.0 */
/* The key is kept as the identities of sessions are: a PEM with its certificate. */
#include "rendezvous/own_key.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/file.h"

enum { PEM_MAX = 16 * 1024 };

static int read_key(const char *path, struct bk_identity **ret_identity)
{
	char *pem;
	size_t len;
	int err = bk_file_read(path, PEM_MAX, &pem, &len);

	if (err < 0)
		return err;
	err = bk_identity_from_pem(pem, len, ret_identity);
	sodium_memzero(pem, len);
	free(pem);
	return err;
}

static int make_key(const char *path, struct bk_identity **ret_identity)
{
	struct bk_identity *id;
	char *pem = NULL;
	int err = bk_identity_new(&id);

	if (err < 0)
		return err;
	if (path && (err = bk_identity_to_pem(id, &pem)) >= 0) {
		err = bk_file_write(path, pem, strlen(pem));
		sodium_memzero(pem, strlen(pem));
		free(pem);
	}
	if (err < 0)
		bk_identity_free(id);
	else
		*ret_identity = id;
	return err;
}

/* Of two programs that begin at once the one has the other's. */
static int open_key(const char *state_dir, const char *path, struct bk_identity **ret_identity)
{
	int lock = -1, err = bk_file_make_dir(state_dir);

	if (!err)
		err = bk_file_lock(state_dir, &lock);
	if (err < 0)
		return err;
	err = read_key(path, ret_identity);
	if (err == BK_E_NOT_FOUND)
		err = make_key(path, ret_identity);
	bk_file_unlock(lock);
	return err;
}

int bk_own_key_open(const char *state_dir, struct bk_identity **ret_identity)
{
	char *path = NULL;
	int err;

	if (state_dir && asprintf(&path, "%s/member_key.pem", state_dir) < 0)
		return BK_E_NOMEM;
	err = path ? open_key(state_dir, path, ret_identity) : make_key(NULL, ret_identity);
	free(path);
	return err;
}
