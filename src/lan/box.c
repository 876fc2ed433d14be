/* SPDX-License-Identifier: Apache-2.0 */
/* A box on a LAN is a box at a small server: our own, for who leaves something, or the one that was found, for who
 * comes for it. Until then it only seeks. The number of what is left must be free on the whole LAN, so it is asked
 * for first. Of the places that are found the first one that has what is claimed is the one; the code has one guess
 * there, as everywhere. */
#include "lan/mailbox.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "lan/deposit.h"
#include "lan/places.h"
#include "net/ifaddr.h"
#include "net/turn.h"

enum role { NOTHING, KEEPING, COMING };

struct box {
	struct bk_lan_mailbox *of;
	struct bk_loop *loop;
	const struct bk_mailbox_events *events;
	void *arg;
	struct bk_turn turn; /* what is due from the loop */
	enum role role;
	bool is_told_ready;
	int error; /* to be told; 0: none */
	int end;   /* the box has to end with that; 0: no */
	char text[BK_LAN_REACH_TEXT_MAX];
	struct bk_air_seeker seeker;
	/* keeping */
	struct bk_deposit deposit;
	int hosts[2]; /* of a number, of a secret; negative: not told */
	/* coming */
	bool is_claiming;
	struct bk_places places;
	uint32_t number;
	struct bk_mailbox_rejoin rejoin;
	bool has_rejoin;
	bool is_rejoining; /* ready is who has come to the place */
	/* the box at the server */
	struct bk_rdv_mailbox *there; /* coming: the one that was found */
	void *inner;
	bool is_inner_ready;
};

static struct box *box_of(struct bk_air_seeker *s)
{
	return (struct box *)((char *)s - offsetof(struct box, seeker));
}

static void tell_error(struct box *b, int error, const char *text)
{
	b->error = error;
	snprintf(b->text, sizeof(b->text), "%s", text);
	bk_turn_ask(&b->turn);
}

static void tell_end(struct box *b, int error, const char *text)
{
	b->end = error;
	snprintf(b->text, sizeof(b->text), "%s", text);
	bk_turn_ask(&b->turn);
}

static void drop_inner(void *arg)
{
	struct box *b = arg;

	if (b->inner)
		bk_rdv_ops.close(b->inner);
	bk_rdv_mailbox_free(b->there);
	b->there = NULL;
	b->inner = NULL;
	b->is_inner_ready = false;
}

/* --- keeping --- */

static void ask_for_number(struct box *b)
{
	int err = bk_deposit_ask(&b->deposit, b->of->reach.air, &b->seeker);

	if (err < 0)
		tell_error(b, err, bk_error_text(err));
}

/* Once the number is known to be free, and our own server has us. */
static void leave_now(struct box *b)
{
	struct bk_deposit d = b->deposit;

	if (!d.body || !b->is_inner_ready || b->seeker.id != BK_AIR_IDLE)
		return;
	b->deposit.body = NULL;
	if (bk_rdv_ops.leave(b->inner, d.number, d.body, d.len) < 0)
		tell_error(b, BK_E_NOMEM, bk_error_text(BK_E_NOMEM));
	bk_deposit_drop(&d);
}

/* Somebody else has what we wanted to keep. */
static void on_taken(struct box *b)
{
	bk_air_rest(b->of->reach.air, &b->seeker);
	if (bk_deposit_may_go_on(&b->deposit)) {
		ask_for_number(b);
		return;
	}
	bk_deposit_drop(&b->deposit);
	tell_error(b, BK_E_EXISTS, "");
}

static void host(struct box *b, int which, const struct bk_beacon_name *name)
{
	if (b->hosts[which] >= 0)
		bk_air_forget(b->of->reach.air, b->hosts[which]);
	b->hosts[which] = bk_air_host(b->of->reach.air, name, NULL, bk_server_port(b->of->home.server));
	if (b->hosts[which] < 0)
		bk_log_info("lan", "cannot tell the LAN: %s", bk_error_text(b->hosts[which]));
}

static void forget(struct box *b, int which)
{
	if (b->hosts[which] >= 0)
		bk_air_forget(b->of->reach.air, b->hosts[which]);
	b->hosts[which] = -1;
}

/* --- coming --- */

