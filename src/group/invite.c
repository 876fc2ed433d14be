/* SPDX-License-Identifier: Apache-2.0 */
/* Invites. The salt is constant: both ends know nothing but the words, and of 70 bits of chance there are no tables.
 * Refuses a word that is not in the list, so that a slip never leads into another, empty group. */
#include "group/invite.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "secure/code.h"

enum { MASTER_LEN = 64, LIST = 1024, WORD_MAX = 24 };

#define PASSES 3
#define MEMORY ((size_t)64 * 1024 * 1024)

int bk_invite_make(char ret_invite[BK_INVITE_STR_MAX])
{
	size_t len = 0;

	if (sodium_init() < 0)
		return BK_E_CRYPTO;
	for (int i = 0; i < BK_INVITE_WORDS; i++)
		len += (size_t)snprintf(ret_invite + len, BK_INVITE_STR_MAX - len, "%s%s", i ? "-" : "",
			bk_code_word(randombytes_uniform(LIST)));
	return 0;
}

/* The next word in small letters, cut where it is too long for one; "" at the end. */
static const char *take_word(const char *s, char word[WORD_MAX + 1])
{
	static const char separators[] = "-_ \t\r\n";
	size_t n = 0;

	s += strspn(s, separators);
	for (; *s && !strchr(separators, *s); s++)
		if (n < WORD_MAX)
			word[n++] = (char)(*s >= 'A' && *s <= 'Z'   ? *s - 'A' + 'a'
					   : *s >= ' ' && *s <= '~' ? *s
								    : '?');
	word[n] = '\0';
	return s;
}

static int say_slip(const char *typed, const char *meant, char text[BK_INVITE_TEXT_MAX])
{
	snprintf(text, BK_INVITE_TEXT_MAX, "'%s' is not a word that invites have%s%s%s", typed,
		meant ? "; did you mean '" : "; ask for it again", meant ? meant : "", meant ? "'?" : "");
	return BK_E_MALFORMED;
}

int bk_invite_from_str(
	const char *typed, char ret_invite[BK_INVITE_STR_MAX], char ret_text[BK_INVITE_TEXT_MAX])
{
	char invite[BK_INVITE_STR_MAX] = "", word[WORD_MAX + 1];
	unsigned words = 0, slips;
	const char *meant;

	for (typed = take_word(typed, word); *word; typed = take_word(typed, word)) {
		meant = bk_code_nearest(word, &slips);
		if (!meant || slips)
			return say_slip(word, meant, ret_text);
		if (words++ < BK_INVITE_WORDS)
			snprintf(invite + strlen(invite), sizeof(invite) - strlen(invite), "%s%s",
				words > 1 ? "-" : "", word);
	}
	if (words != BK_INVITE_WORDS) {
		snprintf(ret_text, BK_INVITE_TEXT_MAX, "an invite has seven words, and this has %u", words);
		return BK_E_MALFORMED;
	}
	memcpy(ret_invite, invite, sizeof(invite));
	sodium_memzero(invite, sizeof(invite));
	return 0;
}

int bk_invite_keys(const char *invite, struct bk_group_keys *ret_keys)
{
	static const uint8_t salt[crypto_pwhash_SALTBYTES] = "bodkin group 1";
	static const char id_label[] = "bodkin group id", seal_label[] = "bodkin group seal",
			  lan_label[] = "bodkin group lan";
	uint8_t master[MASTER_LEN];

	if (sodium_init() < 0 || crypto_pwhash(master, sizeof(master), invite, strlen(invite), salt, PASSES,
					 MEMORY, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return BK_E_NOMEM;
	crypto_generichash(ret_keys->id, sizeof(ret_keys->id), (const uint8_t *)id_label,
		sizeof(id_label) - 1, master, sizeof(master));
	crypto_generichash(ret_keys->lan, sizeof(ret_keys->lan), (const uint8_t *)lan_label,
		sizeof(lan_label) - 1, master, sizeof(master));
	bk_seal_init(&ret_keys->seal, master, seal_label, sizeof(seal_label) - 1);
	sodium_memzero(master, sizeof(master));
	return 0;
}
