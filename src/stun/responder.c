/* SPDX-License-Identifier: Apache-2.0 */

/* Answers binding requests: RFC 8489 section 6.3.1 and 7.2.2, RFC 5780 section 6.1, RFC 3489 section 8.1. It
 * refuses to be a reflector: it answers only to the address that asked (another port at most, RESPONSE-PORT),
 * never longer than the ceiling, and never to an answer, an indication or rubbish. */
#include "stun/responder.h"

#include <string.h>

#include "base/error.h"

enum {
	CODE_BAD_REQUEST = 400,
	CODE_UNKNOWN_ATTRIBUTE = 420,
	ATTR_HEADER_LEN = 4,
	ADDRESS_4_LEN = 12, /* attributes with their headers */
	ADDRESS_6_LEN = 24,
	FINGERPRINT_ATTR_LEN = 8,
	PADDING_MAX = 1024, /* leaves room for everything else in a message */
};

static bool has_all(const struct bk_stun_responder *r)
{
	for (int i = 0; i < BK_STUN_SOCKETS; i++)
		if (!r->addrs[i].family)
			return false;
	return true;
}

static int socket_of(int socket, const struct bk_stun_msg *question)
{
	return socket ^ (question->wants_other_port ? BK_STUN_OTHER_PORT : 0) ^
	       (question->wants_other_ip ? BK_STUN_OTHER_IP : 0);
}

/* Takes the room that an address needs, when there is as much. */
static void put_address(size_t *room, struct bk_addr *place, const struct bk_addr *a)
{
	size_t need = a->family == 4 ? ADDRESS_4_LEN : ADDRESS_6_LEN;

	if (need > *room)
		return;
	*room -= need;
	*place = *a;
}

static void describe_classic(
	const struct bk_stun_responder *r, int socket, int sender, size_t room, struct bk_stun_msg *answer)
{
	answer->is_classic = true;
	put_address(&room, &answer->source, &r->addrs[sender]);
	if (has_all(r))
		put_address(
			&room, &answer->changed, &r->addrs[socket ^ BK_STUN_OTHER_PORT ^ BK_STUN_OTHER_IP]);
}

/* MAPPED-ADDRESS beside the other form lets a client find gateways that rewrite addresses in payloads (RFC
 * 5780 section 3.6); it comes last because it is the first to do without. */
static void describe(const struct bk_stun_responder *r, int socket, int sender, size_t room,
	const struct bk_addr *from, struct bk_stun_msg *answer)
{
	if (has_all(r))
		put_address(&room, &answer->other, &r->addrs[socket ^ BK_STUN_OTHER_PORT ^ BK_STUN_OTHER_IP]);
	put_address(&room, &answer->origin, &r->addrs[sender]);
	put_address(&room, &answer->mapped, from);
}

static void fail(struct bk_stun_msg *answer, int code, const char *reason)
{
	answer->class = BK_STUN_ERROR;
	answer->error_code = code;
	strcpy(answer->reason, reason);
}

/* A classic client takes any answer with its id for a yes, so what cannot be done is met with silence. */
static int refuse(const struct bk_stun_msg *question, struct bk_stun_msg *answer)
{
	if (question->is_classic)
		return BK_E_UNSUPPORTED;
	fail(answer, CODE_UNKNOWN_ATTRIBUTE, "Unknown Attribute");
	memcpy(answer->unknown, question->unknown, sizeof(answer->unknown));
	answer->unknown_len = question->unknown_len;
	if (!answer->unknown_len)
		answer->unknown[answer->unknown_len++] = BK_STUN_ATTR_CHANGE_REQUEST;
	return 0;
}

static int compose(const struct bk_stun_responder *r, int socket, const struct bk_addr *from,
	const struct bk_stun_msg *question, size_t max, int *ret_sender, struct bk_stun_msg *answer)
{
	int sender = socket_of(socket, question);
	size_t room = max - BK_STUN_HEADER_LEN - (question->fingerprint_at ? FINGERPRINT_ATTR_LEN : 0);

	*answer = (struct bk_stun_msg){.class = BK_STUN_SUCCESS, .id = question->id};
	answer->is_classic = question->is_classic;
	*ret_sender = socket;
	if (question->unknown_len || !r->addrs[sender].family)
		return refuse(question, answer);
	if (question->response_port && question->padding) {
		fail(answer, CODE_BAD_REQUEST, "Bad Request"); /* RFC 5780 section 6.1 */
		return 0;
	}
	*ret_sender = sender;
	put_address(&room, question->is_classic ? &answer->mapped : &answer->xor_mapped, from);
	answer->padding = question->padding < PADDING_MAX ? question->padding : PADDING_MAX;
	room -= answer->padding ? ATTR_HEADER_LEN + ((answer->padding + 3u) & ~3u) : 0;
	if (question->is_classic)
		describe_classic(r, socket, sender, room, answer);
	else
		describe(r, socket, sender, room, from, answer);
	return 0;
}

int bk_stun_respond(const struct bk_stun_responder *r, int socket, const struct bk_addr *from,
	const uint8_t *data, size_t n, struct bk_stun_answer *ret_answer)
{
	struct bk_stun_msg question, answer;
	int len, sender, err = bk_stun_decode(data, n, &question);
	size_t max = n * BK_STUN_AMPLIFICATION_MAX;

	if (err < 0)
		return err;
	if (question.class != BK_STUN_REQUEST || !from->port)
		return BK_E_PROTOCOL;
	if (question.fingerprint_at && !bk_stun_check_fingerprint(data, n, &question))
		return BK_E_MALFORMED;
	err = compose(r, socket, from, &question, max, &sender, &answer);
	if (err < 0)
		return err;
	len = bk_stun_encode(&answer, NULL, question.fingerprint_at, ret_answer->bytes,
		max < sizeof(ret_answer->bytes) ? max : sizeof(ret_answer->bytes));
	if (len < 0)
		return len;
	ret_answer->socket = sender;
	ret_answer->to = *from;
	if (question.response_port && answer.class == BK_STUN_SUCCESS)
		ret_answer->to.port = question.response_port;
	ret_answer->len = (size_t)len;
	return 0;
}
