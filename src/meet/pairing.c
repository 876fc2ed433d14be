/* SPDX-License-Identifier: Apache-2.0 */
/* Pairing by code: CPace turns the spoken words into a key, and both introductions travel sealed with it
 * through a server that learns nothing. One wrong guess ends it for both: there is no second try
 * under the same code, so twenty bits are enough. */
#include "meet/pairing.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/cursor.h"

enum { GOOD = 1 }; /* behind a `wrong`: so is the code, for others */

enum { VERSION = 1, HEAD_LEN = 2, NUMBER_LEN = 4, TRANSCRIPT_LEN = 2 * BK_PAKE_SHARE_LEN + 4 };

static const char channel_id[] = "bodkin/1";

static const char introduction[] = "introduction";

/* Of an introduction in a later round: bound to the round by its token, to its place by its number. */
enum { PURPOSE_MAX = sizeof("introduction 4294967295 ") + 2 * BK_PAIRING_SECRET_LEN };

static const char *purpose_again(
	char out[PURPOSE_MAX], uint32_t number, const uint8_t token[BK_PAIRING_SECRET_LEN])
{
	char hex[2 * BK_PAIRING_SECRET_LEN + 1];

	sodium_bin2hex(hex, sizeof(hex), token, BK_PAIRING_SECRET_LEN);
	snprintf(out, PURPOSE_MAX, "%s %u %s", introduction, number, hex);
	return out;
}

int bk_pairing_init(struct bk_pairing *p, bool is_initiator, const char *password)
{
	memset(p, 0, sizeof(*p));
	p->is_initiator = is_initiator;
	return bk_pake_start(&p->pake, password, strlen(password), channel_id, strlen(channel_id), "", 0);
}

void bk_pairing_done(struct bk_pairing *p)
{
	bk_pake_done(&p->pake);
	bk_seal_done(&p->seal);
	sodium_memzero(p->meeting, sizeof(p->meeting));
	p->is_keyed = false;
}

int bk_pairing_kind(const uint8_t *mail, size_t n)
{
	if (n < HEAD_LEN || mail[1] > BK_PAIRING_AGAIN)
		return BK_E_MALFORMED;
	return mail[0] == VERSION ? mail[1] : BK_E_VERSION;
}

static int append_head(struct bk_buf *out, enum bk_pairing_mail kind)
{
	const uint8_t head[HEAD_LEN] = {VERSION, (uint8_t)kind};

	return bk_buf_append(out, head, sizeof(head));
}

/* The server is shown it, so it is no key to anything else: keyed BLAKE2b over a label of its own, which is
 * longer than the labels of the sealing keys (secure/seal.c), and the transcript. */
static void make_meeting(
	struct bk_pairing *p, const uint8_t key[BK_PAKE_KEY_LEN], const uint8_t transcript[TRANSCRIPT_LEN])
{
	static const char label[] = "bodkin/1 meeting secret";
	crypto_generichash_state h;

	crypto_generichash_init(&h, key, BK_PAKE_KEY_LEN, sizeof(p->meeting));
	crypto_generichash_update(&h, (const uint8_t *)label, sizeof(label));
	crypto_generichash_update(&h, transcript, TRANSCRIPT_LEN);
	crypto_generichash_final(&h, p->meeting, sizeof(p->meeting));
	sodium_memzero(&h, sizeof(h));
}

/* Both shares and the nameplate are bound into the sealing keys: a server that swaps any of them gets mail
 * that does not open. */
static int make_seal(struct bk_pairing *p, uint32_t nameplate, const uint8_t peer_share[BK_PAKE_SHARE_LEN])
{
	const uint8_t *initiator = p->is_initiator ? p->pake.share : peer_share;
	const uint8_t *responder = p->is_initiator ? peer_share : p->pake.share;
	uint8_t transcript[TRANSCRIPT_LEN], key[BK_PAKE_KEY_LEN];
	struct bk_writer w;
	int err;

	bk_writer_init(&w, transcript, sizeof(transcript));
	bk_write_bytes(&w, initiator, BK_PAKE_SHARE_LEN);
	bk_write_bytes(&w, responder, BK_PAKE_SHARE_LEN);
	bk_write_u32(&w, nameplate);
	err = bk_pake_finish(&p->pake, p->is_initiator, peer_share, "", 0, "", 0, key);
	if (err < 0)
		return err;
	bk_seal_init(&p->seal, key, transcript, sizeof(transcript));
	make_meeting(p, key, transcript);
	sodium_memzero(key, sizeof(key));
	p->is_keyed = true;
	return 0;
}

static int append_sealed(
	struct bk_pairing *p, const char *purpose, const struct bk_intro *own, struct bk_buf *out)
{
	char *json;
	uint8_t *at;
	size_t n;
	int err = bk_intro_encode(own, &json, &n);

	if (err < 0)
		return err;
	at = bk_buf_reserve(out, n + BK_SEAL_OVERHEAD);
	if (at) {
		bk_seal_close(&p->seal, p->is_initiator, purpose, json, n, at);
		bk_buf_commit(out, n + BK_SEAL_OVERHEAD);
	}
	free(json);
	return at ? 0 : BK_E_FULL;
}

static int open_sealed(
	struct bk_pairing *p, const char *purpose, const uint8_t *sealed, size_t n, struct bk_intro *ret_peer)
{
	uint8_t json[BK_INTRO_BYTES_MAX];
	int err;

