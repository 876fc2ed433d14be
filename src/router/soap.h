/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_ROUTER_SOAP_H
#define BK_ROUTER_SOAP_H

#include "base/time.h"
#include "portmap/web.h"

/* Questions to a UPnP router over HTTP. They wait for the answer: for a thread. Each has one deadline, however the
 * answer comes, and BK_WEB_ANSWER_MAX for its bytes. */

/* That page. BK_E_TIMEOUT, BK_E_TOO_BIG, BK_E_MALFORMED, BK_E_PROTOCOL (another status than 200), or what the system
 * says. */
int bk_soap_page(const char *url, bk_time deadline, struct bk_web_answer *ret_answer);

/* That action of the service, `args` being its XML. 0: done, as ret_answer says; above 0: the router's own error code;
 * below: as above. */
int bk_soap_call(const char *url, const char *service, const char *action, const char *args, bk_time deadline,
	struct bk_web_answer *ret_answer);

/* What the answer has under that name; empty if nothing. */
void bk_soap_value(const struct bk_web_answer *a, const char *name, char *out, size_t size);

#endif
