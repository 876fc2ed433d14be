/* SPDX-License-Identifier: Apache-2.0 */
#include "rendezvous/own_key.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "net/key_file.h"

int bk_own_key_open(const char *state_dir, struct bk_identity **ret_identity)
{
	char *path;
	int err;

	if (!state_dir)
		return bk_identity_new(ret_identity);
	if (asprintf(&path, "%s/member_key.pem", state_dir) < 0)
		return BK_E_NOMEM;
	err = bk_key_file_open(state_dir, path, ret_identity);
	free(path);
	return err < 0 ? err : 0;
}