	if (n < BK_SEAL_OVERHEAD || n - BK_SEAL_OVERHEAD > sizeof(json))
		return BK_E_MALFORMED;
	err = bk_seal_open(&p->seal, !p->is_initiator, purpose, sealed, n, json);
	if (err < 0)
		return BK_E_WRONG_CODE;
	return bk_intro_decode(json, n - BK_SEAL_OVERHEAD, ret_peer);
}

int bk_pairing_leave(struct bk_pairing *p, struct bk_buf *out)
{
	int err = append_head(out, BK_PAIRING_LEFT);

	return err < 0 ? err : bk_buf_append(out, p->pake.share, BK_PAKE_SHARE_LEN);
}

int bk_pairing_answer(struct bk_pairing *p, uint32_t nameplate, const uint8_t *left, size_t n,
	const struct bk_intro *own, struct bk_buf *out)
{
	int err;

	if (bk_pairing_kind(left, n) != BK_PAIRING_LEFT || n != HEAD_LEN + BK_PAKE_SHARE_LEN)
		return BK_E_MALFORMED;
	err = make_seal(p, nameplate, left + HEAD_LEN);
	if (!err)
		err = append_head(out, BK_PAIRING_ANSWER);
	if (!err)
		err = bk_buf_append(out, p->pake.share, BK_PAKE_SHARE_LEN);
	return err < 0 ? err : append_sealed(p, introduction, own, out);
}

int bk_pairing_take_answer(
	struct bk_pairing *p, uint32_t nameplate, const uint8_t *mail, size_t n, struct bk_intro *ret_peer)
{
	int err;

	if (bk_pairing_kind(mail, n) != BK_PAIRING_ANSWER || n < HEAD_LEN + BK_PAKE_SHARE_LEN)
		return BK_E_MALFORMED;
	err = make_seal(p, nameplate, mail + HEAD_LEN);
	if (err < 0)
		return err == BK_E_CRYPTO ? BK_E_WRONG_CODE : err;
	return open_sealed(p, introduction, mail + HEAD_LEN + BK_PAKE_SHARE_LEN,
		n - HEAD_LEN - BK_PAKE_SHARE_LEN, ret_peer);
}

int bk_pairing_reply(struct bk_pairing *p, const struct bk_intro *own, struct bk_buf *out)
{
	int err = p->is_keyed ? append_head(out, BK_PAIRING_REPLY) : BK_E_PROTOCOL;

	return err < 0 ? err : append_sealed(p, introduction, own, out);
}

int bk_pairing_take_reply(struct bk_pairing *p, const uint8_t *mail, size_t n, struct bk_intro *ret_peer)
{
	if (!p->is_keyed)
		return BK_E_PROTOCOL;
	if (bk_pairing_kind(mail, n) != BK_PAIRING_REPLY)
		return BK_E_MALFORMED;
	return open_sealed(p, introduction, mail + HEAD_LEN, n - HEAD_LEN, ret_peer);
}

int bk_pairing_again(struct bk_pairing *p, const uint8_t token[BK_PAIRING_SECRET_LEN],
	const struct bk_intro *own, struct bk_buf *out)
{
	char purpose[PURPOSE_MAX];
	uint8_t number[NUMBER_LEN];
	struct bk_writer w;
	int err = p->is_keyed && p->sent < UINT32_MAX ? append_head(out, BK_PAIRING_AGAIN) : BK_E_PROTOCOL;

	if (err < 0)
		return err;
	bk_writer_init(&w, number, sizeof(number));
	bk_write_u32(&w, ++p->sent);
	err = bk_buf_append(out, number, sizeof(number));
	return err < 0 ? err : append_sealed(p, purpose_again(purpose, p->sent, token), own, out);
}

int bk_pairing_take_again(struct bk_pairing *p, const uint8_t token[BK_PAIRING_SECRET_LEN],
	const uint8_t *mail, size_t n, struct bk_intro *ret_peer)
{
	char purpose[PURPOSE_MAX];
	struct bk_reader r;
	uint32_t number;
	int err;

	if (!p->is_keyed || bk_pairing_kind(mail, n) != BK_PAIRING_AGAIN)
		return BK_E_PROTOCOL;
	if (n < HEAD_LEN + NUMBER_LEN)
		return BK_E_MALFORMED;
	bk_reader_init(&r, mail + HEAD_LEN, NUMBER_LEN);
	number = bk_read_u32(&r);
	if (number <= p->seen)
		return BK_E_WRONG_CODE;
	err = open_sealed(p, purpose_again(purpose, number, token), mail + HEAD_LEN + NUMBER_LEN,
		n - HEAD_LEN - NUMBER_LEN, ret_peer);
	if (err != BK_E_WRONG_CODE && err != BK_E_MALFORMED)
		p->seen = number;
	return err;
}

int bk_pairing_say_wrong(struct bk_buf *out, bool stays)
{
	const uint8_t good = GOOD;
	int err = append_head(out, BK_PAIRING_WRONG);

	return err < 0 || !stays ? err : bk_buf_append(out, &good, sizeof(good));
}

bool bk_pairing_stays(const uint8_t *wrong, size_t n)
{
	return n > HEAD_LEN && wrong[HEAD_LEN] == GOOD;
}
