/* SPDX-License-Identifier: Apache-2.0 */
/* The pair table of the plain dialect: who listens, who connects, by the words both sides used for their NAT.
 * It knows nothing of symmetric NATs with port-restricted ones, as the old tools do not. A word it does not
 * know, "unknown" among them, counts as port restricted: the careful strategy for that one also works behind
 * everything easier. */
#include "server/match.h"

#include <stddef.h>
#include <string.h>

enum ease { HARD, PORT_RESTRICTED, RESTRICTED, OPEN };

static enum ease ease_of(const char *nat)
{
	static const struct {
		const char *word;
		enum ease ease;
	} table[] = {
		{"Open Internet", OPEN},
		{"Full Cone", OPEN},
		{"Restric NAT", RESTRICTED},
		{"Symmetric NAT", HARD},
		{"Symmetric UDP Firewall", HARD},
		{"Blocked", HARD},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!strcmp(nat, table[i].word))
			return table[i].ease;
	return PORT_RESTRICTED;
}

struct bk_match bk_match_nats(const char *client_nat, const char *peer_nat)
{
	enum ease client = ease_of(client_nat), peer = ease_of(peer_nat);

	if (client == OPEN)
		return (struct bk_match){"Listen", "Connect"};
	if (peer == OPEN)
		return (struct bk_match){"Connect", "Listen"};
	if (client == RESTRICTED)
		return (struct bk_match){"TryAndListen", "DelayConnect"};
	if (peer == RESTRICTED)
		return (struct bk_match){"DelayConnect", "TryAndListen"};
	if (client == PORT_RESTRICTED && peer == PORT_RESTRICTED)
		return (struct bk_match){"TryAndReport", "Standby"};
	return (struct bk_match){NULL, NULL};
}
