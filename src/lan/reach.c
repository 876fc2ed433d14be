/* SPDX-License-Identifier: Apache-2.0 */
#include "lan/reach.h"

#include <stdio.h>
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

void bk_lan_reach_explain(
	const struct bk_lan_reach *r, const struct bk_addr *found, char ret_text[BK_LAN_REACH_TEXT_MAX])
{
	char on[BK_RADIO_TEXT_MAX], place[BK_AIR_PLACE_MAX];

	bk_air_describe(r->air, on);
	if (found)
		snprintf(ret_text, BK_LAN_REACH_TEXT_MAX,
			"the other side was found on this network at %s, but nothing there "
			"takes a connection from here; does a firewall stand between?",
			bk_air_place_to_str(found, place));
	else if (r->peer)
		snprintf(ret_text, BK_LAN_REACH_TEXT_MAX,
			"nobody with this code answered at '%.100s' nor on %s; "
			"is the other command still waiting there, and may UDP and TCP pass?",
			r->peer, *on ? on : "any interface");
	else if (*on)
		snprintf(ret_text, BK_LAN_REACH_TEXT_MAX,
			"nobody with this code answered on %s; is the other command still waiting, on the same network? "
			"Where multicast and broadcast are blocked: --peer HOST; elsewhere: -s SERVER",
			on);
	else
		snprintf(ret_text, BK_LAN_REACH_TEXT_MAX,
			"no interface of this machine is on a network%s%.100s",
			*r->interfaces ? " by the name " : "", r->interfaces);
}

void bk_lan_reach_done(struct bk_lan_reach *r)
{
	bk_air_free(r->air);
	free(r->interfaces);
	free(r->peer);
	*r = (struct bk_lan_reach){.air = NULL};
}
