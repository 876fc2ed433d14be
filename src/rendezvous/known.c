/* SPDX-License-Identifier: Apache-2.0 */
/* The file of servers met before, in the trust store's format. */
#include "rendezvous/known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/file.h"
#include "secure/trust.h"

enum { FILE_MAX = 1 << 20, NAME_LEN_MAX = 300 };

static int load(const char *path, struct bk_trust **ret_trust)
{
	char *text = NULL;
	size_t len = 0;
	int err = bk_file_read(path, FILE_MAX, &text, &len);

	if (err < 0 && err != BK_E_NOT_FOUND)
		return err;
	err = bk_trust_from_text(text ? text : "", len, ret_trust);
	free(text);
	return err;
}

/* Whoever runs bodkin for the first time has no such folder. */
static int make_folder(const char *path)
{
	const char *end = strrchr(path, '/');
	char *folder;
	int err;

	if (!end || end == path)
		return 0;
	folder = strndup(path, (size_t)(end - path));
	err = folder ? bk_file_make_dir(folder) : BK_E_NOMEM;
	free(folder);
	return err;
}

static int remember(const char *path, struct bk_trust *trust, const char *name, const struct bk_pin *pin)
{
	char *text = NULL;
	int err = bk_trust_put(trust, name, pin);

	if (!err)
		err = bk_trust_to_text(trust, &text);
	if (!err)
		err = make_folder(path);
	if (!err)
		err = bk_file_write(path, text, strlen(text));
	free(text);
	return err;
}

int bk_known_server_check(const char *path, const char *host, uint16_t port, const struct bk_pin *pin)
{
	char name[NAME_LEN_MAX];
	struct bk_trust *trust = NULL;
	int err;

	if (!path)
		return 0;
	snprintf(name, sizeof(name), "%s:%u", host, port);
	err = load(path, &trust);
	if (err < 0)
		return err;
	switch (bk_trust_check(trust, name, pin)) {
	case BK_TRUST_KNOWN:
		break;
	case BK_TRUST_NEW:
		err = remember(path, trust, name, pin);
		break;
	case BK_TRUST_CHANGED:
		err = BK_E_PIN_MISMATCH;
		break;
	}
	bk_trust_free(trust);
	return err;
}
