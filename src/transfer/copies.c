/* SPDX-License-Identifier: Apache-2.0 */
/* Who is done counts; who fails does not, and whoever comes next, the same one perhaps, takes the place. The code
 * stays open until enough are done, so that one who was cut off can come back at once, though nobody here knows yet
 * that he was; who came beyond what was wanted is let finish, but not waited for when he does not move. */
#include "transfer/copies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/list.h"
#include "base/opts.h"
#include "net/turn.h"
#include "transfer/delivery.h"
#include "transfer/digest.h"
#include "transfer/places.h"

enum { CODE_MAX = 160 };

#define TELL_INTERVAL (190 * BK_MS) /* of the sum, which any receiver's own progress makes */
#define LATE_INTERVAL (1 * BK_SEC)
#define LATE_TIME     (10 * BK_SEC) /* enough are done, and this one has got nothing more for so long */

struct receiver {
	struct bk_list link;
	struct bk_copies *of;
	struct bk_delivery *delivery;
	struct bk_call *call; /* the delivery's, once it has told something */
	bool has_come, is_over, is_leaving;
	bk_time moved_at;
	struct bk_place place;
	struct bk_transfer_receiver told;
	char name[BK_CALL_NAME_MAX];
};

struct bk_copies {
	struct bk_loop *loop;
	struct bk_offering *offering;
	/* Never started: keeps what each call starts with, and the verdict on all of them. */
	struct bk_call frame;
	struct bk_transfer_events events;
	void *arg;
	struct bk_shared_code *code;
	size_t count, done;
	unsigned numbers;
	struct bk_list receivers;
	unsigned here;            /* so many of them */
	struct receiver *waiting; /* nobody has come to it yet; NULL: none is */
	bool is_cancelled, was_cut, is_told;
	char shown[CODE_MAX]; /* the code that was told last */
	bool has_offered, has_counted;
	struct bk_turn turn;
	struct bk_timer *late;
	bk_time began, told_at; /* the first answer to the offer, of those who are done; the last progress */
	bk_time counted_at;     /* told last */
	struct bk_transfer_result result;
	const char *paths[BK_TRANSFER_PATHS_MAX]; /* that the first one took */
	char digest[BK_DIGEST_STR_MAX];
};

static bool is_endless(const struct bk_copies *c)
{
	return c->count == BK_SEND_KEEP;
}

static bool wants_more(const struct bk_copies *c)
{
	return !c->is_cancelled && !c->frame.error && (is_endless(c) || c->done < c->count);
}

static void tell(struct receiver *r, enum bk_transfer_receiver_state state)
{
	struct bk_copies *c = r->of;

	r->told.state = state;
	if (c->events.on_receiver)
		c->events.on_receiver(r->call, c->arg, &r->told);
}

/* --- what a delivery tells --- */

static void on_code(struct bk_call *call, void *arg, const char *code)
{
	struct bk_copies *c = ((struct receiver *)arg)->of;

	c->frame.has_code = true;
	if (!strcmp(c->shown, code))
		return;
	snprintf(c->shown, sizeof(c->shown), "%s", code);
	if (c->frame.news.on_code)
		c->frame.news.on_code(call, c->arg, code);
}

static void on_peer(struct bk_call *call, void *arg, const struct bk_peer *peer)
{
	struct receiver *r = arg;
	struct bk_copies *c = r->of;

	if (r->has_come)
		return;
	r->call = call;
	r->has_come = c->frame.has_peer = true;
	if (c->waiting == r)
		c->waiting = NULL;
	snprintf(r->name, sizeof(r->name), "%s", peer->name);
	bk_call_trim(r->name);
	r->told.number = ++c->numbers;
	r->moved_at = bk_loop_now(c->loop);
	bk_place_init(&r->place, r->moved_at);
	bk_turn_ask(&c->turn);
	tell(r, BK_TRANSFER_RECEIVER_JOINED);
}

