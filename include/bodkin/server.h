/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_SERVER_H
#define BODKIN_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bodkin/addr.h>
#include <bodkin/error.h>
#include <bodkin/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The rendezvous and relay server: what `bodkin serve` runs. Thread rule: it belongs to its loop's thread;
 * no callback comes from inside a call. Ownership: options and their strings are copied. */
struct bk_server;

enum { BK_SERVER_PORT = 15005, BK_SERVER_ALT_PORT = 15006, BK_SERVER_TEXT_MAX = 256, BK_SERVER_PIN_MAX = 44 };

/* Zero or NULL means the default named behind the field. Times are nanoseconds. */
struct bk_server_opts {
	size_t size;              /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	const char *listen_ip;    /* every address, IPv4 and IPv6 */
	int port;                 /* 15005; -1: any free port */
	int alt_port;             /* 15006, or port + 1 where port is given; -1: any free port */
	const char *alt_ip;       /* a second address of this machine: lets clients test more of their NAT */
	bool speaks_plain;        /* also speak the plain dialect without TLS */
	const char *token;        /* clients must present it; NULL: anybody may come */
	const char *state_dir;    /* where server key and certificate live; required */
	unsigned clients_max;     /* 10000 */
	unsigned per_address_max; /* clients of one address (IPv6: of a /64): 64 */
	unsigned messages_per_second;  /* of one client, in the long run: 20, bursts of 100 */
	unsigned relays_max;           /* relayed pairs: 1000 */
	int64_t hello_timeout_ns;      /* from connecting to a complete hello: 10 s */
	int64_t ping_interval_ns;      /* clients ping this often; gone after two silent ones: 15 s */
	int64_t nameplate_lifetime_ns; /* after it was claimed: 10 min */
	int64_t relay_wait_ns;         /* a relay leg waits for its partner: 30 s */
	int64_t relay_idle_ns;         /* a relayed pair without a byte: 5 min */
};

/* Binds and starts accepting. On failure `ret_text` (may be NULL) gets one sentence for a person: what
 * failed, on what, why. BK_E_INVALID, BK_E_ADDRESS (an address that is none or not ours), BK_E_ADDRESS_IN_USE,
 * BK_E_ACCESS, BK_E_NOMEM, what reading the key in state_dir says, ... */
BK_API int bk_server_new(struct bk_loop *loop, const struct bk_server_opts *opts,
	struct bk_server **ret_server, char ret_text[BK_SERVER_TEXT_MAX]);

/* Tells every client that the server stops, gives what is queued at most two seconds to drain, ends
 * everything and calls fn once, never from inside this call; the server may be freed from inside fn. After
 * bk_server_free it is not called. */
BK_API void bk_server_stop(struct bk_server *s, void (*fn)(void *arg), void *arg);

/* Ends at once without telling anybody. NULL is fine. */
BK_API void bk_server_free(struct bk_server *s);

/* What it really listens on, where any free port was asked for. */
BK_API uint16_t bk_server_port(const struct bk_server *s);
BK_API uint16_t bk_server_alt_port(const struct bk_server *s);
BK_API const char *bk_server_pin(const struct bk_server *s); /* what clients write behind '#'; the server's */

/* The pin of the server that keeps its key in `state_dir`, whether it runs or not; nothing is made there. On failure
 * `ret_text` (may be NULL) gets one sentence; BK_E_NOT_FOUND: no server was started with that folder. */
BK_API int bk_server_read_pin(
	const char *state_dir, char ret_pin[BK_SERVER_PIN_MAX], char ret_text[BK_SERVER_TEXT_MAX]);

/* Under which addresses others reach a server that listens at `listen_ip` (NULL: every address) and `port`
 * (host order): what its sockets take, the address of this machine's way out first, those of bridges last;
 * loopback alone where there is no other. Copied; returns how many, 1 to max (at least 1). BK_E_ADDRESS: not
 * an IP address. */
BK_API int bk_server_addresses(const char *listen_ip, uint16_t port, struct bk_addr *ret_addrs, size_t max);

/* What the server counts. Gauges: "clients" (that have said who they are), "nameplates", "meetings", "relays" (pairs
 * under way). Since the start: "accepted", "refused" (connections), "messages", "dropped" (of a kind that it does not
 * know), "relayed_bytes". 0 for a name that is not counted. */
BK_API uint64_t bk_server_counter(const struct bk_server *s, const char *name);

/* All of them. The names live as long as the server; fn may not free it. */
BK_API void bk_server_each_counter(
	const struct bk_server *s, void (*fn)(void *arg, const char *name, uint64_t value), void *arg);

#ifdef __cplusplus
}
#endif
#endif
