/* SPDX-License-Identifier: Apache-2.0 */
#include "portmap/trouble.h"

#include "portmap/natpmp.h"
#include "portmap/pcp.h"

enum bk_portmap_trouble bk_portmap_trouble_of_pcp(uint8_t result)
{
	switch (result) {
	case BK_PCP_SUCCESS:
		return BK_PORTMAP_FINE;
	case BK_PCP_NOT_AUTHORIZED:
		return BK_PORTMAP_DENIED;
	case BK_PCP_NETWORK_FAILURE:
		return BK_PORTMAP_NO_OUTSIDE;
	case BK_PCP_NO_RESOURCES: /* miniupnpd's word for a private address outside */
	case BK_PCP_USER_EX_QUOTA:
	case BK_PCP_CANNOT_PROVIDE_EXTERNAL:
		return BK_PORTMAP_FULL;
	case BK_PCP_ADDRESS_MISMATCH:
		return BK_PORTMAP_NOT_NEXT;
	default:
		return BK_PORTMAP_UNSUPPORTED;
	}
}

enum bk_portmap_trouble bk_portmap_trouble_of_natpmp(uint16_t result)
{
	switch (result) {
	case BK_NATPMP_SUCCESS:
		return BK_PORTMAP_FINE;
	case BK_NATPMP_NOT_AUTHORIZED:
		return BK_PORTMAP_DENIED;
	case BK_NATPMP_NETWORK_FAILURE:
		return BK_PORTMAP_NO_OUTSIDE;
	case BK_NATPMP_NO_RESOURCES:
		return BK_PORTMAP_FULL;
	default:
		return BK_PORTMAP_UNSUPPORTED;
	}
}

const char *bk_portmap_trouble_text(enum bk_portmap_trouble t)
{
	static const char *const texts[] = {
		[BK_PORTMAP_FINE] = "gives ports",
		[BK_PORTMAP_SILENT] = "does not answer",
		[BK_PORTMAP_UNSUPPORTED] = "does not know the request",
		[BK_PORTMAP_DENIED] = "does not allow it",
		[BK_PORTMAP_NO_OUTSIDE] = "has no public address itself",
		[BK_PORTMAP_FULL] = "has no port to give, or is behind a NAT itself",
		[BK_PORTMAP_NOT_NEXT] = "is not the next one: another NAT stands between",
		[BK_PORTMAP_ODD] = "gave an answer that makes no sense",
		[BK_PORTMAP_LOW_PORT] = "is not asked for ports below 1024",
	};

	return (unsigned)t < sizeof(texts) / sizeof(texts[0]) ? texts[t] : "unknown";
}
