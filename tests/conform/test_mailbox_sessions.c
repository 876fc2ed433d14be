/* SPDX-License-Identifier: Apache-2.0 */
/* What mailboxes are for: over each kind two meet and meet again, two sessions talk, and a wrong code is one; and what
 * a session says of a mailbox. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bodkin/session.h>

#include "base/error.h"
#include "base/time.h"
#include "meet/meet.h"
#include "tests/conform/mailbox_kinds.h"
#include "tests/conform/test_support.h"

/* --- what it is for --- */

struct guest {
	struct mailbox_stage *st;
	struct guest *other;
	struct bk_meet *meet;
	int mets, until;
	struct bk_meeting met;
};

static void on_guest_met(void *arg)
{
	struct guest *g = arg;

	g->mets++;
	g->met = *bk_meet_result(g->meet);
	if (g->mets >= g->until && g->other->mets >= g->other->until)
		bk_loop_stop(g->st->loop);
}

static void on_guest_end(void *arg, int error, const char *text)
{
	(void)arg;
	fail_msg("%s: %s", bk_error_name(error), text);
}

static void on_guest_code(void *arg, const char *code);

static void guest_come(struct guest *g, const char *code)
{
	static const struct bk_meet_events meet_events = {
		.on_code = on_guest_code, .on_met = on_guest_met, .on_end = on_guest_end};
	const struct bk_session_opts opts = {.code = code, .name = code ? "b" : "a"};
	const struct bk_meet_opts meet_opts = {.loop = g->st->loop,
		.session = &opts,
		.mailbox = g->st->mailboxes[code != NULL],
		.pin = {.bytes = {1}}};

	assert_int_equal(bk_meet_new(&meet_opts, &meet_events, g, &g->meet), 0);
}

static void on_guest_code(void *arg, const char *code)
{
	struct guest *g = arg;

	guest_come(g->other, code);
}

static void two_who_met_over_it_meet_again_where_it_can(void **arg)
{
	const struct mailbox_kind *kind = *arg;
	struct mailbox_stage st;
	struct guest a = {.st = &st, .until = 1}, b = {.st = &st, .until = 1};

	a.other = &b;
	b.other = &a;
	stage_init(&st, kind);
	guest_come(&a, NULL);
	stage_run(&st);
	for (int round = 2; round < 6; round++) {
		struct guest *asking = round % 2 ? &a : &b;

		a.until = b.until = round;
		assert_int_equal(bk_meet_again(asking->meet), kind->meets_again ? 0 : BK_E_SERVER_GONE);
		if (!kind->meets_again)
			break;
		stage_run(&st);
		assert_memory_equal(a.met.token, b.met.token, sizeof(a.met.token));
		assert_string_equal(a.met.peer.id, b.met.own.id);
		assert_string_equal(b.met.peer.id, a.met.own.id);
		assert_in_range(llabs(a.met.start - b.met.start), 0, 50 * BK_MS);
	}
	bk_meet_free(a.meet);
	bk_meet_free(b.meet);
	stage_done(&st);
}

struct pair;

struct talker {
	struct pair *pair;
	struct bk_session *session;
	struct bk_channel *channel;
	bool is_open, is_closed;
	int error, paths;
	enum bk_path_kind kind;
	char heard[16], text[MAILBOX_TEXT_LEN];
	size_t heard_len;
};

struct pair {
	struct mailbox_stage st;
	struct talker maker, joiner;
	const char *wrong_words; /* the joiner's; NULL: the right ones */
	int codes;
	int guesser_error; /* of who came with the wrong ones, before the maker had another code */
};

static void on_session_closed(struct bk_session *session, void *arg, int error, const char *text)
{
	struct talker *t = arg;
	struct pair *p = t->pair;

	(void)session;
	assert_non_null(text);
	t->is_closed = true;
	t->error = error;
	snprintf(t->text, sizeof(t->text), "%s", text);
	if (p->maker.is_closed && p->joiner.is_closed)
		bk_loop_stop(p->st.loop);
}

