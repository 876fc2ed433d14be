/* SPDX-License-Identifier: Apache-2.0 */
#include "session/shared_code.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/error.h"

int bk_shared_code_new(struct bk_shared_code **ret_code)
{
	struct bk_shared_code *c = sodium_init() < 0 ? NULL : calloc(1, sizeof(*c));

	if (!c)
		return BK_E_NOMEM;
	randombytes_buf(c->heir, sizeof(c->heir));
	*ret_code = c;
	return 0;
}

void bk_shared_code_free(struct bk_shared_code *c)
{
	if (!c)
		return;
	bk_lan_mailbox_free(c->lan);
	sodium_memzero(c, sizeof(*c));
	free(c);
}

int bk_shared_code_lan(
	struct bk_shared_code *c, const struct bk_lan_opts *opts, struct bk_lan_mailbox **ret_mailbox)
{
	int err = c->lan ? 0 : bk_lan_mailbox_new(opts, &c->lan);

	if (!err)
		*ret_mailbox = c->lan;
	return err;
}
