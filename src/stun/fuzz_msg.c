/* SPDX-License-Identifier: Apache-2.0 */
/* What decodes must encode, and from then on stay the same; the checks must stand any bytes. */
#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "stun/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bk_stun_key key = {"VOkJxbRl1RmTxUk/WvJxBt", 22};
	uint8_t first[BK_STUN_MESSAGE_MAX], second[BK_STUN_MESSAGE_MAX];
	struct bk_stun_msg m, again;
	int n, len;

	bk_stun_looks_like(data, size);
	if (bk_stun_decode(data, size, &m) < 0)
		return 0;
	bk_stun_check_integrity(data, size, &m, &key);
	bk_stun_check_fingerprint(data, size, &m);
	n = bk_stun_encode(&m, &key, true, first, sizeof(first));
	if (n == BK_E_FULL) /* our checks did not fit */
		return 0;
	assert(n > 0);
	assert(bk_stun_decode(first, (size_t)n, &again) == 0);
	assert(bk_stun_check_integrity(first, (size_t)n, &again, &key));
	assert(bk_stun_check_fingerprint(first, (size_t)n, &again));
	again.unknown_len = m.unknown_len; /* they travel in UNKNOWN-ATTRIBUTES, which is not read back */
	memcpy(again.unknown, m.unknown, sizeof(m.unknown));
	len = bk_stun_encode(&again, &key, true, second, sizeof(second));
	assert(len == n && !memcmp(first, second, (size_t)n));
	return 0;
}
