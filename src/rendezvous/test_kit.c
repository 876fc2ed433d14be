/* SPDX-License-Identifier: Apache-2.0 */
#include "rendezvous/test_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/test_clock.h"

static struct test_clock fast_clock;

static void look(struct heard *h)
{
	if (h->stop_when && *h->stop_when >= h->stop_at)
		bk_loop_stop(h->w->loop);
}

static void drop(struct heard *h)
{
	client_free(h->rdv);
	h->rdv = NULL;
}

static void on_ready(void *arg)
{
	struct heard *h = arg;

	h->readies++;
	if (h->free_on_ready)
		drop(h);
	look(h);
}

static void on_view(void *arg)
{
	struct heard *h = arg;

	h->views++;
	look(h);
}

static void on_nameplate(void *arg, uint32_t nameplate)
{
	struct heard *h = arg;

	h->nameplates++;
	h->nameplate = nameplate;
	look(h);
}

static void on_claimed(
	void *arg, uint32_t nameplate, const uint8_t token[BK_RDV_SECRET_LEN], const uint8_t *left, size_t n)
{
	struct heard *h = arg;

	(void)token;
	h->claims++;
	h->nameplate = nameplate;
	snprintf(h->left, sizeof(h->left), "%.*s", (int)n, n ? (const char *)left : "");
	look(h);
}

static void on_mail(void *arg, const uint8_t *body, size_t n)
{
	struct heard *h = arg;

	h->mails++;
	snprintf(h->mail, sizeof(h->mail), "%.*s", (int)n, n ? (const char *)body : "");
	if (h->free_on_mail)
		drop(h);
	look(h);
}

static void on_round(void *arg, const uint8_t relay_token[BK_RDV_SECRET_LEN])
{
	(void)arg;
	(void)relay_token;
}

static void on_released(void *arg, int code)
{
	struct heard *h = arg;

	h->releases++;
	h->release_code = code;
	look(h);
}

static void on_error(void *arg, int code, const char *text)
{
	struct heard *h = arg;

	snprintf(h->error_text, sizeof(h->error_text), "%s", text);
	h->errors++;
	h->last_error = code;
	look(h);
}

static void on_end(void *arg, int error, const char *text)
{
	struct heard *h = arg;

	h->ends++;
	h->end_error = error;
	snprintf(h->end_text, sizeof(h->end_text), "%s", text);
	if (h->free_on_end)
		drop(h);
	look(h);
}

static void on_note(void *arg, int verbosity, const char *text)
{
	struct heard *h = arg;

	if (verbosity)
		return;
	snprintf(h->wait_text, sizeof(h->wait_text), "%s", text);
	h->waits++;
	look(h);
}

static void on_early(void *arg)
{
	struct heard *h = arg;

	if (h->claims_early)
		assert_int_equal(bk_rdv_ops.claim(h->rdv, h->claims_early), 0);
}

static const struct bk_mailbox_events events = {
	.on_early = on_early,
	.on_note = on_note,
	.on_ready = on_ready,
	.on_view = on_view,
	.on_nameplate = on_nameplate,
	.on_claimed = on_claimed,
	.on_mail = on_mail,
	.on_round = on_round,
	.on_released = on_released,
	.on_error = on_error,
	.on_end = on_end,
};

static void on_flush(void *arg)
{
	struct heard *h = arg;

	h->flushes++;
	if (h->free_on_flush)
		drop(h);
	look(h);
}

void client_flush(struct heard *h)
{
	bk_rdv_ops.flush(h->rdv, on_flush, h);
}

void client_start_at(struct heard *h, struct world *w, struct bk_rdv_mailbox *mailbox)
{
	h->w = w;
	assert_int_equal(bk_rdv_ops.open(mailbox, w->loop, &events, h, &h->rdv), 0);
}

void client_start(struct heard *h, struct world *w, struct bk_rdv_opts opts)
{
	struct bk_rdv_mailbox **mailbox = &w->mailboxes[w->mailboxes_len++];

	assert_true(w->mailboxes_len <= sizeof(w->mailboxes) / sizeof(w->mailboxes[0]));
	if (!opts.server)
		opts.server = w->target;
	if (!opts.client_id)
		opts.client_id = "client";
	assert_int_equal(bk_rdv_mailbox_new(&opts, mailbox), 0);
	client_start_at(h, w, *mailbox);
}

void client_run(struct heard *h, int *counter, int at)
{
	h->stop_when = counter;
	h->stop_at = at;
	if (*counter < at)
		world_run(h->w);
	h->stop_when = NULL;
}

void world_init(struct world *w, struct bk_server_opts opts)
{
	char why[BK_SERVER_TEXT_MAX] = "";

	memset(w, 0, sizeof(*w));
	strcpy(w->dir, "/tmp/bodkin-test-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	opts.listen_ip = opts.listen_ip ? opts.listen_ip : "127.0.0.1";
	opts.port = opts.alt_port = -1;
	opts.state_dir = w->dir;
	w->opts = opts;
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &w->loop), 0);
	if (bk_server_new(w->loop, &opts, &w->server, why) < 0)
		fail_msg("%s", why);
	snprintf(w->target, sizeof(w->target), "127.0.0.1:%u#%s", bk_server_port(w->server),
		bk_server_pin(w->server));
	assert_int_equal(test_clock_init(&fast_clock, w->loop), 0);
}

void world_done(struct world *w)
{
	char command[128];

	for (size_t i = 0; i < w->mailboxes_len; i++)
		bk_rdv_mailbox_free(w->mailboxes[i]);
	bk_server_free(w->server);
	test_clock_done(&fast_clock);
	bk_loop_free(w->loop);
	snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
	assert_int_equal(system(command), 0);
}

void world_restart_server(struct world *w)
{
	struct bk_server_opts opts = w->opts;

	opts.port = bk_server_port(w->server);
	opts.alt_port = bk_server_alt_port(w->server);
	bk_server_free(w->server);
	assert_int_equal(bk_server_new(w->loop, &opts, &w->server, NULL), 0);
}

void world_let_time_fly(bk_dur d)
{
	test_clock_fly(&fast_clock, d);
}

void world_stop_wall(bool is_still)
{
	test_clock_stop_wall(is_still);
}

void world_run(struct world *w)
{
	kit_run(w->loop);
}
