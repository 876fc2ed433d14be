/* SPDX-License-Identifier: Apache-2.0 */
/* A run is over when both sides have a direct path, or the relay and nothing more to hope for: where the plan says
 * that nothing connects the two at once, else when what was tried must have come to its end. */
#include "lab/cell.h"

#include "base/error.h"
#include "lab/clock.h"
#include "lab/speaker.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* The server lets an address ask for so many reach tests in a burst. */
#define RUNS_OF_A_SERVER 5
#define PATIENCE         (15 * BK_SEC)
/* Three seconds are tried from the agreed instant on. */
#define HOPE      (4 * BK_SEC)
#define PLACE_MAX 128

struct side {
	struct bk_lab_speaker speaker;
	bool has_path, is_direct, is_over;
	double elapsed_ms, chance;
	char technique[BK_LAB_TECHNIQUE_MAX];
};

struct run {
	struct bk_lab_cell *cell;
	struct bk_lab_speaker *server;
	void (*on_wait)(bool waits);
	struct side sides[2];
	char place[PLACE_MAX], code[PLACE_MAX], text[BK_LAB_TEXT_MAX];
	bk_time begun, relayed; /* 0: not yet */
};

/* --- what is heard --- */

static const char *word_of(const json_t *event, const char *key)
{
	const char *s = json_string_value(json_object_get(event, key));

	return s ? s : "";
}

static void hear_path(struct run *r, struct side *s, const json_t *event)
{
	const json_t *chance = json_object_get(event, "chance");

	s->has_path = true;
	s->is_direct = strcmp(word_of(event, "kind"), "direct") == 0;
	s->elapsed_ms = json_number_value(json_object_get(event, "elapsed_ms"));
	s->chance = json_is_number(chance) ? json_number_value(chance) : -1;
	snprintf(s->technique, sizeof(s->technique), "%s", word_of(event, "technique"));
	if (!s->is_direct)
		snprintf(r->text, sizeof(r->text), "%s", word_of(event, "text"));
}

static void hear(struct run *r, struct side *s)
{
	json_t *event;

	while (!s->is_over && (event = bk_lab_speaker_next(&s->speaker, &s->is_over))) {
		const char *name = word_of(event, "event");

		if (strcmp(name, "code") == 0)
			snprintf(r->code, sizeof(r->code), "%s", word_of(event, "code"));
		else if (strcmp(name, "path") == 0)
			hear_path(r, s, event);
		else if (strcmp(name, "error") == 0)
			snprintf(r->text, sizeof(r->text), "%s", word_of(event, "text"));
		json_decref(event);
	}
}

/* Until one of them speaks or ends, or for so long. */
static void listen_to(struct run *r, bk_dur most)
{
	struct pollfd fds[2];

	for (int i = 0; i < 2; i++)
		fds[i] = (struct pollfd){
			.fd = r->sides[i].speaker.pid && !r->sides[i].is_over ? r->sides[i].speaker.fd : -1,
			.events = POLLIN};
	poll(fds, 2, (int)(most / BK_MS) + 1);
	for (int i = 0; i < 2; i++)
		if (fds[i].fd >= 0)
			hear(r, &r->sides[i]);
}

/* --- one run --- */

static int start_side(struct run *r, int side)
{
	const char *argv[] = {"ping", "--json", "--transport", bk_lab_over_name(r->cell->over), "-s",
		r->place, side ? r->code : NULL, NULL};

	return bk_lab_speaker_start(&r->sides[side].speaker, side ? BK_LAB_B : BK_LAB_A, argv);
}

static bool is_patient(const struct run *r)
{
	return bk_lab_clock() - r->begun < PATIENCE && !r->sides[0].is_over && !r->sides[1].is_over;
}

/* Is there more to come than what both have? */
static bool is_hopeful(const struct run *r)
{
	const struct side *a = &r->sides[0], *b = &r->sides[1];

	if (!a->has_path || !b->has_path)
		return true;
	if (a->is_direct && b->is_direct)
		return false;
	return a->is_direct || b->is_direct ||
	       ((a->chance != 0 || b->chance != 0) && bk_lab_clock() - r->relayed < HOPE);
}

