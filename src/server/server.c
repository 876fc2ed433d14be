/* SPDX-License-Identifier: Apache-2.0 */
/* The server's life: it opens its ports, makes its rooms, and ends in the reverse order. What happens in
 * between is the rooms' business: a listener accepts, a visitor is looked at, a client speaks, a relay
 * relays. */
#include "server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "base/log.h"
#include "base/opts.h"
#include "server/client.h"
#include "server/config.h"
#include "server/crowd.h"
#include "server/limits.h"
#include "server/listener.h"
#include "server/probes.h"
#include "server/reach.h"
#include "server/relay.h"
#include "server/request.h"
#include "server/stun.h"
#include "server/visitor.h"

enum { PORT_TRIES = 8 };

static uint64_t make_seed(void)
{
	uint64_t seed;

	randombytes_buf(&seed, sizeof(seed));
	return seed;
}

static void finish_stop(struct bk_server *s)
{
	void (*fn)(void *) = s->on_stopped;

	s->on_stopped = NULL;
	if (fn)
		fn(s->on_stopped_arg);
}

/* --- ports --- */

static void close_ports(struct bk_server *s)
{
	for (int i = 0; i < BK_SERVER_LISTENERS_MAX; i++) {
		bk_listener_free(s->listeners[i]);
		s->listeners[i] = NULL;
	}
	bk_stun_service_free(s->stun);
	s->stun = NULL;
}

static int listen_on(struct bk_server *s, const struct bk_addr *a, char text[BK_SERVER_TEXT_MAX])
{
	char where[BK_ADDR_STR_MAX];
	size_t i = 0;
	int err;

	while (s->listeners[i])
		i++;
	err = bk_listener_new(s, a, &s->listeners[i]);
	if (err < 0)
		snprintf(text, BK_SERVER_TEXT_MAX, "cannot bind '%s': %s", bk_addr_to_str(a, where),
			bk_error_text(err));
	return err < 0 ? err : bk_listener_port(s->listeners[i]);
}

/* Every address: one socket for both families, or IPv4 alone where the system has no IPv6. */
static int choose_listen_address(struct bk_server *s, char text[BK_SERVER_TEXT_MAX])
{
	struct bk_addr *a = &s->config.listen;
	uint16_t port = a->port;
	int got;

	if (a->family)
		return listen_on(s, a, text);
	*a = (struct bk_addr){.family = 6, .port = port};
	got = listen_on(s, a, text);
	if (got != BK_E_ADDRESS && got != BK_E_UNREACHABLE)
		return got;
	*a = bk_addr_v4(0, 0, 0, 0, port);
	return listen_on(s, a, text);
}

static int open_streams(struct bk_server *s, char text[BK_SERVER_TEXT_MAX])
{
	struct bk_addr second, *alt = &s->config.alt;
	int got = choose_listen_address(s, text);

	if (got < 0)
		return got;
	s->port = (uint16_t)got;
	second = bk_addr_with_port(s->config.listen, s->config.alt_port);
	got = listen_on(s, &second, text);
	if (got < 0)
		return got;
	s->alt_port = (uint16_t)got;
	if (!alt->family || bk_addr_is_any(&s->config.listen))
		return 0;
	for (int i = 0; i < 2; i++) {
		second = bk_addr_with_port(*alt, i ? s->alt_port : s->port);
		got = listen_on(s, &second, text);
		if (got < 0)
			return got;
	}
	return 0;
}

static int open_datagrams(struct bk_server *s, char text[BK_SERVER_TEXT_MAX])
{
	const struct bk_stun_service_opts opts = {
		.listen = bk_addr_with_port(s->config.listen, s->port),
		.alt_port = s->alt_port,
		.alt = s->config.alt,
		.seed = make_seed(),
	};
	struct bk_addr at;
	char where[BK_ADDR_STR_MAX];
	int err = bk_stun_service_new(s->loop, &opts, &at, &s->stun);

	if (err >= 0)
		bk_log_debug("server", "STUN over UDP on ports %u and %u%s%s", s->port, s->alt_port,
			opts.alt.family ? ", also at " : "",
			opts.alt.family ? bk_addr_ip_to_str(&opts.alt, where) : "");
	else
		snprintf(text, BK_SERVER_TEXT_MAX, "cannot bind '%s' for UDP: %s", bk_addr_to_str(&at, where),
			bk_error_text(err));
	return err;
}

/* A port is one number for TCP and UDP. One that the system chose for TCP may be taken for UDP: then it
 * chooses again. */
static int open_ports(struct bk_server *s, char text[BK_SERVER_TEXT_MAX])
{
	const struct bk_addr asked = s->config.listen;
	bool may_choose = !asked.port || !s->config.alt_port;
	int err;

	for (int tries = 0;; tries++) {
		err = open_streams(s, text);
		if (err >= 0)
			err = open_datagrams(s, text);
		if (err != BK_E_ADDRESS_IN_USE || !may_choose || tries == PORT_TRIES)
			return err;
		close_ports(s);
		s->config.listen = asked;
	}
}