/* Of one of several it is said whose it is; what each finds out of the server for itself is said once. */
static void on_note(struct bk_call *call, void *arg, int verbosity, const char *text)
{
	const struct receiver *r = arg;
	struct bk_copies *c = r->of;
	char whose[BK_CALL_TEXT_MAX];

	if (!c->frame.news.on_note || (verbosity < 0 && !strcmp(c->frame.said, text)))
		return;
	if (verbosity < 0)
		snprintf(c->frame.said, sizeof(c->frame.said), "%s", text);
	snprintf(whose, sizeof(whose), "%u%s%s: %s", r->told.number, *r->name ? " " : "", r->name, text);
	bk_call_trim(whose);
	c->frame.news.on_note(call, c->arg, verbosity, r->has_come ? whose : text);
}

static void set_lost(struct receiver *r, bool is_lost)
{
	if (r->told.is_lost == is_lost)
		return;
	r->told.is_lost = is_lost;
	if (r->told.state == BK_TRANSFER_RECEIVER_PROGRESS)
		tell(r, BK_TRANSFER_RECEIVER_PROGRESS);
}

static void on_lost(struct bk_call *call, void *arg, const char *text)
{
	(void)call;
	(void)text;
	set_lost(arg, true);
}

static void on_path(struct bk_call *call, void *arg, const struct bk_path *path)
{
	struct receiver *r = arg;

	(void)call;
	bk_place_found(&r->place, path);
	set_lost(r, false);
}

static void on_offer(struct bk_call *call, void *arg, const struct bk_transfer_offer *offer)
{
	struct receiver *r = arg;
	struct bk_copies *c = r->of;

	r->told.total = offer->bytes;
	if (!c->has_offered && c->events.on_offer)
		c->events.on_offer(call, c->arg, offer);
	c->has_offered = true;
}

/* All wait for the same: it is told once. */
static void on_counting(
	struct bk_call *call, void *arg, size_t entries, const struct bk_transfer_offer *offer)
{
	struct bk_copies *c = ((struct receiver *)arg)->of;
	bk_time now = bk_loop_now(c->loop);

	if (c->has_counted || (!offer && c->counted_at && now - c->counted_at < TELL_INTERVAL))
		return;
	c->counted_at = now;
	c->has_counted = offer;
	if (c->events.on_counting)
		c->events.on_counting(call, c->arg, entries, offer);
}

static void tell_sum(struct bk_copies *c)
{
	struct bk_transfer_receiver sum = {.bytes = c->result.bytes, .total = c->result.bytes};
	bk_time now = bk_loop_now(c->loop);

	if (!c->events.on_progress || now - c->told_at < TELL_INTERVAL)
		return;
	c->told_at = now;
	bk_list_each(it, tmp, &c->receivers)
	{
		const struct receiver *r = bk_container_of(it, struct receiver, link);

		if (r->is_over)
			continue;
		sum.bytes += r->told.bytes;
		sum.total += r->told.total;
		sum.rate += r->told.rate;
	}
	c->events.on_progress(&c->frame, c->arg, sum.bytes, sum.total, sum.rate);
}

static void on_progress(struct bk_call *call, void *arg, uint64_t bytes, uint64_t total, double rate)
{
	struct receiver *r = arg;
	struct bk_copies *c = r->of;

	(void)call;
	if (bytes != r->told.bytes)
		r->moved_at = bk_loop_now(c->loop);
	bk_place_moved(&r->place, bytes, bk_loop_now(c->loop));
	r->told.bytes = bytes;
	r->told.total = total;
	r->told.rate = rate;
	tell(r, BK_TRANSFER_RECEIVER_PROGRESS);
	tell_sum(c);
}

/* The paths are the offering's; the digest is that of all who have the same. */
static void add(struct bk_copies *c, const struct bk_transfer_result *one)
{
	struct bk_transfer_result *sum = &c->result;
	bool is_same = !c->done || !strcmp(c->digest, one->digest);
	bk_time now = bk_loop_now(c->loop);
	bk_dur lasted = (bk_dur)(one->seconds * (double)BK_SEC);

	if (!c->done) {
		sum->first = one->first;
		sum->paths_len = one->paths_len;
		sum->paths = memcpy(c->paths, one->paths, one->paths_len * sizeof(c->paths[0]));
	}
	snprintf(c->digest, sizeof(c->digest), "%s", is_same ? one->digest : "");
	sum->entries += one->entries;
	sum->folders += one->folders;
	sum->skipped += one->skipped;
	sum->links += one->links;
	sum->bytes += one->bytes;
	sum->sent += one->sent;
	if (!c->done || now - lasted < c->began)
		c->began = now - lasted;
	sum->seconds = (double)(now - c->began) / (double)BK_SEC;
	c->done++;
}

