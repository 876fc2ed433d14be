/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secure/code.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What reads must write and read again to the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1), text[BK_CODE_STR_MAX];
	struct bk_code code, back;
	char why[BK_CODE_TEXT_MAX];

	if (!s)
		return 0;
	if (size)
		memcpy(s, data, size);
	s[size] = '\0';
	if (!bk_code_from_str(s, &code)) {
		if (bk_code_from_str(bk_code_to_str(&code, text), &back) ||
			back.nameplate != code.nameplate || strcmp(back.password, code.password) != 0)
			abort();
	}
	if (bk_code_check(s, why) < 0 && (!*why || strlen(why) >= sizeof(why) - 1))
		abort();
	free(s);
	return 0;
}
