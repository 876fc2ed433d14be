/* SPDX-License-Identifier: Apache-2.0 */
#include "room/key.h"

#include <sodium.h>

#include "rendezvous/own_key.h"
#include "secure/identity.h"

int bk_room_key_open(const char *state_dir, struct bk_signer *ret_signer)
{
	struct bk_identity *id;
	struct bk_signer signer;
	int err = bk_own_key_open(state_dir, &id);

	if (err < 0)
		return err;
	err = bk_identity_sign_key(id, signer.key, signer.secret);
	bk_identity_free(id);
	if (!err)
		*ret_signer = signer;
	sodium_memzero(&signer, sizeof(signer));
	return err;
}
