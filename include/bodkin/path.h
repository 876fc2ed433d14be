/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_PATH_H
#define BODKIN_PATH_H

#include <bodkin/api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What carries a session: the words for it, in options as in what is told. Values, without an owner. Thread rule:
 * bk_transport_name may be called from any thread; a struct bk_path comes on the thread of its session's
 * loop. */

enum bk_transport { BK_TRANSPORT_TCP, BK_TRANSPORT_UDP };
enum bk_path_kind { BK_PATH_KIND_DIRECT, BK_PATH_KIND_RELAY };

/* What a user wishes; AUTO: whatever is best. */
enum bk_transport_choice { BK_TRANSPORT_CHOICE_AUTO, BK_TRANSPORT_CHOICE_UDP, BK_TRANSPORT_CHOICE_TCP };
enum bk_path_choice { BK_PATH_CHOICE_AUTO, BK_PATH_CHOICE_DIRECT, BK_PATH_CHOICE_RELAY };

/* "tcp", "udp"; "unknown" for anything else. Static, never NULL. */
BK_API const char *bk_transport_name(enum bk_transport transport);

/* A path that was taken. Borrowed for the call that tells it. */
struct bk_path {
	enum bk_path_kind kind;
	enum bk_transport transport;
	const char *technique; /* "lan", "ipv6", "punch", "relay", ...: rows of a table that grows */
	const char *local;     /* "address:port"; NULL: not known */
	const char *remote;
	double elapsed_ms; /* from both introductions known to the link being secure */
	double total_ms;   /* from bk_session_new */
	const char *text;  /* one sentence for a person: what was chosen and why */
	double rtt_ms; /* the round trip, as the handshake showed: rather too long than too short; 0: not known */
	/* What the plan promised. Of a direct path: of its technique; of a relay: that a direct one comes about (0: nothing
	 * connects these two). From 0 to 1: nothing that is known stood against it; below 0: not known. */
	double chance;
};

#ifdef __cplusplus
}
#endif
#endif
