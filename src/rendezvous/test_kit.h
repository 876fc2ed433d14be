/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_TEST_KIT_H
#define BK_RENDEZVOUS_TEST_KIT_H

#include <bodkin/server.h>

#include "base/time.h"
#include "net/test_kit.h"
#include "rendezvous/mailbox.h"

/* A server and clients of it in one loop on loopback, with a clock that can be pushed. */
struct world {
	char dir[64];
	char target[128];
	struct bk_loop *loop;
	struct bk_server *server;
	struct bk_server_opts opts;
	struct bk_rdv_mailbox *mailboxes[8]; /* of its clients */
	size_t mailboxes_len;
};

/* What one client heard. */
struct heard {
	struct world *w;
	void *rdv; /* the box */
	int readies, views, nameplates, claims, mails, releases, errors, ends, flushes;
	int end_error, last_error, release_code;
	uint32_t nameplate;
	char end_text[1024];
	char left[64], mail[64];
	int waits; /* notes of what is waited for */
	char wait_text[1024], error_text[1024];
	uint32_t claims_early; /* this one, with the hello; 0: nothing */
	int *stop_when;        /* stop the loop when this counter of ours has become stop_at */
	int stop_at;
	bool free_on_ready, free_on_end, free_on_mail, free_on_flush;
};

void world_init(struct world *w, struct bk_server_opts opts);
void world_done(struct world *w);
void world_restart_server(struct world *w); /* at its ports; it has forgotten everything but its key */
void world_let_time_fly(bk_dur d);
void world_stop_wall(bool is_still); /* the time of day: it stands, or is what it is */
void world_run(struct world *w);     /* until the loop is stopped */

/* Server and id are filled in; the mailbox stays until world_done. */
void client_start(struct heard *h, struct world *w, struct bk_rdv_opts opts);
void client_start_at(struct heard *h, struct world *w, struct bk_rdv_mailbox *mailbox);
void client_run(struct heard *h, int *counter, int at);
void client_flush(struct heard *h);

static inline struct bk_mailbox_view client_view(const struct heard *h)
{
	struct bk_mailbox_view view;

	bk_rdv_ops.view(h->rdv, &view);
	return view;
}

static inline void client_free(void *box)
{
	if (box)
		bk_rdv_ops.close(box);
}

#endif
