/* SPDX-License-Identifier: Apache-2.0 */
#include "path/recall.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "net/job.h"
#include "punch/guess.h"

enum {
	NEAR = 16, /* what is that near to what is written down is no news */
	TEXT_MAX = 512,
};

struct work {
	char folder[PATH_MAX];
	struct bk_remembered_pair networks;
	struct bk_memo memo;
};

int bk_recall_init(struct bk_recall *r, struct bk_loop *loop, const char *folder)
{
	*r = (struct bk_recall){.loop = loop};
	if (folder && strlen(folder) < PATH_MAX)
		r->folder = strdup(folder);
	return folder && !r->folder ? BK_E_NOMEM : 0;
}

void bk_recall_done(struct bk_recall *r)
{
	bk_job_free(r->job);
	free(r->folder);
	*r = (struct bk_recall){0};
}

static bool is_looked_up(const struct bk_recall *r, const struct bk_remembered_pair *networks)
{
	return r->has_looked && !memcmp(&r->networks, networks, sizeof(*networks));
}

static void complain(const struct bk_recall *r, int error,
	void (*note)(void *arg, int verbosity, const char *text), void *arg)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "what connected two networks cannot be read from %.300s/paths (%s)%s",
		r->folder, bk_error_text(error), bk_remembered_is_no_table(error) ? ": it begins anew" : "");
	note(arg, 0, text);
}

static void tell(
	const struct bk_recall *r, void (*note)(void *arg, int verbosity, const char *text), void *arg)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "tried first: what connected these two networks the last time (%s)",
		r->memo.technique);
	note(arg, 1, text);
}

static bool is_guess(const char *name)
{
	for (const struct bk_technique *const *row = bk_techniques; *row; row++)
		if ((*row)->chance && !strcmp((*row)->name, name))
			return true;
	return false;
}

const struct bk_memo *bk_recall_look(struct bk_recall *r, const struct bk_pair *pair,
	void (*note)(void *arg, int verbosity, const char *text), void *arg)
{
	struct bk_remembered_pair networks;
	int got;

	if (!r->folder || !bk_remembered_pair_of(pair, &networks))
		return NULL;
	if (!is_looked_up(r, &networks)) {
		got = bk_remembered_look(r->folder, &networks, &r->memo);
		r->has_looked = true;
		r->networks = networks;
		r->has_memo = got > 0;
		r->memo.is_guess = r->has_memo && is_guess(r->memo.technique);
		if (got < 0)
			complain(r, got, note, arg);
		if (r->has_memo)
			tell(r, note, arg);
	}
	return r->has_memo ? &r->memo : NULL;
}

/* --- writing --- */

static void run(void *arg)
{
	const struct work *w = arg;
	int err = bk_remembered_note(w->folder, &w->networks, &w->memo);

	if (err < 0)
		bk_log_debug("recall", "%s/paths: %s", w->folder, bk_error_text(err));
}

static void on_written(void *arg)
{
	struct bk_recall *r = arg;

	bk_job_free(r->job);
	r->job = NULL;
}

static void start_writing(struct bk_recall *r)
{
	struct work w = {.networks = r->networks, .memo = r->memo};

	strcpy(w.folder, r->folder);
	if (bk_job_new(r->loop, run, &w, sizeof(w), on_written, r, &r->job) < 0)
		r->job = NULL;
}

static bool is_near(uint16_t a, uint16_t b)
{
	return a == b || (a && b && abs(a - b) < NEAR);
}

static bool is_known(const struct bk_recall *r, const struct bk_memo *m)
{
	return r->has_memo && !strcmp(r->memo.technique, m->technique) && is_near(r->memo.port, m->port) &&
	       is_near(r->memo.step, m->step);
}

void bk_recall_note(struct bk_recall *r, const struct bk_pair *pair, const struct bk_technique *t,
	const struct bk_addr *remote)
{
	struct bk_remembered_pair networks;
	struct bk_memo memo;

	if (!r->folder || r->job || t->method->is_relay || !bk_remembered_pair_of(pair, &networks))
		return;
	bk_guess_memo(pair, t, remote, &memo);
	if (is_looked_up(r, &networks) && is_known(r, &memo))
		return;
	r->has_looked = r->has_memo = true;
	r->networks = networks;
	r->memo = memo;
	start_writing(r);
}
