/* SPDX-License-Identifier: Apache-2.0 */
/* Mail of a stranger at each step of pairing. Without the words nothing may open, and no introduction may be
 * handed out. The first byte chooses the step. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "meet/pairing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NAMEPLATE = 7 };

static struct bk_intro own(void)
{
	return (struct bk_intro){.version = BK_INTRO_VERSION, .id = "me", .name = "me"};
}

static void as_joiner(const uint8_t *left, size_t n, const uint8_t *reply, size_t reply_len)
{
	struct bk_intro me = own(), peer = {0};
	struct bk_pairing p;
	struct bk_buf out;
	int err;

	bk_buf_init(&out, BK_PAIRING_MAIL_MAX);
	if (bk_pairing_init(&p, false, "tulip-anchor") < 0)
		abort();
	err = bk_pairing_answer(&p, NAMEPLATE, left, n, &me, &out);
	if (!err != p.is_keyed || (err && out.len))
		abort();
	if (bk_pairing_take_reply(&p, reply, reply_len, &peer) >= 0 || peer.version)
		abort();
	bk_pairing_done(&p);
	bk_buf_done(&out);
}

static void as_maker(const uint8_t *mail, size_t n)
{
	struct bk_intro peer = {0};
	struct bk_pairing p;
	struct bk_buf out;

	bk_buf_init(&out, BK_PAIRING_MAIL_MAX);
	if (bk_pairing_init(&p, true, "tulip-anchor") < 0 || bk_pairing_leave(&p, &out) < 0)
		abort();
	if (bk_pairing_take_answer(&p, NAMEPLATE, mail, n, &peer) >= 0 || peer.version)
		abort();
	if (bk_pairing_take_answer(&p, NAMEPLATE, mail, n, &peer) >= 0) /* no second guess */
		abort();
	bk_pairing_done(&p);
	bk_buf_done(&out);
}

/* A mail as the real other side makes it, changed at one place. */
static void changed(const uint8_t *data, size_t size)
{
	struct bk_intro me = own(), peer = {0};
	struct bk_pairing maker, joiner;
	struct bk_buf left, answer;
	size_t at;

	if (size < 3 || !data[2])
		return;
	bk_buf_init(&left, BK_PAIRING_MAIL_MAX);
	bk_buf_init(&answer, BK_PAIRING_MAIL_MAX);
	if (bk_pairing_init(&maker, true, "tulip-anchor") < 0 ||
		bk_pairing_init(&joiner, false, "tulip-anchor") < 0 || bk_pairing_leave(&maker, &left) < 0 ||
		bk_pairing_answer(&joiner, NAMEPLATE, bk_buf_head(&left), left.len, &me, &answer) < 0)
		abort();
	at = (size_t)(data[0] << 8 | data[1]) % answer.len;
	bk_buf_head(&answer)[at] ^= data[2];
	if (bk_pairing_take_answer(&maker, NAMEPLATE, bk_buf_head(&answer), answer.len, &peer) >= 0 ||
		peer.version)
		abort();
	bk_pairing_done(&maker);
	bk_pairing_done(&joiner);
	bk_buf_done(&left);
	bk_buf_done(&answer);
}

/* Two who know each other, and mail of a round: as it was made, in another round, changed, or a
 * stranger's. */
static void again(const uint8_t *data, size_t size)
{
	static const uint8_t rounds[2][BK_PAIRING_SECRET_LEN] = {{1}, {2}};
	struct bk_intro me = own(), peer = {0};
	struct bk_pairing maker, joiner;
	struct bk_buf mail, first;
	size_t at;

	if (size < 4)
		return;
	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	bk_buf_init(&first, BK_PAIRING_MAIL_MAX);
	if (bk_pairing_init(&maker, true, "tulip-anchor") < 0 ||
		bk_pairing_init(&joiner, false, "tulip-anchor") < 0 || bk_pairing_leave(&maker, &mail) < 0 ||
		bk_pairing_answer(&joiner, NAMEPLATE, bk_buf_head(&mail), mail.len, &me, &first) < 0 ||
		bk_pairing_take_answer(&maker, NAMEPLATE, bk_buf_head(&first), first.len, &peer) < 0)
		abort();
	bk_buf_consume(&mail, mail.len);
	if (bk_pairing_take_again(&maker, rounds[0], data, size, &peer) >= 0 || maker.seen)
		abort();
	if (bk_pairing_again(&joiner, rounds[0], &me, &mail) < 0)
		abort();
	at = (size_t)(data[0] << 8 | data[1]) % mail.len;
	bk_buf_head(&mail)[at] ^= data[2];
	if ((bk_pairing_take_again(&maker, rounds[data[3] & 1], bk_buf_head(&mail), mail.len, &peer) == 0) !=
		(!data[2] && !(data[3] & 1)))
		abort();
	bk_pairing_done(&maker);
	bk_pairing_done(&joiner);
	bk_buf_done(&mail);
	bk_buf_done(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t half;

	if (!size || sodium_init() < 0)
		return 0;
	data++;
	size--;
	half = size < 34 ? size : 34;
	switch (data[-1] % 4) {
	case 0:
		as_joiner(data, half, data + half, size - half);
		break;
	case 1:
		as_maker(data, size);
		break;
	case 2:
		changed(data, size);
		break;
	default:
		again(data, size);
		break;
	}
	return 0;
}