/* No place is left, and nobody seeks any more. */
static void say_fruitless(struct box *b)
{
	char text[BK_LAN_REACH_TEXT_MAX] = "";
	int refusal = b->places.refusal;

	if (!refusal)
		bk_lan_reach_explain(&b->of->reach, bk_places_last(&b->places), text);
	if (b->is_claiming)
		tell_error(b, refusal ? refusal : BK_E_NO_SUCH_PEER, text);
	else
		tell_end(b, BK_E_UNREACHABLE, text);
}

static void on_empty(void *arg)
{
	struct box *b = arg;

	if (b->seeker.id == BK_AIR_IDLE)
		say_fruitless(b);
}

static int open_inner(struct box *b, struct bk_rdv_mailbox *at);

static int go(void *arg, const struct bk_addr *to)
{
	struct box *b = arg;
	char place[BK_AIR_PLACE_MAX];
	const struct bk_rdv_opts opts = {.server = place, .is_hidden = true};
	int err;

	bk_air_place_to_str(to, place);
	bk_log_debug("lan", "trying %s", place);
	err = bk_rdv_mailbox_new(&opts, &b->there);
	if (!err)
		err = open_inner(b, b->there);
	if (!err && b->has_rejoin)
		err = bk_rdv_ops.rejoin(b->inner, &b->rejoin);
	return err;
}

static void on_due(void *arg)
{
	struct box *b = arg;

	bk_turn_ask(&b->turn);
}

static void settle(struct box *b)
{
	bk_places_settle(&b->places);
	b->has_rejoin = false;
	bk_air_rest(b->of->reach.air, &b->seeker);
}

static int start_seeking(struct box *b, const struct bk_beacon_name *name)
{
	b->role = COMING;
	bk_places_forget(&b->places);
	bk_air_rest(b->of->reach.air, &b->seeker);
	return bk_air_seek(b->of->reach.air, &b->seeker, name, b->of->patience);
}

/* --- what the air tells --- */

static void on_found(struct bk_air_seeker *s, const struct bk_addr *place, const struct bk_beacon_word *word)
{
	struct box *b = box_of(s);

	(void)word;

	if (b->role == KEEPING) {
		on_taken(b);
		return;
	}
	bk_places_add(&b->places, place);
}

static void on_over(struct bk_air_seeker *s)
{
	struct box *b = box_of(s);

	if (b->role == KEEPING)
		leave_now(b);
	else
		bk_places_go_on(&b->places);
}

/* --- what the box at the server tells --- */

static bool is_deaf(const struct box *b)
{
	return b->places.wants_next;
}

/* The box may be gone after it. */
static void say_ready(struct box *b)
{
	if (b->is_told_ready)
		return;
	b->is_told_ready = true;
	bk_turn_ask(&b->turn);
	b->events->on_ready(b->arg);
}

static void on_ready(void *arg)
{
	struct box *b = arg;

	b->is_inner_ready = true;
	if (b->role == KEEPING)
		leave_now(b);
	else if (!b->is_claiming)
		settle(b);
	else if (bk_rdv_ops.claim(b->inner, b->number) < 0)
		bk_places_not_here(&b->places, BK_E_NOMEM);
	if (b->is_rejoining)
		say_ready(b);
}

static void on_view(void *arg)
{
	struct box *b = arg;

	if (!is_deaf(b))
		b->events->on_view(b->arg);
}

static void on_nameplate(void *arg, uint32_t nameplate)
{
	struct box *b = arg;
	const struct bk_beacon_name name = bk_beacon_name_of_number(nameplate);

	b->of->kept = nameplate;
	host(b, 0, &name);
	b->events->on_nameplate(b->arg, nameplate);
}

static void on_claimed(void *arg, uint32_t nameplate, const uint8_t token[BK_MAILBOX_TOKEN_LEN],
	const uint8_t *left, size_t n)
{
	struct box *b = arg;

	if (is_deaf(b))
		return;
	if (b->role == COMING)
		settle(b);
	else if (b->hosts[0] >= 0)
		bk_air_hush(b->of->reach.air, b->hosts[0]);
	b->events->on_claimed(b->arg, nameplate, token, left, n);
}

static void on_mail(void *arg, const uint8_t *body, size_t n)
{
	struct box *b = arg;

	if (!is_deaf(b))
		b->events->on_mail(b->arg, body, n);
}

static void on_round(void *arg, const uint8_t token[BK_MAILBOX_TOKEN_LEN])
{
	struct box *b = arg;

	if (is_deaf(b))
		return;
	settle(b);
	b->events->on_round(b->arg, token);
}

