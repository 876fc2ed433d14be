/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "secure/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BUFFER_MAX = 64 * 1024 };

/* A stranger's bytes to either side of a handshake. The first byte chooses the side and the size of
 * the pieces. Nobody may become secure by bytes made without the keys, and nothing may grow. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bk_identity *id;
	struct bk_tls_opts opts = {.alpn = "bodkin/1", .buffer_max = BUFFER_MAX};
	struct bk_tls *t;
	size_t step, at = 1;
	int err = BK_E_AGAIN;

	if (!id && bk_identity_new(&id) < 0)
		abort();
	if (!size)
		return 0;
	opts.is_server = data[0] & 1;
	opts.wants_peer_certificate = data[0] & 2;
	opts.identity = id;
	step = (size_t)(data[0] >> 2) * 64 + 1;
	if (bk_tls_new(&opts, &t) < 0)
		return 0;
	while (at < size && err == BK_E_AGAIN) {
		size_t n = size - at < step ? size - at : step;

		if (bk_buf_append(bk_tls_in(t), data + at, n) < 0)
			break;
		at += n;
		err = bk_tls_handshake(t);
		if (!err || bk_tls_is_secure(t) || bk_tls_out(t)->len > BUFFER_MAX)
			abort();
	}
	if (err != BK_E_AGAIN && bk_tls_handshake(t) != err)
		abort();
	bk_tls_free(t);
	return 0;
}