static int make_rooms(struct bk_server *s)
{
	const struct bk_crowd_limits crowd = {
		.clients_max = s->config.clients_max,
		.per_address_max = s->config.per_address_max,
		.relays_max = s->config.relays_max,
		.claims_per_minute = s->config.claims_per_minute,
		.claims_burst = s->config.claims_burst,
		.arrivals_per_second = s->config.arrivals_per_second,
		.arrivals_burst = s->config.arrivals_burst,
	};
	int err;

	s->crowd = bk_crowd_new(&crowd, make_seed());
	err = s->crowd ? bk_arrivals_open(s) : BK_E_NOMEM;
	if (!err)
		err = bk_clients_open(s, finish_stop);
	if (!err)
		err = bk_relays_new(s, make_seed(), &s->relays);
	if (!err)
		err = bk_probes_new(s, make_seed(), &s->probes);
	if (!err)
		err = bk_reaches_new(s, &s->reaches);
	return err < 0 ? err : bk_requests_open(s);
}

static int set_up(struct bk_server *s, const char *state_dir, char text[BK_SERVER_TEXT_MAX])
{
	struct bk_pin pin;
	int err = state_dir ? bk_server_identity_open(state_dir, &s->identity, text)
			    : bk_identity_new(&s->identity);

	if (err < 0)
		return err;
	pin = bk_identity_pin(s->identity);
	bk_pin_to_str(&pin, s->pin);
	err = make_rooms(s);
	if (err < 0) {
		snprintf(text, BK_SERVER_TEXT_MAX, "cannot start the server: %s", bk_error_text(err));
		return err;
	}
	return open_ports(s, text);
}

int bk_server_open(struct bk_loop *loop, const struct bk_server_config *config, const char *state_dir,
	struct bk_server **ret_server, char text[BK_SERVER_TEXT_MAX])
{
	struct bk_server *s = calloc(1, sizeof(*s));
	int err;

	snprintf(text, BK_SERVER_TEXT_MAX, "cannot start the server: out of memory");
	if (!s)
		return BK_E_NOMEM;
	s->loop = loop;
	s->config = *config;
	bk_list_init(&s->visitors);
	bk_visitors_init(s);
	bk_list_init(&s->awaiting);
	err = set_up(s, state_dir, text);
	if (err < 0) {
		bk_server_free(s);
		return err;
	}
	*ret_server = s;
	return 0;
}

int bk_server_new(struct bk_loop *loop, const struct bk_server_opts *opts, struct bk_server **ret_server,
	char ret_text[BK_SERVER_TEXT_MAX])
{
	struct bk_server_config config;
	struct bk_server_opts o;
	char text[BK_SERVER_TEXT_MAX] = "cannot start the server: options that this version does not know";
	int err = bk_opts_read(&o, opts, relay_idle_ns);

	if (!err)
		err = bk_server_config_init(&config, &o, text);
	if (!err)
		err = bk_server_open(loop, &config, o.state_dir, ret_server, text);
	if (err < 0 && ret_text)
		memcpy(ret_text, text, sizeof(text));
	return err;
}

_Static_assert((int)BK_SERVER_PIN_MAX == (int)BK_PIN_STR_MAX, "as the public header says");

int bk_server_read_pin(
	const char *state_dir, char ret_pin[BK_SERVER_PIN_MAX], char ret_text[BK_SERVER_TEXT_MAX])
{
	char text[BK_SERVER_TEXT_MAX] = "cannot read the server's key: no source of randomness";
	struct bk_identity *id = NULL;
	int err = sodium_init() < 0 ? BK_E_NOMEM : bk_server_identity_read(state_dir, &id, text);

	if (err < 0) {
		if (ret_text)
			memcpy(ret_text, text, sizeof(text));
		return err;
	}
	const struct bk_pin pin = bk_identity_pin(id);

	bk_pin_to_str(&pin, ret_pin);
	bk_identity_free(id);
	return 0;
}

/* --- ending --- */

void bk_server_stop(struct bk_server *s, void (*fn)(void *arg), void *arg)
{
	s->is_stopping = true;
	s->on_stopped = fn;
	s->on_stopped_arg = arg;
	close_ports(s);
	bk_visitors_end(s, BK_E_SHUTDOWN);
	bk_relays_end(s->relays);
	bk_clients_stop(s);
}

void bk_server_free(struct bk_server *s)
{
	if (!s)
		return;
	s->is_stopping = false;
	close_ports(s);
	bk_visitors_end(s, BK_E_SHUTDOWN);
	bk_clients_free(s);
	bk_requests_close(s);
	bk_relays_free(s->relays);
	bk_probes_free(s->probes);
	bk_reaches_free(s->reaches);
	bk_arrivals_close(s);
	bk_crowd_free(s->crowd);
	bk_turn_done(&s->greeted);
	bk_identity_free(s->identity);
	free(s);
}

/* --- looking --- */

uint16_t bk_server_port(const struct bk_server *s)
{
	return s->port;
}

uint16_t bk_server_alt_port(const struct bk_server *s)
{
	return s->alt_port;
}

const char *bk_server_pin(const struct bk_server *s)
{
	return s->pin;
}

uint64_t bk_server_counter(const struct bk_server *s, const char *name)
{
	return bk_counters_get(&s->counters, name);
}

void bk_server_each_counter(
	const struct bk_server *s, void (*fn)(void *arg, const char *name, uint64_t value), void *arg)
{
	for (unsigned i = 0; i < s->counters.count; i++)
		fn(arg, s->counters.of[i].name, s->counters.of[i].value);
}
