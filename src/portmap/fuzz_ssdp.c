/* SPDX-License-Identifier: Apache-2.0 */
/* An answer to a search: whatever comes, the address in it is one word, and stands in the answer as it is. */
#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "portmap/ssdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char url[BK_SSDP_URL_MAX];
	int err = bk_ssdp_read(data, size, url);

	if (err < 0) {
		assert(err == BK_E_MALFORMED || err == BK_E_TOO_BIG);
		return 0;
	}
	assert(size <= BK_SSDP_ANSWER_MAX && *url && !strpbrk(url, " \r\n\t"));
	assert(memmem(data, size, url, strlen(url)));
	return 0;
}
