/* SPDX-License-Identifier: Apache-2.0 */
#include "lan/home.h"

#include <stdio.h>

#include "base/log.h"
#include "server/config.h"
#include "server/server.h"

static int open_server(struct bk_home *h, struct bk_loop *loop, const struct bk_home_limits *limits)
{
	const struct bk_server_opts opts = {.port = -1,
		.alt_port = -1,
		.state_dir = "none",
		.clients_max = limits->clients_max,
		.per_address_max = limits->per_address_max,
		.relays_max = limits->relays_max,
		.messages_per_second = limits->messages_per_second,
		.ping_interval_ns = limits->ping_interval};
	char text[BK_SERVER_TEXT_MAX];
	struct bk_server_config config;
	int err = bk_server_config_init(&config, &opts, text);

	config.is_local = true;
	if (!err && limits->posts_burst)
		config.posts_burst = limits->posts_burst;
	if (!err)
		err = bk_server_open(loop, &config, NULL, &h->server, text);
	if (err < 0)
		bk_log_info("lan", "%s", text);
	return err;
}

int bk_home_open(struct bk_home *h, struct bk_loop *loop, const struct bk_home_limits *limits)
{
	char place[BK_SERVER_PIN_MAX + 32];
	const struct bk_rdv_opts opts = {.server = place, .is_hidden = true};
	int err = h->server ? 0 : open_server(h, loop, limits);

	if (err < 0 || h->way)
		return err;
	snprintf(
		place, sizeof(place), "127.0.0.1:%u#%s", bk_server_port(h->server), bk_server_pin(h->server));
	return bk_rdv_mailbox_new(&opts, &h->way);
}

void bk_home_close(struct bk_home *h)
{
	bk_rdv_mailbox_free(h->way);
	bk_server_free(h->server);
	*h = (struct bk_home){0};
}