static void on_released(void *arg, int code)
{
	struct box *b = arg;

	if (!is_deaf(b))
		b->events->on_released(b->arg, code);
}

static void on_error(void *arg, int code, const char *text)
{
	struct box *b = arg;

	if (is_deaf(b))
		return;
	if (b->role == COMING && b->is_claiming && !b->places.is_settled)
		bk_places_not_here(&b->places, code);
	else
		b->events->on_error(b->arg, code, text);
}

static void on_end(void *arg, int error, const char *text)
{
	struct box *b = arg;

	if (is_deaf(b))
		return;
	if (b->role == COMING && !b->places.is_settled) {
		bk_log_debug("lan", "%s", text);
		bk_places_not_here(&b->places, 0);
		return;
	}
	b->events->on_end(b->arg, error, "the other machine's mailbox on this network is out of reach");
}

/* That its key is new is said of a server; here it always is. A place that has us wait for our turn is there, and is
 * waited for as long as no other one was found. */
static void on_note(void *arg, int verbosity, const char *text)
{
	struct box *b = arg;

	if (b->role == COMING && b->is_claiming && b->is_inner_ready)
		bk_places_wait(&b->places);
	if (verbosity >= 0 && b->events->on_note)
		b->events->on_note(b->arg, verbosity < 1 ? 1 : verbosity, text);
}

static int open_inner(struct box *b, struct bk_rdv_mailbox *at)
{
	static const struct bk_mailbox_events inner_events = {
		.on_ready = on_ready,
		.on_view = on_view,
		.on_nameplate = on_nameplate,
		.on_claimed = on_claimed,
		.on_mail = on_mail,
		.on_round = on_round,
		.on_released = on_released,
		.on_error = on_error,
		.on_end = on_end,
		.on_note = on_note,
	};

	return bk_rdv_ops.open(at, b->loop, &inner_events, b, &b->inner);
}

/* --- from the loop: at most one thing at a time, and the box may be gone after it --- */

static void on_turn(void *arg)
{
	struct box *b = arg;
	int error = b->error;

	if (!b->is_told_ready && !b->is_rejoining) {
		say_ready(b);
	} else if (b->end) {
		b->events->on_end(b->arg, b->end, b->text);
	} else if (error) {
		b->error = 0;
		bk_turn_ask(&b->turn);
		b->events->on_error(b->arg, error, b->text);
	} else if (b->places.wants_next) {
		bk_places_go_on(&b->places);
	}
}

/* --- the table --- */

static void close_box(void *box)
{
	struct box *b = box;

	bk_turn_done(&b->turn);
	bk_places_done(&b->places);
	bk_air_rest(b->of->reach.air, &b->seeker);
	forget(b, 0);
	forget(b, 1);
	drop_inner(b);
	bk_deposit_drop(&b->deposit);
	sodium_memzero(&b->rejoin, sizeof(b->rejoin));
	free(b);
}

static int open_box(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events, void *events_arg,
	void **ret_box)
{
	static const struct bk_places_ops places = {
		.go = go, .leave = drop_inner, .on_due = on_due, .on_empty = on_empty};
	struct bk_lan_mailbox *m = arg;
	struct box *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return BK_E_NOMEM;
	*b = (struct box){.of = m,
		.loop = loop,
		.events = events,
		.arg = events_arg,
		.hosts = {-1, -1},
		.seeker = {.on_found = on_found, .on_over = on_over, .id = BK_AIR_IDLE}};
	bk_turn_init(&b->turn, loop, on_turn, b);
	err = bk_places_init(&b->places, loop, &places, b);
	if (!err)
		err = bk_lan_reach_start(&m->reach, loop);
	if (err < 0) {
		bk_places_done(&b->places);
		free(b);
		return err;
	}
	bk_turn_ask(&b->turn);
	*ret_box = b;
	return 0;
}

/* Two on this machine find each other by its address in a network, where it is in one: who comes from that network
 * is not to be let at what listens on this machine alone. */
static bool has_network(void)
{
	struct bk_addr addr;

	return bk_ifaddr_list_outward(&addr, 1) > 0 || bk_ifaddr_list_links(false, &addr, 1) > 0;
}

