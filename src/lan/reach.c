/* SPDX-License-Identifier: Apache-2.0 */
#include "lan/reach.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/place.h"

int bk_lan_reach_init(struct bk_lan_reach *r, const struct bk_lan_opts *opts)
{
	struct bk_place place;

	*r = (struct bk_lan_reach){.port = opts->port ? opts->port : BK_RADIO_PORT};
	if (opts->peer && bk_place_from_str(opts->peer, strlen(opts->peer), r->port, &place) < 0)
		return BK_E_INVALID;
	r->interfaces = strdup(opts->interfaces ? opts->interfaces : "");
	r->peer = opts->peer ? strdup(opts->peer) : NULL;
	return !r->interfaces || (opts->peer && !r->peer) ? BK_E_NOMEM : 0;
}

int bk_lan_reach_start(struct bk_lan_reach *r, struct bk_loop *loop)
{
	const struct bk_air_opts opts = {.port = r->port, .interfaces = r->interfaces, .peer = r->peer};

	return r->air ? 0 : bk_air_new(loop, &opts, &r->air);
}

void bk_lan_reach_done(struct bk_lan_reach *r)
{
	bk_air_free(r->air);
	free(r->interfaces);
	free(r->peer);
	*r = (struct bk_lan_reach){.air = NULL};
}
