/* SPDX-License-Identifier: Apache-2.0 */
#include "router/search.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/error.h"
#include "net/loop.h"
#include "net/udp.h"

/* Multicast is lost as easily as any datagram, in a wireless network more so. */
enum { ASKED_MAX = 3, TTL = 2 };

#define AGAIN (300 * BK_MS)

static void send_question(struct bk_search *s, const char *target, const struct bk_addr *to)
{
	char question[BK_SSDP_QUESTION_MAX];
	size_t n = bk_ssdp_put(target, to, question);

	(void)bk_udp_send(s->fd, to, TTL, question, n); /* what does not go is as good as lost */
}

/* By itself, too: some networks keep multicast from wireless machines, and UPnP 1.1 lets one be asked. */
static void ask(struct bk_search *s)
{
	const struct bk_addr all = bk_addr_v4(239, 255, 255, 250, s->gateway.port);
	const char *target;

	for (size_t i = 0; (target = bk_ssdp_target(i)); i++) {
		send_question(s, target, &all);
		send_question(s, target, &s->gateway);
	}
	s->asked++;
	s->next = s->asked < ASKED_MAX ? bk_loop_clock() + AGAIN : BK_NEVER;
}

static bool is_known(const struct bk_search *s, const char *url)
{
	for (int i = 0; i < s->urls_len; i++)
		if (strcmp(s->urls[i], url) == 0)
			return true;
	return false;
}

/* NULL: that is none, or nothing new. */
static const char *take(struct bk_search *s, const struct bk_addr *from, const uint8_t *data, size_t len)
{
	char *url = s->urls[s->urls_len];

	if (!bk_addr_equal_ip(from, &s->gateway) || bk_ssdp_read(data, len, url) < 0 ||
		!bk_web_is_at(url, &s->gateway) || is_known(s, url))
		return NULL;
	s->urls_len++;
	return url;
}

static bool is_over(const struct bk_search *s)
{
	return s->fd < 0 || s->answers >= BK_SEARCH_ANSWERS_MAX || s->urls_len >= BK_SEARCH_URLS_MAX ||
	       bk_loop_clock() >= s->deadline;
}

/* Until something comes, or it is time to ask again. */
static void wait(struct bk_search *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	bk_dur left = bk_time_min(s->deadline, s->next) - bk_loop_clock();

	poll(&p, 1, left > 0 ? (int)(left / BK_MS) + 1 : 0);
}

const char *bk_search_next(struct bk_search *s)
{
	uint8_t data[BK_SSDP_ANSWER_MAX + 1];
	const char *url = NULL;
	struct bk_addr from;
	int n;

	while (!url && !is_over(s)) {
		if (bk_loop_clock() >= s->next)
			ask(s);
		n = bk_udp_receive(s->fd, &from, data, sizeof(data));
		if (n == BK_E_AGAIN)
			wait(s);
		s->answers += n != BK_E_AGAIN;
		url = n < 0 ? NULL : take(s, &from, data, (size_t)n);
	}
	return url;
}

int bk_search_init(
	struct bk_search *s, const struct bk_addr *own, const struct bk_addr *gateway, bk_time deadline)
{
	const struct bk_addr at = bk_addr_with_port(*own, 0);
	struct ip_mreqn via = {.imr_ifindex = 0};
	int err;

	*s = (struct bk_search){.fd = -1, .gateway = *gateway, .deadline = deadline};
	if (!s->gateway.port)
		s->gateway.port = BK_SSDP_PORT;
	err = bk_udp_open(&at, false, &s->fd);
	if (err < 0)
		return err;
	memcpy(&via.imr_address, own->ip, 4); /* else it leaves by whichever interface has the route */
	if (setsockopt(s->fd, IPPROTO_IP, IP_MULTICAST_IF, &via, sizeof(via)) == 0)
		return 0;
	err = bk_error_from_errno(errno);
	bk_search_done(s);
	return err;
}

void bk_search_done(struct bk_search *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
