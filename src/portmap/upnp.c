/* SPDX-License-Identifier: Apache-2.0 */
#include "portmap/upnp.h"

#include "portmap/question.h"

enum { LIFETIME = 7200, LIFETIME_SHORT = 3600, TRIES_MAX = 6 };

enum {
	NOT_AUTHORIZED = 606,
	INVALID_ARGS = 402,
	CONFLICT = 718,
	SAME_PORTS_REQUIRED = 724,
	ONLY_PERMANENT = 725,
	NO_PORTS = 728,
	CONFLICT_OF_MECHANISMS = 729,
};

void bk_upnp_ask_init(struct bk_upnp_ask *a, uint16_t own_port)
{
	*a = (struct bk_upnp_ask){.own_port = own_port, .external_port = own_port, .lifetime = LIFETIME};
}

static bool take_other_lifetime(struct bk_upnp_ask *a, uint32_t lifetime)
{
	bool is_other = a->lifetime != lifetime;

	a->lifetime = lifetime;
	return is_other;
}

bool bk_upnp_ask_again(struct bk_upnp_ask *a, int error, struct bk_rng *rng)
{
	if (++a->tries >= TRIES_MAX)
		return false;
	switch (error) {
	case ONLY_PERMANENT:
		return take_other_lifetime(a, 0);
	case INVALID_ARGS:
		return take_other_lifetime(a, a->lifetime == LIFETIME ? LIFETIME_SHORT : 0);
	case CONFLICT:
	case CONFLICT_OF_MECHANISMS:
		a->external_port = (uint16_t)bk_rng_range(rng, BK_PORTMAP_PORT_MIN, UINT16_MAX);
		return true;
	default:
		return false;
	}
}

enum bk_portmap_trouble bk_upnp_trouble(int error)
{
	switch (error) {
	case NOT_AUTHORIZED:
		return BK_PORTMAP_DENIED;
	case CONFLICT:
	case CONFLICT_OF_MECHANISMS:
	case SAME_PORTS_REQUIRED:
	case NO_PORTS:
		return BK_PORTMAP_FULL;
	default:
		return error < 0 ? BK_PORTMAP_SILENT : BK_PORTMAP_UNSUPPORTED;
	}
}