static void on_data(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	struct talker *t = arg;

	(void)channel;
	assert_true(t->heard_len + n < sizeof(t->heard));
	memcpy(t->heard + t->heard_len, data, n);
	t->heard_len += n;
	if (t->heard_len == 5 && t == &t->pair->joiner)
		bk_session_close(t->session, 0);
	else if (t->heard_len == 5)
		bk_channel_write(t->channel, "there", 5);
}

static const struct bk_channel_events channel_events = {.on_data = on_data};

static void on_channel(struct bk_session *session, void *arg, struct bk_channel *c, const char *kind)
{
	struct talker *t = arg;

	(void)session;
	(void)kind;
	t->channel = c;
	bk_channel_listen(c, &channel_events, t);
}

static void on_open(struct bk_session *session, void *arg)
{
	struct talker *t = arg;

	(void)session;
	t->is_open = true;
	if (t != &t->pair->joiner)
		return;
	assert_int_equal(bk_channel_open(t->session, "hello/1", &channel_events, t, &t->channel), 0);
	assert_int_equal(bk_channel_write(t->channel, "hello", 5), 0);
}

static void on_path(struct bk_session *session, void *arg, const struct bk_path *path)
{
	struct talker *t = arg;

	(void)session;
	t->paths++;
	t->kind = path->kind;
}

static void on_code(struct bk_session *session, void *arg, const char *code)
{
	static const struct bk_session_events joiner_events = {.on_open = on_open,
		.on_channel = on_channel,
		.on_path = on_path,
		.on_closed = on_session_closed};
	struct talker *t = arg;
	struct pair *p = t->pair;
	char wrong[MAILBOX_TEXT_LEN];
	struct bk_session_opts opts = {
		.mailbox = &p->st.mailboxes[1], .code = p->wrong_words ? wrong : code, .name = "b"};

	(void)session;
	snprintf(wrong, sizeof(wrong), "%d-%s", atoi(code), p->wrong_words ? p->wrong_words : "");
	if (p->codes++) {
		p->guesser_error = p->joiner.error;
		bk_session_free(p->joiner.session);
		p->joiner = (struct talker){.pair = p};
		opts.code = code;
	}
	assert_int_equal(
		bk_session_new(p->st.loop, &opts, &joiner_events, &p->joiner, &p->joiner.session), 0);
}

static void pair_run(struct pair *p, const struct mailbox_kind *kind)
{
	static const struct bk_session_events maker_events = {.on_code = on_code,
		.on_open = on_open,
		.on_channel = on_channel,
		.on_path = on_path,
		.on_closed = on_session_closed};
	const struct bk_session_opts opts = {.mailbox = &p->st.mailboxes[0], .name = "a"};

	stage_init(&p->st, kind);
	p->maker.pair = p->joiner.pair = p;
	assert_int_equal(bk_session_new(p->st.loop, &opts, &maker_events, &p->maker, &p->maker.session), 0);
	stage_run(&p->st);
	bk_session_free(p->maker.session);
	bk_session_free(p->joiner.session);
	stage_done(&p->st);
}

static void two_sessions_meet_over_it_and_talk(void **arg)
{
	struct pair p = {0};

	pair_run(&p, *arg);
	assert_true(p.maker.is_open && p.joiner.is_open);
	assert_true(p.maker.kind == BK_PATH_KIND_DIRECT && p.joiner.kind == BK_PATH_KIND_DIRECT);
	assert_int_equal(p.maker.error, 0);
	assert_int_equal(p.joiner.error, 0);
	assert_string_equal(p.maker.heard, "hello");
	assert_string_equal(p.joiner.heard, "there");
}

static void a_wrong_code_over_it_ends_both_or_who_came_with_it_and_the_next_code_is_good(void **arg)
{
	const struct mailbox_kind *kind = *arg;
	struct pair p = {.wrong_words = "wrong-words"};

	pair_run(&p, kind);
	if (kind->meets_again && kind->tells_release) {
		assert_true(p.codes == 2 && p.maker.is_open && p.joiner.is_open);
		assert_true(p.guesser_error == 0 || p.guesser_error == BK_E_WRONG_CODE);
		return;
	}
	assert_false(p.maker.is_open || p.joiner.is_open);
	assert_int_equal(p.maker.error, BK_E_WRONG_CODE);
	assert_true(p.joiner.error == BK_E_WRONG_CODE || p.joiner.error == BK_E_PEER_VANISHED);
}

