/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secure/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* PEM text and pin text from anywhere; an identity that reads must write and read again to the same pin. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bk_identity *id, *back;
	struct bk_pin a, b;
	char *pem;

	if (bk_identity_from_pem((const char *)data, size, &id) < 0)
		return 0;
	a = bk_identity_pin(id);
	if (bk_identity_to_pem(id, &pem) < 0 || bk_identity_from_pem(pem, strlen(pem), &back) < 0)
		abort();
	b = bk_identity_pin(back);
	if (!bk_pin_equal(&a, &b))
		abort();
	free(pem);
	bk_identity_free(id);
	bk_identity_free(back);
	return 0;
}
