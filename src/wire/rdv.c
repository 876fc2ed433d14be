/* SPDX-License-Identifier: Apache-2.0 */
/* The rendezvous messages as one table: which type has which fields. The same rows write and read, so a field
 * cannot go out under one name and be looked for under another. It judges form only; what a message means,
 * and whether it is in its place, is for rendezvous/ and server/. */
#include "wire/rdv.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/field.h"
#include "wire/json.h"

enum { DEPTH_MAX = 8, MEMBERS_MAX = 64, LENGTH_PREFIX = 4 };

enum {
	OPT = 0,
	REQ = BK_FIELD_REQUIRED,
	NUL = BK_FIELD_NULLABLE,
	FULL = BK_FIELD_REQUIRED | BK_FIELD_NONEMPTY
};

#define PLACE(type, member)                                                                                  \
	.name = #member, .offset = offsetof(struct type, member), .size = sizeof(((struct type *)0)->member)
#define ROW(member, k, f)                                                                                    \
	{                                                                                                    \
		PLACE(bk_rdv_msg, member), .kind = BK_FIELD_##k, .flags = (f)                                \
	}
#define PEER(member, k, f)                                                                                   \
	{                                                                                                    \
		PLACE(bk_rdv_peer, member), .kind = BK_FIELD_##k, .flags = (f)                               \
	}
#define BODY(f)                                                                                              \
	{                                                                                                    \
		.name = "body", .kind = BK_FIELD_BODY, .flags = (f),                                         \
		.offset = offsetof(struct bk_rdv_msg, body), .size = BK_RDV_BODY_MAX,                        \
		.len_offset = offsetof(struct bk_rdv_msg, body_len)                                          \
	}
#define LEN(rows)  (sizeof(rows) / sizeof((rows)[0]))
#define FIELDS_MAX 9
#define FIELDS(...)                                                                                          \
	{                                                                                                    \
		__VA_ARGS__                                                                                  \
	}

/* clang-format off */
static const struct bk_field peer_rows[] = {
	PEER(client_id, STR, FULL), PEER(nat_type, STR, NUL), PEER(public_ip, STR, REQ), PEER(public_port, UINT, REQ),
};

#define PEER_OBJECT \
	{PLACE(bk_rdv_msg, peer), .kind = BK_FIELD_OBJECT, .flags = REQ, .sub = peer_rows, .sub_len = LEN(peer_rows)}

static const struct {
	const char *name;
	struct bk_field fields[FIELDS_MAX]; /* up to the first without a name */
} types[BK_RDV_TYPES] = {
	[BK_RDV_UNKNOWN] = {"unknown", {{0}}},
	[BK_RDV_CLIENT_HELLO] = {"ClientHelloMessage", FIELDS(
		ROW(client_id, STR, FULL), ROW(nat_type, STR, NUL), ROW(private_ip, STR, REQ), ROW(private_port, UINT, REQ),
		ROW(peer_id, STR, NUL), ROW(version, UINT, OPT), ROW(token, STR, OPT))},
	[BK_RDV_SERVER_HELLO] = {"ServerHelloMessage", FIELDS(
		ROW(client_id, STR, REQ), ROW(public_ip, STR, REQ), ROW(public_port, UINT, REQ), ROW(version, UINT, OPT),
		ROW(ping_ms, UINT, OPT), ROW(alt_port, UINT, OPT), ROW(alt_ip, STR, OPT), ROW(time, UINT, OPT))},
	[BK_RDV_SERVER_REFUSE] = {"ServerRefuseMessage", FIELDS(
		ROW(client_id, STR, REQ), ROW(content, TEXT, REQ), ROW(code, STR, OPT), ROW(wait_ms, UINT, OPT))},
	[BK_RDV_PEER_NOT_FOUND] = {"PeerNotFoundMessage", FIELDS(ROW(peer_id, STR, NUL))},
	[BK_RDV_PEER_INFO] = {"PeerInfoMessage", FIELDS(ROW(action, STR, NUL), PEER_OBJECT)},
	[BK_RDV_PEER_PORT] = {"PeerPortMessage", FIELDS(ROW(client_id, STR, FULL), ROW(port, UINT, REQ))},

	[BK_RDV_CLIENT_PING] = {"ClientPingMessage", FIELDS(ROW(number, UINT, REQ))},
	[BK_RDV_CLIENT_PROBE] = {"ClientProbeMessage", FIELDS(ROW(nonce, HEX, REQ))},
	[BK_RDV_CLIENT_REACH] = {"ClientReachMessage", FIELDS(ROW(nonce, HEX, REQ))},
	[BK_RDV_CLIENT_ALLOCATE] = {"ClientAllocateMessage", FIELDS(ROW(nameplate, UINT, OPT), ROW(secret, HEX, OPT), ROW(heir, HEX, OPT),
		BODY(REQ))},
	[BK_RDV_CLIENT_CLAIM] = {"ClientClaimMessage", FIELDS(ROW(nameplate, UINT, REQ))},
	[BK_RDV_CLIENT_MAIL] = {"ClientMailMessage", FIELDS(BODY(REQ))},
	[BK_RDV_CLIENT_RELEASE] = {"ClientReleaseMessage", {{0}}},
	[BK_RDV_CLIENT_REJOIN] = {"ClientRejoinMessage", FIELDS(
		ROW(secret, HEX, REQ), ROW(side, UINT, REQ), ROW(number, UINT, REQ), ROW(asks, UINT, OPT),
		ROW(relay_token, HEX, OPT))},
	[BK_RDV_CLIENT_GROUP] = {"ClientGroupMessage", FIELDS(BODY(REQ))},
	[BK_RDV_SERVER_RELAY] = {"ServerRelayMessage", FIELDS(ROW(relay_token, HEX, REQ), ROW(leg_token, HEX, OPT))},

	[BK_RDV_SERVER_PONG] = {"ServerPongMessage", FIELDS(ROW(number, UINT, REQ), ROW(time, UINT, REQ))},
	[BK_RDV_SERVER_MAPPED] = {"ServerMappedMessage", FIELDS(
		ROW(nonce, HEX, REQ), ROW(public_ip, STR, REQ), ROW(public_port, UINT, REQ), ROW(server_ip, STR, REQ),
		ROW(server_port, UINT, REQ))},
	[BK_RDV_SERVER_REACHED] = {"ServerReachedMessage", FIELDS(
		ROW(nonce, HEX, REQ), ROW(same_address, STR, REQ), ROW(other_address, STR, REQ))},
	[BK_RDV_SERVER_NAMEPLATE] = {"ServerNameplateMessage", FIELDS(ROW(nameplate, UINT, REQ))},
	[BK_RDV_SERVER_CLAIMED] = {"ServerClaimedMessage", FIELDS(
		ROW(nameplate, UINT, REQ), ROW(relay_token, HEX, REQ), ROW(leg_token, HEX, OPT), BODY(OPT))},
	[BK_RDV_SERVER_MAIL] = {"ServerMailMessage", FIELDS(BODY(REQ))},
	[BK_RDV_SERVER_RELEASED] = {"ServerReleasedMessage", FIELDS(ROW(nameplate, UINT, REQ), ROW(code, STR, OPT))},
	[BK_RDV_SERVER_ERROR] = {"ServerErrorMessage", FIELDS(ROW(code, STR, FULL), ROW(content, TEXT, REQ), ROW(wait_ms, UINT, OPT))},
	[BK_RDV_SERVER_GROUP] = {"ServerGroupMessage", FIELDS(BODY(REQ))},
	[BK_RDV_SERVER_STOP] = {"ServerStopMessage", FIELDS(ROW(content, TEXT, REQ))},
};
/* clang-format on */

