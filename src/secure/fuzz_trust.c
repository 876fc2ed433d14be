/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secure/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What reads is written back byte by byte (but for the last newline), also after it has learnt a name. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct bk_pin pin = {{7}};
	struct bk_trust *t;
	char *text;
	size_t n;

	if (bk_trust_from_text((const char *)data, size, &t) < 0)
		return 0;
	if (bk_trust_to_text(t, &text) < 0)
		abort();
	n = strlen(text);
	if ((n != size && n != size + 1) || (size && memcmp(text, data, size) != 0))
		abort();
	free(text);
	if (!bk_trust_put(t, "name", &pin) && bk_trust_check(t, "name", &pin) != BK_TRUST_KNOWN)
		abort();
	bk_trust_free(t);
	return 0;
}
