/* SPDX-License-Identifier: Apache-2.0 */
/* The file of servers met before, in the trust store's format. */
#include "rendezvous/known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
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

/* The folder of the file, malloc'ed. */
static char *folder_of(const char *path)
{
	const char *end = strrchr(path, '/');

	if (!end)
		return strdup(".");
	return end == path ? strdup("/") : strndup(path, (size_t)(end - path));
}

static void name_of(const char *host, uint16_t port, char name[NAME_LEN_MAX])
{
	char ip[BK_ADDR_STR_MAX];
	struct bk_addr addr;

	if (bk_addr_from_ip(host, port, &addr) == 0)
		host = bk_addr_ip_to_str(&addr, ip);
	snprintf(name, NAME_LEN_MAX, "%s:%u", host, port);
}

enum bk_known_verdict bk_known_server_check(
	const char *path, const char *host, uint16_t port, const struct bk_pin *pin, int *ret_error)
{
	static const enum bk_known_verdict verdicts[] = {[BK_TRUST_KNOWN] = BK_KNOWN_YES,
		[BK_TRUST_NEW] = BK_KNOWN_NEW,
		[BK_TRUST_CHANGED] = BK_KNOWN_CHANGED};
	char name[NAME_LEN_MAX];
	struct bk_trust *trust = NULL;
	enum bk_known_verdict verdict;

	*ret_error = path ? load(path, &trust) : 0;
	if (*ret_error < 0)
		return BK_KNOWN_UNSURE;
	if (!trust)
		return BK_KNOWN_NEW;
	name_of(host, port, name);
	verdict = verdicts[bk_trust_check(trust, name, pin)];
	bk_trust_free(trust);
	return verdict;
}

static int save(const char *path, const struct bk_trust *trust)
{
	char *text = NULL;
	int err = bk_trust_to_text(trust, &text);

	if (!err)
		err = bk_file_write(path, text, strlen(text));
	free(text);
	return err;
}

/* Under the lock: what others have written meanwhile stays. */
static int add(const char *path, const char *name, const struct bk_pin *pin)
{
	struct bk_trust *trust = NULL;
	enum bk_trust_verdict verdict;
	int err = load(path, &trust);

	if (err < 0)
		return err;
	verdict = bk_trust_check(trust, name, pin);
	if (verdict == BK_TRUST_CHANGED)
		err = BK_E_PIN_MISMATCH;
	if (verdict == BK_TRUST_NEW)
		err = bk_trust_put(trust, name, pin);
	if (verdict == BK_TRUST_NEW && !err)
		err = save(path, trust);
	bk_trust_free(trust);
	return err;
}

int bk_known_server_remember(const char *path, const char *host, uint16_t port, const struct bk_pin *pin)
{
	char name[NAME_LEN_MAX], *folder = folder_of(path);
	int lock = -1, err = folder ? bk_file_make_dir(folder) : BK_E_NOMEM;

	if (!err)
		err = bk_file_lock(folder, &lock);
	free(folder);
	if (err < 0)
		return err;
	name_of(host, port, name);
	err = add(path, name, pin);
	bk_file_unlock(lock);
	return err;
}

/* --- is it who it was? --- */

static int refuse_changed(const char *path, const char *place, const char *pin, char text[BK_KNOWN_TEXT_MAX])
{
	snprintf(text, BK_KNOWN_TEXT_MAX,
		"the key of server '%s' is not the one remembered from before, but %s: its owner made a new "
		"one, or somebody stands between who would see who meets whom; if 'bodkin serve --show' "
		"there says the same, remove its line from '%s'",
		place, pin, path);
	return BK_E_PIN_MISMATCH;
}

/* He is not written down either, so that a second try does not find him known. */
static int refuse_secret(const char *place, const char *pin, char text[BK_KNOWN_TEXT_MAX])
{
	snprintf(text, BK_KNOWN_TEXT_MAX,
		"cannot send the token to server '%s', whose key is not known here; its key is %s: if "
		"'bodkin serve --show' there says the same, use -s %s#%s",
		place, pin, place, pin);
	return BK_E_PIN_MISMATCH;
}

/* Said at the first meeting, when there is nothing yet to compare with. */
static void tell_new(
	const char *path, const char *place, const char *pin, int err, char text[BK_KNOWN_TEXT_MAX])
{
	if (path && !err)
		snprintf(text, BK_KNOWN_TEXT_MAX,
			"first meeting with server '%s', whose key is %s; 'bodkin serve --show' "
			"there tells whether that is right",
			place, pin);
	else
		snprintf(text, BK_KNOWN_TEXT_MAX,
			"going on without remembering server '%s' (%s%s%s), whose key is %s; "
			"-s %s#%s has it compared",
			place, path ? path : "", path ? ": " : "",
			path ? bk_error_text(err) : "there is no home", pin, place, pin);
}

int bk_known_server_trust(const char *path, const struct bk_target *t, const struct bk_pin *key,
	bool has_secret, char text[BK_KNOWN_TEXT_MAX])
{
	char place[BK_TARGET_STR_MAX], pin[BK_PIN_STR_MAX];
	int err;
	enum bk_known_verdict verdict = bk_known_server_check(path, t->host, t->port, key, &err);

	*text = 0;
	bk_target_to_str(t, place);
	bk_pin_to_str(key, pin);
	if (verdict == BK_KNOWN_YES)
		return 0;
	if (verdict == BK_KNOWN_CHANGED)
		return refuse_changed(path, place, pin, text);
	if (has_secret)
		return refuse_secret(place, pin, text);
	if (verdict == BK_KNOWN_NEW && path)
		err = bk_known_server_remember(path, t->host, t->port, key);
	if (err == BK_E_PIN_MISMATCH)
		return refuse_changed(path, place, pin, text);
	tell_new(path, place, pin, err, text);
	return 0;
}
