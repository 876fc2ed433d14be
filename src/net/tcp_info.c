/* SPDX-License-Identifier: Apache-2.0 */
/* TCP_INFO in the few words that say whether a path is alive. It counts what the kernel sent and heard, so a
 * process that was stopped, a queue that is long or a peer whose application does not read look as alive as
 * they are: acknowledgements, and answers to window probes (RFC 9293 section 3.8.6.1), come without either
 * process. */
#include "net/tcp_info.h"

#include <linux/tcp.h> /* the C library's lacks what came later */
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"

int bk_tcp_info_get(int fd, struct bk_tcp_info *ret_info)
{
	struct tcp_info t = {0};
	socklen_t n = sizeof(t);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &t, &n) < 0)
		return BK_E_UNSUPPORTED;
	*ret_info = (struct bk_tcp_info){
		.is_in_flight = t.tcpi_unacked || t.tcpi_probes,
		.is_at_closed_window = !t.tcpi_unacked && t.tcpi_probes,
		.repeats = t.tcpi_unacked ? t.tcpi_retransmits : t.tcpi_probes,
		.rtt = t.tcpi_rtt * BK_US,
		.least_rtt = t.tcpi_min_rtt * BK_US,
		.silent = t.tcpi_last_ack_recv * BK_MS,
	};
	return 0;
}
