/* SPDX-License-Identifier: Apache-2.0 */
/* A server as somebody typed it, or as it stands in a link that somebody sent. What is taken must be a host
 * that can stand in a message and in a file, and must read the same when written out. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "rendezvous/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(const struct bk_target *t)
{
	char text[BK_TARGET_HOST_MAX + 100], pin[BK_PIN_STR_MAX];
	bool wants_brackets = strpbrk(t->host, ":[]") != NULL;
	struct bk_target again;

	if (strchr(t->host, '[') || strchr(t->host, ']'))
		return; /* nobody's name; the resolver refuses it */
	snprintf(text, sizeof(text), wants_brackets ? "[%s]:%u%s%s" : "%s:%u%s%s", t->host, t->port,
		t->has_pin ? "#" : "", t->has_pin ? bk_pin_to_str(&t->pin, pin) : "");
	if (bk_target_from_str(text, &again) < 0 || strcmp(again.host, t->host) != 0 ||
		again.port != t->port || again.has_pin != t->has_pin ||
		(t->has_pin && !bk_pin_equal(&again.pin, &t->pin)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bk_target t = {0};
	char *s = malloc(size + 1);
	int err;

	if (!s)
		return 0;
	if (size)
		memcpy(s, data, size);
	s[size] = 0;
	err = bk_target_from_str(s, &t);
	if (err < 0 && (err != BK_E_MALFORMED || *t.host || t.port))
		abort();
	if (!err) {
		if (!*t.host || !t.port || strlen(t.host) > BK_TARGET_HOST_MAX)
			abort();
		for (const char *c = t.host; *c; c++)
			if ((unsigned char)*c <= ' ' || *c == '/' || *c == '#')
				abort();
		check_written(&t);
	}
	free(s);
	return 0;
}
