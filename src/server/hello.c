/* SPDX-License-Identifier: Apache-2.0 */
/* Who may come in: the version must be ours, the token right, the id free. A client outside TLS speaks a
 * dialect that is older than versions, pings and codes of errors. */
#include "server/hello.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "server/crowd.h"
#include "server/dialect.h"
#include "server/limits.h"

enum { VERSION = 1 };

static void refuse(struct bk_client *c, const char *id, int error)
{
	struct bk_rdv_msg m = {.type = BK_RDV_SERVER_REFUSE};

	snprintf(m.client_id, sizeof(m.client_id), "%s", id);
	snprintf(m.content, sizeof(m.content), "%s", bk_error_text(error));
	if (c->dialect->is_secured)
		snprintf(m.code, sizeof(m.code), "%s", bk_error_name(error));
	if (error == BK_E_FULL && c->dialect->is_secured)
		m.wait_ms = BK_LIMIT_FULL_WAIT / BK_MS;
	++*c->server->clients->refused;
	bk_client_send(c, &m);
	bk_client_finish(c, error, NULL);
}

static void add_what_tls_has(const struct bk_client *c, struct bk_rdv_msg *m)
{
	const struct bk_server *s = c->server;
	char ip[BK_ADDR_STR_MAX];

	m->version = VERSION;
	m->ping_ms = (uint32_t)(s->config.ping_interval / BK_MS);
	m->alt_port = c->from.local.port == s->port ? s->alt_port : s->port;
	if (s->config.alt.family)
		snprintf(m->alt_ip, sizeof(m->alt_ip), "%.*s", BK_RDV_IP_MAX,
			bk_addr_ip_to_str(&s->config.alt, ip));
	m->time = bk_loop_now(s->loop);
}

static void welcome(struct bk_client *c)
{
	struct bk_rdv_msg m = {.type = BK_RDV_SERVER_HELLO, .public_port = c->from.peer.port};
	char ip[BK_ADDR_STR_MAX];

	snprintf(m.client_id, sizeof(m.client_id), "%s", c->id);
	snprintf(m.public_ip, sizeof(m.public_ip), "%.*s", BK_RDV_IP_MAX,
		bk_addr_ip_to_str(&c->from.peer, ip));
	if (c->dialect->is_secured)
		add_what_tls_has(c, &m);
	bk_client_settle(
		c, c->dialect->is_secured ? 2 * c->server->config.ping_interval : BK_LIMIT_PLAIN_WAIT);
	bk_client_send(c, &m);
}

static bool is_authorized(const struct bk_server *s, const char *token)
{
	uint8_t hash[sizeof(s->config.token_hash)];

	if (!s->config.has_token)
		return true;
	crypto_generichash(hash, sizeof(hash), (const uint8_t *)token, strlen(token), NULL, 0);
	return sodium_memcmp(hash, s->config.token_hash, sizeof(hash)) == 0;
}

bool bk_hello_take(struct bk_client *c, const struct bk_rdv_msg *m)
{
	int err;

	if (c->dialect->is_secured && m->version != VERSION)
		err = BK_E_VERSION;
	else if (!is_authorized(c->server, m->token))
		err = BK_E_UNAUTHORIZED;
	else
		err = bk_client_take_id(c, m->client_id);
	if (!err)
		err = bk_crowd_prove(c->server->crowd, c->from.guest, BK_SHARE_CLIENTS);
	if (err < 0)
		refuse(c, m->client_id, err);
	else
		welcome(c);
	return c->state == BK_CLIENT_READY;
}
