/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_ERROR_H
#define BODKIN_ERROR_H

/* One error space. A call that can fail returns zero or more on success and one of these negative
 * codes on failure. BK_ERROR_MAP makes code, name and text from one table. Thread rule: every call
 * here may be used from any thread. */

#include <bodkin/api.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BK_ERROR_MAP(X)                                                                                      \
	X(NOMEM, -1, "nomem", "out of memory")                                                               \
	X(INVALID, -2, "invalid", "invalid argument")                                                        \
	X(AGAIN, -3, "again", "not now, try again")                                                          \
	X(CANCELLED, -4, "cancelled", "cancelled")                                                           \
	X(TIMEOUT, -5, "timeout", "timed out")                                                               \
	X(EOF, -6, "eof", "the other side closed the connection")                                            \
	X(FULL, -7, "full", "a limit is reached")                                                            \
	X(EXISTS, -8, "exists", "it exists already")                                                         \
	X(NOT_FOUND, -9, "not-found", "not found")                                                           \
	X(ACCESS, -10, "access", "permission denied")                                                        \
	X(ADDRESS_IN_USE, -11, "address-in-use", "address in use")                                           \
	X(ADDRESS, -12, "address", "not a usable address")                                                   \
	X(REFUSED, -13, "refused", "connection refused")                                                     \
	X(RESET, -14, "reset", "connection reset")                                                           \
	X(UNREACHABLE, -15, "unreachable", "no route to it")                                                 \
	X(RESOLVE, -16, "resolve", "name cannot be resolved")                                                \
	X(IO, -17, "io", "input or output failed")                                                           \
	X(NO_SPACE, -18, "no-space", "no space left")                                                        \
	X(TOO_BIG, -19, "too-big", "larger than allowed")                                                    \
	X(TRUNCATED, -20, "truncated", "message cut short")                                                  \
	X(MALFORMED, -21, "malformed", "message malformed")                                                  \
	X(PROTOCOL, -22, "protocol", "message out of place")                                                 \
	X(VERSION, -23, "version", "no common protocol version")                                             \
	X(TLS, -24, "tls", "TLS failed")                                                                     \
	X(PIN_MISMATCH, -25, "pin-mismatch", "certificate is not the pinned one")                            \
	X(WRONG_CODE, -26, "wrong-code", "wrong code")                                                       \
	X(CODE_USED, -27, "code-used", "the code was used already")                                          \
	X(NO_SUCH_PEER, -28, "no-such-peer", "no such peer")                                                 \
	X(ID_IN_USE, -29, "id-in-use", "the id is in use")                                                   \
	X(UNAUTHORIZED, -30, "unauthorized", "not authorized")                                               \
	X(RATE_LIMITED, -31, "rate-limited", "too many requests")                                            \
	X(NO_PATH, -32, "no-path", "no path to the peer")                                                    \
	X(PEER_REFUSED, -33, "peer-refused", "refused by the other side")                                    \
	X(PEER_CANCELLED, -34, "peer-cancelled", "cancelled by the other side")                              \
	X(PEER_VANISHED, -35, "peer-vanished", "the other side vanished")                                    \
	X(SERVER_GONE, -36, "server-gone", "the server closed the connection")                               \
	X(SHUTDOWN, -37, "shutdown", "the server is shutting down")                                          \
	X(DIGEST, -38, "digest", "digest does not match")                                                    \
	X(UNSAFE_PATH, -39, "unsafe-path", "path leaves the chosen folder")                                  \
	X(FILE, -40, "file", "local file error")                                                             \
	X(UNSUPPORTED, -41, "unsupported", "not supported here")                                             \
	X(CRYPTO, -42, "crypto", "a sealed message does not open")                                           \
	X(IDLE, -43, "idle", "silent for too long")                                                          \
	X(TOO_SLOW, -44, "too-slow", "too slow")                                                             \
	X(INTERNAL, -45, "internal", "internal error")                                                       \
	X(DECLINED, -46, "declined", "declined here")                                                        \
	X(WRONG_KEY, -47, "wrong-key", "the other side has another key")

enum bk_error {
	BK_OK = 0,
#define BK_ERROR_ENUM(id, code, name, text) BK_E_##id = (code),
	BK_ERROR_MAP(BK_ERROR_ENUM)
#undef BK_ERROR_ENUM
};

/* The name of a code in lower case with dashes, as it stands in JSON events and in the log:
 * BK_E_PIN_MISMATCH is "pin-mismatch". Never NULL; "unknown" for a code that is not in the table. */
BK_API const char *bk_error_name(int code);

/* A short English text, lower case, no full stop. Never NULL. */
BK_API const char *bk_error_text(int code);

/* The code for the name, or BK_E_INTERNAL when there is none. */
BK_API int bk_error_from_name(const char *name);

#ifdef __cplusplus
}
#endif
#endif
