/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_INTRO_H
#define BK_WIRE_INTRO_H

#include <stddef.h>
#include <stdint.h>

#include <bodkin/path.h>

#include "base/addr.h"
#include "base/time.h"
#include "wire/nat_profile.h"

/* The introduction: what each side tells the other, sealed, before they connect. JSON; unknown fields are
 * ignored, candidates of an unknown kind or transport are dropped. */
enum {
	BK_INTRO_VERSION = 1,
	BK_INTRO_NAME_MAX = 64,
	BK_INTRO_ID_MAX = 64,
	BK_INTRO_CANDIDATES_MAX = 24,
	BK_INTRO_BYTES_MAX = 8192,
	BK_INTRO_PROBE_KEY_LEN = 32,
};

/* In `capabilities`: this side guesses ports, and may be guessed at (punch/guess.h). The other bits are in
 * meet/self.h. */
enum { BK_INTRO_GUESSES = 8 };
/* In `capabilities`: this side goes to ports that the other side's router has opened, BK_CANDIDATE_OPENED. */
enum { BK_INTRO_OPENS = 16 };
/* In `capabilities`: the routers up to this side's public address were counted, so that what it sends first passes all
 * of them and dies behind the last (punch/udp.h). */
enum { BK_INTRO_COUNTED = 32 };
/* In `capabilities`: the same of its SYNs (punch/tcp.h), and it sends full ones at once to a side that says this. */
enum { BK_INTRO_COUNTED_TCP = 64 };

enum bk_candidate_kind {
	BK_CANDIDATE_HOST,   /* an address of the machine; over TCP with a listener of its own behind it */
	BK_CANDIDATE_MAPPED, /* as the server sees the shared local port: reached by punching */
	BK_CANDIDATE_FIREWALLED, /* public IPv6 of the shared port: no translation, but punched */
	BK_CANDIDATE_OPENED,     /* a port of the router's, which it has opened when asked */
};

struct bk_candidate {
	enum bk_candidate_kind kind;
	struct bk_addr addr;
	enum bk_transport transport; /* absent reads as TCP */
};

struct bk_intro {
	int version;
	char id[BK_INTRO_ID_MAX + 1];
	char name[BK_INTRO_NAME_MAX + 1]; /* for people; control characters are replaced when decoded */
	uint8_t pin[32];                  /* fingerprint of the certificate that the link will present */
	struct bk_candidate candidates[BK_INTRO_CANDIDATES_MAX];
	size_t candidates_len;
	struct bk_nat_profile tcp, udp;
	uint8_t probe_key[BK_INTRO_PROBE_KEY_LEN]; /* UDP probes to this side are keyed with it; zero: none */
	bk_dur server_rtt; /* smallest round trip to the server seen; travels in whole microseconds */
	int64_t start;     /* agreed instant on the server's clock, ns; 0 in the first introduction */
	uint64_t
		tie_breaker; /* random; goes into probes, as ICE has it; tells two who guess each other apart */
	uint32_t capabilities; /* bit set: what this side insists on (enum in meet/self.h), and what it can */
};

/* A malloc'ed JSON text. BK_E_INVALID when a field is out of its range: another version, a candidate without
 * address or port, a negative time, an id with control characters. */
int bk_intro_encode(const struct bk_intro *in, char **ret_json, size_t *ret_len);
/* BK_E_MALFORMED, BK_E_TOO_BIG, BK_E_VERSION, BK_E_NOMEM. Touches ret_intro only on success. */
int bk_intro_decode(const void *json, size_t len, struct bk_intro *ret_intro);

#endif
