/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SURVEY_WORDS_H
#define BK_SURVEY_WORDS_H

#include <bodkin/mailbox.h>
#include <bodkin/nat.h>

#include "nat/discover.h"
#include "router/router.h"

/* What a survey found, and its words for people. */
struct bk_survey_facts {
	bool has_udp4, has_udp6; /* asked the server over that family */
	struct bk_nat_finding udp4, udp6;
	bool has_asked_tcp, has_tcp; /* tried; a control connection came to stand */
	int tcp_error;               /* why not; 0: nothing came */
	const char *tcp_text;        /* that, in a sentence; NULL: none */
	struct bk_mailbox_view view; /* of that */
	struct bk_addr own6;         /* a public IPv6 address of this machine; family 0: none */
	bk_dur lifetime_min, lifetime_max;
	struct bk_router_view router, router6; /* without gateway: not asked, or there is none */
	bk_dur elapsed;
};

void bk_survey_put_into_words(const struct bk_survey_facts *facts, struct bk_nat_result *ret_result);

#endif