/* Its server tells nothing of NATs, and a relay at one of the two would be no way round anything. */
static void view(void *box, struct bk_mailbox_view *ret_view)
{
	const struct box *b = box;
	struct bk_mailbox_view inner = {0};

	if (!b->inner)
		return;
	bk_rdv_ops.view(b->inner, &inner);
	ret_view->rtt_ns = inner.rtt_ns;
	ret_view->clock_offset_ns = inner.clock_offset_ns;
	if (bk_addr_is_loopback(&inner.local) && !has_network())
		ret_view->addrs[ret_view->addrs_len++] = bk_addr_with_port(inner.local, 0);
}

/* We are at our own server. */
static int start_keeping(struct box *b)
{
	int err = bk_lan_mailbox_keep(b->of, b->loop);

	b->role = KEEPING;
	return err < 0 || b->inner ? err : open_inner(b, b->of->home.way);
}

static int leave(void *box, uint32_t wish, const void *body, size_t n)
{
	struct box *b = box;
	int err = start_keeping(b);

	if (err >= 0)
		err = bk_deposit_put(&b->deposit, wish, body, n);
	if (err < 0)
		return err;
	forget(b, 0);
	if (wish && wish == b->of->kept)
		leave_now(b);
	else
		ask_for_number(b);
	return 0;
}

static int claim(void *box, uint32_t nameplate)
{
	const struct bk_beacon_name name = bk_beacon_name_of_number(nameplate);
	struct box *b = box;

	b->is_claiming = true;
	b->has_rejoin = false;
	b->number = nameplate;
	return start_seeking(b, &name);
}

static int mail(void *box, const void *body, size_t n)
{
	struct box *b = box;

	return b->is_inner_ready ? bk_rdv_ops.mail(b->inner, body, n) : BK_E_EOF;
}

static void release(void *box)
{
	struct box *b = box;

	forget(b, 0);
	forget(b, 1);
	if (b->inner)
		bk_rdv_ops.release(b->inner);
}

static int rejoin_as_keeper(
	struct box *b, const struct bk_mailbox_rejoin *j, const struct bk_beacon_name *name)
{
	int err = start_keeping(b);

	if (err < 0)
		return err;
	if (b->hosts[1] < 0) {
		host(b, 1, name);
		bk_air_rest(b->of->reach.air, &b->seeker);
		err = bk_air_seek(b->of->reach.air, &b->seeker, name, BK_DEPOSIT_PATIENCE);
	}
	return err < 0 ? err : bk_rdv_ops.rejoin(b->inner, j);
}

static int rejoin(void *box, const struct bk_mailbox_rejoin *j)
{
	const struct bk_beacon_name name = bk_beacon_name_of_secret(j->secret, sizeof(j->secret));
	struct box *b = box;

	b->is_rejoining = true;
	if (b->of->has_heir) /* the number is another one's by now */
		forget(b, 0);
	if (!j->side)
		return rejoin_as_keeper(b, j, &name);
	b->is_claiming = false;
	b->rejoin = *j;
	b->has_rejoin = true;
	if (b->inner && !b->places.wants_next)
		return bk_rdv_ops.rejoin(b->inner, j);
	return b->seeker.id == BK_AIR_IDLE ? start_seeking(b, &name) : 0;
}

static bool is_mail_taken(void *box)
{
	struct box *b = box;

	return !b->is_inner_ready || bk_rdv_ops.is_mail_taken(b->inner);
}

static void flush(void *box, void (*fn)(void *fn_arg), void *fn_arg)
{
	struct box *b = box;

	if (b->is_inner_ready)
		bk_rdv_ops.flush(b->inner, fn, fn_arg);
	else
		fn(fn_arg);
}

static void measure_clock(void *box)
{
	struct box *b = box;

	if (b->is_inner_ready)
		bk_rdv_ops.measure_clock(b->inner);
}

bool bk_lan_box_is_trying(const void *box)
{
	const struct box *b = box;

	return b && b->role == COMING && bk_places_is_trying(&b->places);
}

static const char *name(void *arg)
{
	(void)arg;
	return "this network";
}

const struct bk_mailbox_ops bk_lan_ops = {
	.size = sizeof(bk_lan_ops),
	.open = open_box,
	.close = close_box,
	.view = view,
	.leave = leave,
	.claim = claim,
	.mail = mail,
	.release = release,
	.rejoin = rejoin,
	.is_mail_taken = is_mail_taken,
	.flush = flush,
	.measure_clock = measure_clock,
	.name = name,
};
