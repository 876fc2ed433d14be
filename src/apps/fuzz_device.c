/* SPDX-License-Identifier: Apache-2.0 */
/* What a device says of itself. What decodes must encode to the same bytes, but for types of NAT that are not known and
 * what a later version has put behind it. */
#include <stdlib.h>
#include <string.h>

#include "apps/device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[BK_DEVICE_ABOUT_MAX];
	char text[BK_ADDR_STR_MAX];
	struct bk_device d;
	size_t n;

	if (bk_device_decode(data, size, &d) < 0)
		return 0;
	for (size_t i = 0; i < d.addresses_len; i++)
		if (!strlen(bk_addr_ip_to_str(&d.addresses[i], text)))
			abort();
	n = bk_device_encode(&d, again);
	if (n > size || memcmp(again, data, 6) != 0 || memcmp(again + 7, data + 7, n - 7) != 0)
		abort();
	return 0;
}
