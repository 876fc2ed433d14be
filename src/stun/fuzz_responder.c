/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: what the server has and where the question comes in; the rest is the question. Whatever is
 * answered is short, well-formed, and goes to who asked. */
#include <assert.h>
#include <string.h>

#include "stun/responder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bk_stun_responder r = {0};
	struct bk_addr from = bk_addr_v4(198, 51, 100, 7, 4711);
	struct bk_stun_answer a;
	struct bk_stun_msg m;
	int socket;

	if (!size)
		return 0;
	socket = data[0] & 3;
	for (int i = 0; i < BK_STUN_SOCKETS; i++)
		if (i == socket || data[0] >> (2 + i) & 1)
			r.addrs[i] = bk_addr_v4(203, 0, 113, i & 2 ? 2 : 1, i & 1 ? 15006 : 15005);
	if (data[0] & 64) {
		from.family = 6;
		memset(from.ip, 0x20, 16);
	}
	if (bk_stun_respond(&r, socket, &from, data + 1, size - 1, &a) < 0)
		return 0;
	assert(a.len <= BK_STUN_AMPLIFICATION_MAX * (size - 1));
	assert(bk_stun_decode(a.bytes, a.len, &m) == 0);
	assert(m.class == BK_STUN_ERROR || (m.class == BK_STUN_SUCCESS && bk_stun_mapped(&m).family));
	assert(bk_addr_equal_ip(&a.to, &from));
	assert(r.addrs[a.socket].family);
	return 0;
}