/* Both have a path, and not both a direct one: whoever waits for the run is told so, once. */
static void note_relayed(struct run *r)
{
	const struct side *a = &r->sides[0], *b = &r->sides[1];

	if (r->relayed || !a->has_path || !b->has_path || (a->is_direct && b->is_direct))
		return;
	r->relayed = bk_lab_clock();
	r->on_wait(true);
}

static bool try_once(struct run *r)
{
	r->begun = bk_lab_clock();
	if (start_side(r, 0) < 0)
		return false;
	while (!*r->code && is_patient(r))
		listen_to(r, BK_SEC);
	if (!*r->code || start_side(r, 1) < 0)
		return false;
	while (is_hopeful(r) && is_patient(r)) {
		listen_to(r, BK_SEC / 10);
		note_relayed(r);
	}
	return r->sides[0].has_path && r->sides[0].is_direct == r->sides[1].is_direct && r->sides[1].has_path;
}

/* Its key is in its memory, once it listens. */
static void start_server(struct run *r, const char *folder)
{
	const char *argv[] = {"serve", "--json", "--state", folder, NULL};
	bk_time begun = bk_lab_clock();
	bool is_over = false;

	bk_lab_speaker_end(r->server);
	*r->place = 0;
	if (bk_lab_speaker_start(r->server, BK_LAB_S, argv) < 0)
		return;
	while (!*r->place && !is_over && bk_lab_clock() - begun < PATIENCE) {
		struct pollfd fd = {.fd = r->server->fd, .events = POLLIN};
		json_t *event;

		poll(&fd, 1, 1000);
		event = bk_lab_speaker_next(r->server, &is_over);
		if (event && strcmp(word_of(event, "event"), "listening") == 0)
			snprintf(r->place, sizeof(r->place), "%s#%s", word_of(event, "address"),
				word_of(event, "pin"));
		json_decref(event);
	}
}

/* --- all of them --- */

struct times {
	double ms[BK_LAB_RUNS_MAX];
	int len;
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void sum_up(struct bk_lab_cell *c, struct times *t)
{
	if (t->len == 0)
		return;
	qsort(t->ms, (size_t)t->len, sizeof(t->ms[0]), compare);
	c->median_ms = (t->ms[t->len / 2] + t->ms[(t->len - 1) / 2]) / 2;
	c->worst_ms = t->ms[t->len - 1];
}

static void note(struct run *r, bool has_paths, struct times *direct, struct times *relayed)
{
	struct bk_lab_cell *c = r->cell;
	const struct side *a = &r->sides[0], *b = &r->sides[1];
	struct times *t = b->is_direct ? direct : relayed;

	if (!has_paths || !b->is_direct)
		memcpy(c->text, r->text, sizeof(c->text));
	if (!has_paths) {
		c->failed++;
		return;
	}
	for (int i = 0; i < 2; i++)
		c->chance = r->sides[i].chance > c->chance ? r->sides[i].chance : c->chance;
	t->ms[t->len++] = a->elapsed_ms > b->elapsed_ms ? a->elapsed_ms : b->elapsed_ms;
	c->direct += b->is_direct;
	if (b->is_direct || c->direct == 0)
		memcpy(c->technique, b->technique, sizeof(c->technique));
}

void bk_lab_cell_try(struct bk_lab_cell *c, const char *folder, void (*on_wait)(bool waits))
{
	struct times *times = calloc(2, sizeof(*times));
	struct bk_lab_speaker *server = calloc(1, sizeof(*server));
	struct run *r = calloc(1, sizeof(*r));

	c->chance = -1;
	for (int i = 0; times && server && r && i < c->runs; i++) {
		r->cell = c;
		r->server = server;
		r->on_wait = on_wait;
		if (i % RUNS_OF_A_SERVER == 0)
			start_server(r, folder);
		note(r, *r->place && try_once(r), &times[0], &times[1]);
		if (r->relayed)
			on_wait(false);
		for (int k = 0; k < 2; k++)
			bk_lab_speaker_end(&r->sides[k].speaker);
		memset(r->sides, 0, sizeof(r->sides));
		*r->code = *r->text = 0;
		r->relayed = 0;
	}
	if (times)
		sum_up(c, c->direct ? &times[0] : &times[1]);
	if (server)
		bk_lab_speaker_end(server);
	free(times);
	free(server);
	free(r);
}
