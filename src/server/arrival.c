/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a connection, whatever it was: one line with the address and the reason. Somebody who opens and
 * closes connections as fast as he can must not fill the disk with such lines, so they are rationed and the
 * rest counted. */
#include "server/state.h"

#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "server/crowd.h"

void bk_arrival_log(struct bk_server *s, const struct bk_arrival *a, int error, const char *detail)
{
	char where[BK_ADDR_STR_MAX];

	if (!bk_rate_take(&s->log_rate, 1, bk_loop_now(s->loop))) {
		s->log_hidden++;
		return;
	}
	if (s->log_hidden)
		bk_log_info("server", "closed %llu more connections than are listed here",
			(unsigned long long)s->log_hidden);
	s->log_hidden = 0;
	bk_log_info("server", "closing %s: %s (%s)", bk_addr_to_str(&a->peer, where),
		detail && *detail ? detail : bk_error_text(error), error ? bk_error_name(error) : "done");
}

void bk_arrival_done(struct bk_server *s, struct bk_arrival *a)
{
	bk_crowd_leave(s->crowd, a->guest, bk_loop_now(s->loop));
	a->guest = NULL;
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}

void bk_arrival_end(struct bk_server *s, struct bk_arrival *a, int error, const char *detail)
{
	bk_arrival_log(s, a, error, detail);
	bk_arrival_done(s, a);
}
