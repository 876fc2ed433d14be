/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_KNOWN_H
#define BK_RENDEZVOUS_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "rendezvous/target.h"
#include "secure/identity.h"

/* Trust on first use for servers, in a file. It is a help: what cannot be read or written stops nobody, and is never a
 * silent "new" either. Names are compared as names, addresses as addresses. */
enum bk_known_verdict {
	BK_KNOWN_YES,     /* the key is the one that was written down */
	BK_KNOWN_NEW,     /* nothing was written down for this server */
	BK_KNOWN_CHANGED, /* another key was */
	BK_KNOWN_UNSURE,  /* the file cannot be read */
};

/* *ret_error says why for BK_KNOWN_UNSURE. path NULL: there is no file, everybody is new. */
enum bk_known_verdict bk_known_server_check(
	const char *path, const char *host, uint16_t port, const struct bk_pin *pin, int *ret_error);
/* Writes down a new one, and its folder where there is none; beside other programs that do so. BK_E_PIN_MISMATCH when
 * one of them was faster, with another key. */
int bk_known_server_remember(const char *path, const char *host, uint16_t port, const struct bk_pin *pin);

enum { BK_KNOWN_TEXT_MAX = 896 };

/* Both, for a server that shows `key`: 0, with a sentence for a person or "", or BK_E_PIN_MISMATCH with one.
 * has_secret: it would be sent a secret, which goes to nobody whose key was never seen, by us or by whoever
 * gave us the pin. Not being able to remember is no reason not to go on, but one to say so. */
int bk_known_server_trust(const char *path, const struct bk_target *t, const struct bk_pin *key,
	bool has_secret, char text[BK_KNOWN_TEXT_MAX]);

#endif
