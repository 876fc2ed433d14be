/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_LAB_H
#define BK_LAB_LAB_H

/* The NAT laboratory: real kernel NATs in network namespaces on one machine, as root or as any user.
 *
 *	lab up A B [--answer drop|reject|reset|accept] [--delay MS] [--jitter MS] [--loss PERCENT]
 *	           [--rate MBIT] [--with OPTION]... [--replace] [--name NAME]
 *	lab exec a|b|s|ra|rb|ca|cb|net CMD...
 *	lab status | lab down | lab probe
 *	lab scenarios [--json]    the rows of lab/scenarios.h, for tests
 *
 * A and B are names of lab/nat_types.h. What the numbers mean: the wire stands in the access link of each
 * side, between its outermost router and the internet, and every number is about the path between the two
 * HOSTS:
 *
 *	--delay   one way from a to b; each access link gives half. So a and b see a round trip of 2 * MS,
 *	          a host and the server one of MS.
 *	--jitter  at most this much is added to --delay, evenly distributed; half in each link. Order is kept.
 *	--loss    the chance that a packet from a to b is lost, either link takes its part (about half).
 *	--rate    of each access link, each direction, with a queue of 100 ms in front of it (tail drop).
 *
 * --answer is what a NAT does with a TCP or UDP packet nobody asked for: drop it; reject it (ICMP port
 * unreachable); reset (a TCP reset for TCP, ICMP for UDP: what many home routers do); accept (the router's
 * own kernel answers, and its connection table remembers).
 *
 * --with, of both sides, or behind a colon of the one:
 *	miniupnpd, pcp, natpmp, upnp    home routers give ports to whoever asks, by all three or by one of them. It is
 *	          Debian's miniupnpd.
 *	lifetime:S    the NAT forgets a UDP flow that was silent for S seconds.
 *	small-table:N    it has room for N flows, and drops what begins another one.
 *	hairpin    hosts behind it reach each other at its address outside, too; for types that keep ports.
 *	helper    the NAT looks into TFTP: who was asked for a file may answer from any port.
 *	udp-blocked, https-only    it lets nothing pass over UDP; nothing but TCP to port 443.
 *	fw6       IPv6 beside it, where a firewall lets in answers alone; for types of one router.
 *	noise:RATE    others behind the same NAT begin so many flows a second, at random times.
 *
 * Every NAT counts what it sends elsewhere than to the server: questions of STUN and flows over UDP, as nft's named
 * counters: `lab exec ra nft list counters`.
 *
 * The lab lives in one holder process that owns all namespaces: nothing has a name in the file system but one
 * state file in $BODKIN_LAB_DIR (else /run/bodkin-lab for root, $XDG_RUNTIME_DIR/bodkin-lab,
 * /tmp/bodkin-lab-UID). When the holder ends, however it ends, the lab is gone. `exec` replaces its process
 * by the command.
 *
 * argv[0] is "lab". Returns the exit code: 0 done, 1 failed, 2 usage, 3 namespaces, nft or ip cannot be used
 * here (said in one line); `exec` comes back only when it failed (125 for the lab's own reasons other than
 * those, 126 and 127 as a shell has them). */
int bk_lab_main(int argc, char **argv);

#endif