/* --- options --- */

static void a_session_has_a_server_or_a_mailbox_and_a_table_has_what_is_required(void **arg)
{
	const struct bk_session_events session_events = {.on_closed = on_session_closed};
	struct bk_session *session;
	struct mailbox_stage st;

	(void)arg;
	stage_init(&st, &mailbox_kinds[5]);
	for (int i = 0; i < 7; i++) {
		struct bk_mailbox_ops ops = *st.mailboxes[0].ops;
		struct bk_mailbox mailbox = {&ops, st.mailboxes[0].arg};
		struct bk_session_opts opts = {.mailbox = i ? &mailbox : NULL, .server = i == 1 ? "x" : NULL};

		ops.open = i == 2 ? NULL : ops.open;
		ops.close = i == 3 ? NULL : ops.close;
		ops.leave = i == 4 ? NULL : ops.leave;
		ops.claim = i == 5 ? NULL : ops.claim;
		ops.size = i == 6 ? sizeof(ops.size) : ops.size;
		assert_int_equal(
			bk_session_new(st.loop, &opts, &session_events, NULL, &session), BK_E_INVALID);
	}
	stage_done(&st);
}

static const char *this_network(void *arg)
{
	(void)arg;
	return "this network";
}

static int leave_nothing(void *box, uint32_t wish, const void *body, size_t n)
{
	(void)box;
	(void)wish;
	(void)body;
	(void)n;
	return BK_E_FULL;
}

/* Above it nothing is said of a server that may not be there. */
static void sentences_call_a_mailbox_by_its_name(void **state)
{
	static const struct bk_session_events session_events = {.on_closed = on_session_closed};
	static const struct mailbox_kind bare = {"bare", false, false, false, mailbox_open_room};
	static const struct {
		const char *(*name)(void *arg);
		const char *text;
	} rows[] = {
		{this_network, "cannot use this network: "},
		{NULL, "cannot use the mailbox: "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair p = {.joiner.is_closed = true};
		struct bk_mailbox_ops ops;
		struct bk_mailbox mailbox;
		const struct bk_session_opts opts = {.mailbox = &mailbox, .name = "a"};

		stage_init(&p.st, &bare);
		p.maker.pair = &p;
		ops = *p.st.mailboxes[0].ops;
		ops.size = sizeof(ops);
		ops.leave = leave_nothing;
		ops.name = rows[i].name;
		mailbox = (struct bk_mailbox){&ops, p.st.mailboxes[0].arg};
		assert_int_equal(
			bk_session_new(p.st.loop, &opts, &session_events, &p.maker, &p.maker.session), 0);
		stage_run(&p.st);
		assert_int_equal(p.maker.error, BK_E_FULL);
		assert_ptr_equal(strstr(p.maker.text, rows[i].text), p.maker.text);
		bk_session_free(p.maker.session);
		stage_done(&p.st);
	}
}

int main(void)
{
	static const struct mailbox_claim claims[] = {
		MAILBOX_CLAIM(two_who_met_over_it_meet_again_where_it_can),
		MAILBOX_CLAIM(two_sessions_meet_over_it_and_talk),
		MAILBOX_CLAIM(a_wrong_code_over_it_ends_both_or_who_came_with_it_and_the_next_code_is_good),
	};
	static const struct mailbox_claim once[] = {
		MAILBOX_CLAIM(sentences_call_a_mailbox_by_its_name),
		MAILBOX_CLAIM(a_session_has_a_server_or_a_mailbox_and_a_table_has_what_is_required),
	};

	return mailbox_run(claims, sizeof(claims) / sizeof(claims[0]), once, sizeof(once) / sizeof(once[0]));
}