static size_t fields_of(enum bk_rdv_type t)
{
	size_t n = 0;

	while (n < FIELDS_MAX && types[t].fields[n].name)
		n++;
	return n;
}

const char *bk_rdv_type_name(enum bk_rdv_type t)
{
	return (unsigned)t < BK_RDV_TYPES ? types[t].name : types[BK_RDV_UNKNOWN].name;
}

static enum bk_rdv_type type_from_name(const char *name)
{
	for (int t = BK_RDV_UNKNOWN + 1; t < BK_RDV_TYPES; t++)
		if (!strcmp(types[t].name, name))
			return (enum bk_rdv_type)t;
	return BK_RDV_UNKNOWN;
}

int bk_rdv_append(struct bk_buf *out, const struct bk_rdv_msg *m)
{
	json_t *o;
	int err;

	if (m->type <= BK_RDV_UNKNOWN || m->type >= BK_RDV_TYPES)
		return BK_E_INVALID;
	o = json_pack("{s:s}", "type", types[m->type].name);
	if (!o)
		return BK_E_NOMEM;
	err = bk_fields_encode(o, types[m->type].fields, fields_of(m->type), m);
	if (!err)
		err = bk_json_append(out, o, LENGTH_PREFIX, BK_RDV_MESSAGE_MAX);
	json_decref(o);
	return err;
}

static int decode_object(const json_t *o, struct bk_rdv_msg *m)
{
	const char *name = json_string_value(json_object_get(o, "type"));

	if (!name)
		return BK_E_MALFORMED;
	m->type = type_from_name(name);
	return bk_fields_decode(o, types[m->type].fields, fields_of(m->type), m);
}

int bk_rdv_decode(const void *json, size_t len, struct bk_rdv_msg *ret_msg)
{
	struct bk_rdv_msg m = {0};
	json_t *o;
	int err;

	if (len > BK_RDV_MESSAGE_MAX)
		return BK_E_TOO_BIG;
	err = bk_json_load(json, len, DEPTH_MAX, MEMBERS_MAX, &o);
	if (err < 0)
		return err;
	err = decode_object(o, &m);
	json_decref(o);
	if (err < 0) {
		bk_rdv_done(&m);
		return err;
	}
	*ret_msg = m;
	return 0;
}

void bk_rdv_done(struct bk_rdv_msg *m)
{
	if (!m)
		return;
	free(m->body);
	m->body = NULL;
	m->body_len = 0;
}
