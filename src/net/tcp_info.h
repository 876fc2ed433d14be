/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_TCP_INFO_H
#define BK_NET_TCP_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

/* What the kernel knows of a TCP connection's way to the peer. */
struct bk_tcp_info {
	bool is_in_flight; /* the peer has not acknowledged everything that was given to the socket */
	bool is_at_closed_window;
	unsigned repeats; /* retransmission timeouts, or questions at a closed window, in a row without an
			     answer */
	bk_dur rtt;       /* smoothed; least_rtt: of the last minutes. 0: not known */
	bk_dur least_rtt;
	bk_dur silent; /* since the last acknowledgement, on the kernel's clock */
};

/* BK_E_UNSUPPORTED when it is not a TCP socket. */
int bk_tcp_info_get(int fd, struct bk_tcp_info *ret_info);

#endif
