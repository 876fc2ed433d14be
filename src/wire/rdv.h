/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_RDV_H
#define BK_WIRE_RDV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/preface.h"

/* Rendezvous messages: length-prefixed JSON objects with a "type". The first six are the plain dialect,
 * field for field as the old tools send them; the rest exist only inside TLS. Unknown fields are ignored;
 * an unknown type decodes as BK_RDV_UNKNOWN. One table in rdv.c says which type has which fields.
 * docs/protocol/rendezvous.md tells what they mean. Fields in [] are left out when empty or zero. */

#define BK_RDV_ALPN "bodkin/1" /* of the TLS dialect */

/* clang-format off */
enum bk_rdv_type {
	BK_RDV_UNKNOWN,
	/* plain dialect */
	BK_RDV_CLIENT_HELLO,   /* client_id nat_type private_ip private_port peer_id(or null) [version token] */
	BK_RDV_SERVER_HELLO,   /* client_id public_ip public_port [version ping_ms alt_port alt_ip time] */
	BK_RDV_SERVER_REFUSE,  /* client_id content [code wait_ms]; then the server closes */
	BK_RDV_PEER_NOT_FOUND, /* peer_id */
	BK_RDV_PEER_INFO,      /* action(or null) peer{client_id nat_type public_ip public_port} */
	BK_RDV_PEER_PORT,      /* client_id port */
	/* TLS dialect, client to server */
	BK_RDV_CLIENT_PING,     /* number */
	BK_RDV_CLIENT_PROBE,    /* nonce: a mapping probe with it will come */
	BK_RDV_CLIENT_REACH,    /* nonce: connect back to this connection's public address from other ones */
	BK_RDV_CLIENT_ALLOCATE, /* [nameplate: the wish; secret: who shows it again takes it over;
	                            heir: who shows it has it next]
	                            body: left for who claims it */
	BK_RDV_CLIENT_CLAIM,    /* nameplate */
	BK_RDV_CLIENT_MAIL,     /* body: to the other side of the nameplate */
	BK_RDV_CLIENT_RELEASE,  /* done with the nameplate or meeting; both sides forget it */
	BK_RDV_CLIENT_REJOIN,   /* secret side number [asks relay_token]: this is side `side` of the meeting */
	BK_RDV_CLIENT_GROUP,    /* body: a message of wire/group.h */
	/* TLS dialect, server to client */
	BK_RDV_SERVER_PONG,      /* number time: the server's monotonic clock, ns */
	BK_RDV_SERVER_MAPPED,    /* nonce public_ip public_port (whence the probe came) server_ip server_port */
	BK_RDV_SERVER_REACHED,   /* nonce same_address other_address: "yes", "no" or "untested"; did connecting
	                            back succeed from another port of the same address, from another address */
	BK_RDV_SERVER_NAMEPLATE, /* nameplate */
	BK_RDV_SERVER_CLAIMED,   /* to both: nameplate relay_token [leg_token; body: to the claiming side only] */
	BK_RDV_SERVER_MAIL,      /* body */
	BK_RDV_SERVER_RELEASED,  /* nameplate (0: meeting) [code]: the other side left, or it expired */
	BK_RDV_SERVER_ERROR,     /* code content [wait_ms]: the request before it failed; the connection goes on */
	BK_RDV_SERVER_RELAY,     /* to both: relay_token [leg_token]: the meeting's two meet anew */
	BK_RDV_SERVER_GROUP,     /* body: a message of wire/group.h */
	BK_RDV_SERVER_STOP,      /* content: the server shuts down, the connection ends */
	BK_RDV_TYPES,
};
/* clang-format on */

enum {
	BK_RDV_ID_MAX = 64,
	BK_RDV_IP_MAX = 45,
	BK_RDV_WORD_MAX = 64,
	BK_RDV_TEXT_MAX = 256,
	BK_RDV_SECRET_LEN = BK_PREFACE_SECRET_LEN,
	BK_RDV_BODY_MAX = 65536,
	BK_RDV_MESSAGE_MAX = 96 * 1024, /* a mail of BODY_MAX in base64 with its envelope */
	BK_RDV_HELLO_MAX = 4096,        /* ceiling until hello is done */
};

struct bk_rdv_peer {
	char client_id[BK_RDV_ID_MAX + 1];
	char nat_type[BK_RDV_WORD_MAX + 1];
	char public_ip[BK_RDV_IP_MAX + 1];
	uint16_t public_port;
};

/* Every field any message has; which ones count follows from the type. Absent and null read as empty. */
struct bk_rdv_msg {
	enum bk_rdv_type type;
	char client_id[BK_RDV_ID_MAX + 1];
	char peer_id[BK_RDV_ID_MAX + 1]; /* empty is sent as null */
	char nat_type[BK_RDV_WORD_MAX + 1];
	char private_ip[BK_RDV_IP_MAX + 1];
	char public_ip[BK_RDV_IP_MAX + 1];
	char alt_ip[BK_RDV_IP_MAX + 1];
	char server_ip[BK_RDV_IP_MAX + 1];
	uint16_t private_port, public_port, alt_port, server_port, port;
	char action[BK_RDV_WORD_MAX + 1]; /* empty is sent as null */
	char content[BK_RDV_TEXT_MAX + 1];
	char code[BK_RDV_WORD_MAX + 1]; /* an error's name */
	char token[BK_RDV_TEXT_MAX + 1];
	char same_address[BK_RDV_WORD_MAX + 1];
	char other_address[BK_RDV_WORD_MAX + 1];
	struct bk_rdv_peer peer;
	uint32_t version, ping_ms, nameplate, side, asks, wait_ms;
	uint64_t number;
	int64_t time;
	uint8_t nonce[BK_RDV_SECRET_LEN];       /* hex on the wire */
	uint8_t relay_token[BK_RDV_SECRET_LEN]; /* hex on the wire; all zero: none */
	uint8_t leg_token[BK_RDV_SECRET_LEN];   /* hex on the wire; all zero: none */
	uint8_t secret[BK_RDV_SECRET_LEN];      /* hex on the wire */
	uint8_t heir[BK_RDV_SECRET_LEN];        /* hex on the wire; all zero: none */
	uint8_t *body; /* base64 on the wire; decode: owned by the message; encode: borrowed, not freed */
	size_t body_len;
};

const char *bk_rdv_type_name(enum bk_rdv_type t); /* "ClientHelloMessage", ... */

/* Appends the framed message (length prefix included) to out. BK_E_INVALID (no such type, a string that is
 * not UTF-8, a number above INT64_MAX), BK_E_TOO_BIG, BK_E_NOMEM, BK_E_FULL; nothing is appended then. */
int bk_rdv_append(struct bk_buf *out, const struct bk_rdv_msg *m);

/* Decodes one JSON text (without length prefix). A required field that is missing, and any field of the wrong
 * kind, out of range, too long, or with control characters in it, is BK_E_MALFORMED; only in `content`, which
 * people read, those become '?'. JSON nesting deeper than 8, or more than 64 members, is BK_E_MALFORMED
 * before any of it is built in memory. BK_E_TOO_BIG above BK_RDV_MESSAGE_MAX. Touches ret_msg only on
 * success; then the caller calls bk_rdv_done. */
int bk_rdv_decode(const void *json, size_t len, struct bk_rdv_msg *ret_msg);
void bk_rdv_done(struct bk_rdv_msg *m); /* frees the body of a decoded message */

#endif