static void on_done(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct receiver *r = arg;

	(void)call;
	r->is_over = true;
	add(r->of, result);
	r->told.bytes = result->bytes;
	r->told.rate = 0;
	bk_turn_ask(&r->of->turn);
	tell(r, BK_TRANSFER_RECEIVER_DONE);
}

/* Nobody can come any more, for a reason that is not one receiver's. */
static void close_door(struct bk_copies *c, struct bk_call *call, const struct bk_call_failure *failure)
{
	char text[BK_CALL_TEXT_MAX];

	bk_call_decide(&c->frame, failure->error, failure->who, "%s", failure->text);
	snprintf(text, sizeof(text), "nobody else can come: %s", failure->text);
	bk_call_trim(text);
	if (c->here > 1 && c->frame.news.on_note && !c->is_cancelled && !c->offering->error)
		c->frame.news.on_note(call, c->arg, -1, text);
}

static void on_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct receiver *r = arg;
	struct bk_copies *c = r->of;

	r->is_over = true;
	bk_turn_ask(&c->turn);
	if (!r->has_come) {
		c->waiting = NULL;
		close_door(c, call, failure);
		return;
	}
	r->told.rate = 0;
	r->told.error = failure->error;
	r->told.text = failure->text;
	tell(r, BK_TRANSFER_RECEIVER_FAILED);
	r->told.text = NULL;
}

/* --- receivers come and go --- */

static void free_receiver(struct receiver *r)
{
	struct bk_copies *c = r->of;

	if (c->waiting == r)
		c->waiting = NULL;
	bk_list_remove(&r->link);
	c->here--;
	bk_delivery_free(r->delivery);
	free(r);
}

static int wait_for_one(struct bk_copies *c)
{
	static const struct bk_call_news news = {.size = sizeof(news),
		.on_code = on_code,
		.on_peer = on_peer,
		.on_path = on_path,
		.on_note = on_note,
		.on_lost = on_lost};
	static const struct bk_transfer_events events = {.size = sizeof(events),
		.news = &news,
		.on_offer = on_offer,
		.on_progress = on_progress,
		.on_done = on_done,
		.on_error = on_error,
		.on_counting = on_counting};
	const struct bk_talk_place place = {.session = &c->frame.opts};
	struct receiver *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return BK_E_NOMEM;
	r->of = c;
	r->told.name = r->name;
	r->told.total = c->offering->offer.bytes;
	bk_list_append(&c->receivers, &r->link);
	c->here++;
	err = bk_delivery_new(c->loop, c->offering, &place, &events, r, &r->delivery);
	if (err < 0)
		free_receiver(r);
	else
		c->waiting = r;
	return err;
}

/* --- the end --- */

/* Who ends an endless one while nobody is under way ends it well. */
static bool is_success(const struct bk_copies *c)
{
	if (!is_endless(c))
		return c->done >= c->count;
	return c->done && !c->was_cut && (!c->frame.error || c->frame.error == BK_E_TIMEOUT);
}

static void finish(struct bk_copies *c)
{
	struct bk_call_failure failure;

	if (c->is_told)
		return;
	c->is_told = true;
	bk_timer_stop(c->late);
	c->result.digest = c->digest;
	c->result.receivers = c->done;
	if (is_success(c)) {
		c->events.on_done(&c->frame, c->arg, &c->result);
		return;
	}
	bk_call_decide(&c->frame, BK_E_CANCELLED, BK_CALL_WHO_HERE, "cancelled%s",
		is_endless(c) && !c->done && !c->was_cut ? "; nobody took it" : "");
	failure = bk_call_failure(&c->frame);
	c->events.on_error(&c->frame, c->arg, &failure);
}

