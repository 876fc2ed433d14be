/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator asked for, with the defaults filled in, and the key that clients pin. */
#include "server/config.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "base/log.h"
#include "net/key_file.h"
#include "server/limits.h"

enum { PATH_BYTES = 4096 };

static unsigned either(unsigned value, unsigned fallback)
{
	return value ? value : fallback;
}

static bk_dur either_time(int64_t value, bk_dur fallback)
{
	return value > 0 ? value : fallback;
}

static int read_addresses(struct bk_server_config *c, const struct bk_server_opts *opts, char *text)
{
	uint16_t port = opts->port < 0 ? 0 : opts->port ? (uint16_t)opts->port : BK_SERVER_PORT;

	c->listen.port = port;
	if (opts->listen_ip && bk_addr_from_ip(opts->listen_ip, port, &c->listen) < 0) {
		snprintf(text, BK_SERVER_TEXT_MAX, "cannot listen on '%.64s': not an IP address",
			opts->listen_ip);
		return BK_E_ADDRESS;
	}
	if (opts->alt_ip && bk_addr_from_ip(opts->alt_ip, 0, &c->alt) < 0) {
		snprintf(text, BK_SERVER_TEXT_MAX, "cannot use '%.64s' as second address: not an IP address",
			opts->alt_ip);
		return BK_E_ADDRESS;
	}
	if (opts->alt_port > 0)
		c->alt_port = (uint16_t)opts->alt_port;
	else if (opts->alt_port < 0 || !port)
		c->alt_port = 0;
	else
		c->alt_port = port == UINT16_MAX ? (uint16_t)(port - 1) : (uint16_t)(port + 1);
	return 0;
}

int bk_server_config_init(
	struct bk_server_config *c, const struct bk_server_opts *opts, char text[BK_SERVER_TEXT_MAX])
{
	*c = (struct bk_server_config){
		.speaks_plain = opts->speaks_plain,
		.clients_max = either(opts->clients_max, BK_LIMIT_CLIENTS),
		.per_address_max = either(opts->per_address_max, BK_LIMIT_PER_ADDRESS),
		.messages_per_second = either(opts->messages_per_second, BK_LIMIT_MESSAGES_PER_SECOND),
		.relays_max = either(opts->relays_max, BK_LIMIT_RELAYS),
		.board = {.new = bk_board_memory_new},
		.claims_per_minute = BK_LIMIT_CLAIMS_PER_MINUTE,
		.claims_burst = BK_LIMIT_CLAIMS_BURST,
		.arrivals_per_second = BK_LIMIT_ARRIVALS_PER_SECOND,
		.arrivals_burst = BK_LIMIT_ARRIVALS_BURST,
		.posts_burst = BK_LIMIT_MEMBER_POSTS_BURST,
		.hello_timeout = either_time(opts->hello_timeout_ns, BK_LIMIT_HELLO_TIMEOUT),
		.ping_interval = either_time(opts->ping_interval_ns, BK_LIMIT_PING_INTERVAL),
		.nameplate_lifetime = either_time(opts->nameplate_lifetime_ns, BK_LIMIT_NAMEPLATE_LIFETIME),
		.relay_wait = either_time(opts->relay_wait_ns, BK_LIMIT_RELAY_WAIT),
		.relay_idle = either_time(opts->relay_idle_ns, BK_LIMIT_RELAY_IDLE),
		.sums_interval = BK_LIMIT_SUMS_INTERVAL,
	};
	if (!opts->state_dir || !*opts->state_dir || opts->port > UINT16_MAX || opts->alt_port > UINT16_MAX) {
		snprintf(text, BK_SERVER_TEXT_MAX, "a state directory is needed, and ports up to 65535");
		return BK_E_INVALID;
	}
	if (sodium_init() < 0) {
		snprintf(text, BK_SERVER_TEXT_MAX, "cannot start the server: no source of randomness");
		return BK_E_NOMEM;
	}
	if (opts->token) {
		c->has_token = true;
		crypto_generichash(c->token_hash, sizeof(c->token_hash), (const uint8_t *)opts->token,
			strlen(opts->token), NULL, 0);
	}
	return read_addresses(c, opts, text);
}

unsigned bk_server_config_connections(const struct bk_server_config *c)
{
	return c->clients_max + 2 * c->relays_max + BK_LIMIT_STRANGERS;
}

static int key_path(const char *state_dir, char path[PATH_BYTES])
{
	int n = snprintf(path, PATH_BYTES, "%s/server.pem", state_dir);

	return n < 0 || n >= PATH_BYTES ? BK_E_TOO_BIG : 0;
}

static int explain(int err, const char *act, const char *path, char text[BK_SERVER_TEXT_MAX])
{
	bool is_damaged = err == BK_E_MALFORMED || err == BK_E_TOO_BIG;

	snprintf(text, BK_SERVER_TEXT_MAX, "cannot %s the server's key '%.160s': %s", act, path,
		is_damaged ? "it is damaged, or no key; a copy of it helps" : bk_error_text(err));
	return err == BK_E_NOMEM ? err : BK_E_FILE;
}

int bk_server_identity_read(
	const char *state_dir, struct bk_identity **ret_identity, char text[BK_SERVER_TEXT_MAX])
{
	char path[PATH_BYTES];
	int err = key_path(state_dir, path);

	if (!err)
		err = bk_key_file_read(path, ret_identity);
	if (err == BK_E_NOT_FOUND)
		snprintf(text, BK_SERVER_TEXT_MAX, "there is no server's key '%.160s'", path);
	else if (err < 0)
		err = explain(err, "read", path, text);
	return err;
}

int bk_server_identity_open(
	const char *state_dir, struct bk_identity **ret_identity, char text[BK_SERVER_TEXT_MAX])
{
	char path[PATH_BYTES];
	int err = bk_server_identity_read(state_dir, ret_identity, text);

	if (err != BK_E_NOT_FOUND)
		return err;
	err = key_path(state_dir, path);
	if (!err)
		err = bk_key_file_open(state_dir, path, ret_identity);
	if (err < 0)
		return explain(err, "make", path, text);
	if (err > 0)
		bk_log_info("server", "made a new key in '%s'", path);
	return 0;
}