/* Nobody can come while all places are taken: one who does nothing with his makes room. */
static void make_room(struct bk_copies *c)
{
	const struct bk_place *places[BK_SEND_RECEIVERS_MAX];
	struct receiver *all[BK_SEND_RECEIVERS_MAX];
	size_t n = 0, who;

	if (c->waiting || c->here < BK_SEND_RECEIVERS_MAX)
		return;
	bk_list_each(it, tmp, &c->receivers)
	{
		struct receiver *r = bk_container_of(it, struct receiver, link);

		if (r->is_leaving || r->is_over)
			return;
		all[n] = r;
		places[n++] = &r->place;
	}
	who = bk_places_idle(places, n, bk_loop_now(c->loop));
	if (who == SIZE_MAX)
		return;
	all[who]->is_leaving = true;
	bk_delivery_turn_out(all[who]->delivery,
		"all places were taken, and this one did nothing with its own for a minute; "
		"the code is good still");
}

static void on_late(void *arg)
{
	struct bk_copies *c = arg;
	bk_time now = bk_loop_now(c->loop);

	if (c->waiting)
		return;
	bk_timer_start(c->late, LATE_INTERVAL);
	if (wants_more(c)) {
		make_room(c);
		return;
	}
	bk_list_each(it, tmp, &c->receivers)
	{
		struct receiver *r = bk_container_of(it, struct receiver, link);

		if (r->has_come && now - r->moved_at >= LATE_TIME)
			bk_delivery_cancel(r->delivery);
	}
}

static void on_turn(void *arg)
{
	struct bk_copies *c = arg;
	int err = 0;

	bk_list_each(it, tmp, &c->receivers)
	{
		struct receiver *r = bk_container_of(it, struct receiver, link);

		if (r->is_over || (r == c->waiting && !wants_more(c)))
			free_receiver(r);
	}
	if (c->offering->error < 0)
		bk_call_decide(&c->frame, c->offering->error, BK_CALL_WHO_HERE, "%s", c->offering->text);
	if (wants_more(c) && !c->waiting && c->here < BK_SEND_RECEIVERS_MAX)
		err = wait_for_one(c);
	if (err < 0)
		bk_call_decide(&c->frame, err, BK_CALL_WHO_HERE, "cannot wait for another one: %s",
			bk_error_text(err));
	if (!c->here)
		finish(c);
	else if (!c->is_cancelled && !c->waiting)
		bk_timer_start(c->late, LATE_INTERVAL);
}

void bk_copies_cancel(struct bk_copies *c)
{
	c->is_cancelled = true;
	bk_list_each(it, tmp, &c->receivers)
	{
		struct receiver *r = bk_container_of(it, struct receiver, link);

		if (!r->has_come || r->is_over)
			continue;
		c->was_cut = true;
		bk_delivery_cancel(r->delivery);
	}
	bk_turn_ask(&c->turn);
}

/* --- life --- */

static int init(struct bk_copies *c, const struct bk_copies_opts *opts)
{
	int err = bk_opts_read(&c->events, opts->events, on_error);

	if (!err)
		err = bk_call_init(&c->frame, c->loop, opts->session, c->events.news, c->arg);
	if (!err && (!c->events.on_done || !c->events.on_error || c->frame.opts.code))
		err = BK_E_INVALID;
	if (!err)
		err = bk_shared_code_new(&c->code);
	c->frame.opts.shared_code = c->code;
	if (!err)
		err = bk_timer_new(c->loop, on_late, c, &c->late);
	return err < 0 ? err : wait_for_one(c);
}

int bk_copies_new(const struct bk_copies_opts *opts, struct bk_copies **ret_copies)
{
	struct bk_copies *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return BK_E_NOMEM;
	c->loop = opts->loop;
	c->offering = opts->offering;
	c->count = opts->count;
	c->arg = opts->arg;
	bk_list_init(&c->receivers);
	bk_turn_init(&c->turn, c->loop, on_turn, c);
	err = init(c, opts);
	if (err < 0)
		bk_copies_free(c);
	else
		*ret_copies = c;
	return err;
}

void bk_copies_free(struct bk_copies *c)
{
	if (!c)
		return;
	bk_turn_done(&c->turn);
	bk_timer_free(c->late);
	bk_list_each(it, tmp, &c->receivers) free_receiver(bk_container_of(it, struct receiver, link));
	bk_call_done(&c->frame);
	bk_shared_code_free(c->code);
	free(c);
}
