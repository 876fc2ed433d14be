/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that lie: each alone, where it is worst, and then every type in every state. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "stage.h"
#include "wire/cursor.h"

/* Each opening makes us say a RESET, which is kept for a peer that acknowledges none. */
enum { ZEROS = 1 << 16, FLOOD = 200000 };

static const uint8_t zeros[ZEROS];

/* --- lies of the links: RESUME, ACK, PING --- */

static void say_number(struct liar *l, uint8_t type, uint32_t channel, uint64_t n, size_t bytes)
{
	uint8_t payload[8];
	struct bk_writer w;

	bk_writer_init(&w, payload, sizeof(payload));
	bk_write_u64(&w, n);
	liar_say(l, type, channel, payload + 8 - bytes, bytes);
}

static void resume_of_another_session(struct liar *l, const void *row)
{
	(void)row;
	l->id[3] ^= 1;
}

static void resume_beyond_what_was_sent(struct liar *l, const void *row)
{
	(void)row;
	liar_say_resume(l, 1 << 30, l->turn);
}

static void resume_at_the_end_of_numbers(struct liar *l, const void *row)
{
	(void)row;
	liar_say_resume(l, UINT64_MAX, UINT64_MAX);
}

static void resume_far_ahead(struct liar *l, const void *row)
{
	(void)row;
	liar_say_resume(l, 0, l->turn + 5000);
}

static void resume_twice(struct liar *l, const void *row)
{
	(void)row;
	liar_say_resume(l, l->received, l->turn);
}

static void resume_without_end(struct liar *l, const void *row)
{
	(void)row;
	for (unsigned i = 1; i <= 100; i++)
		liar_say_resume(l, l->received, l->turn + i);
}

static void cut_resume(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_RESUME, 0, l->id, sizeof(l->id));
}

static void frames_before_resume(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_OPEN, l->is_leading ? 1 : 2, "files/1", 7);
}

static void acknowledge_what_was_not_sent(struct liar *l, const void *row)
{
	(void)row;
	say_number(l, BK_SFRAME_ACK, 0, 1 << 30, 8);
}

static void acknowledge_nothing(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_ACK, 0, NULL, 0);
}

static void rest_of_nothing(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_REST, 0, zeros, 100);
}

static void ping_without_end(struct liar *l, const void *row)
{
	(void)row;
	for (int i = 0; i < 200; i++)
		liar_say(l, BK_SFRAME_PING, 0, NULL, 0);
}

static void ping_too_long(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_PING, 0, zeros, 65);
}

static void claim_a_length(struct liar *l, uint32_t length)
{
	uint8_t head[BK_SFRAME_HEADER_LEN];
	const struct bk_sframe f = {.type = BK_SFRAME_DATA, .channel = l->channel, .length = length};

	bk_sframe_encode(&f, head);
	liar_say_raw(l, head, sizeof(head));
}

static void a_length_above_the_ceiling(struct liar *l, const void *row)
{
	(void)row;
	claim_a_length(l, BK_SFRAME_PAYLOAD_MAX + 1);
}

static void the_longest_length(struct liar *l, const void *row)
{
	(void)row;
	claim_a_length(l, UINT32_MAX);
}

static void cut_in_half_a_header(struct liar *l, const void *row)
{
	(void)row;
	liar_say_raw(l, "\3\0\0\0\0", 5);
	liar_cut(l);
}

/* --- lies of the channels --- */

static uint32_t next_own(const struct liar *l)
{
	return l->is_leading ? 101 : 102;
}

static void open_one_that_is_open(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_OPEN, next_own(l), "files/1", 7);
	liar_say(l, BK_SFRAME_OPEN, next_own(l), "files/1", 7);
}

static void open_one_of_ours(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_OPEN, next_own(l) + 1, "files/1", 7);
}

static void open_number_zero(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_OPEN, 0, "files/1", 7);
}

static void open_without_a_kind(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_OPEN, next_own(l), NULL, 0);
}

static void open_a_kind_that_draws(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_OPEN, next_own(l), "\033[2Jfiles", 9);
}

static void open_a_kind_with_an_end_inside(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_OPEN, next_own(l), "files/1\0x", 9);
}

static void open_a_kind_too_long(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_OPEN, next_own(l), zeros, 65);
}

static void data_that_is_no_message(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_DATA, l->channel, zeros, sizeof(zeros));
}

static void data_on_no_channel(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_DATA, next_own(l), zeros, sizeof(zeros));
}

static void credit_beyond_its_ceiling(struct liar *l, const void *row)
{
	(void)row;
	say_number(l, BK_SFRAME_WINDOW, l->channel, UINT32_MAX, 4);
	say_number(l, BK_SFRAME_WINDOW, l->channel, UINT32_MAX, 4);
}

static void cut_credit(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_WINDOW, l->channel, zeros, 3);
}

static void end_twice(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_FIN, l->channel, NULL, 0);
	liar_say(l, BK_SFRAME_FIN, l->channel, NULL, 0);
}

static void go_on_after_the_end(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_FIN, l->channel, NULL, 0);
	liar_say(l, BK_SFRAME_DATA, l->channel, zeros, 100);
}

static void reset_twice_with_orders(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_RESET, l->channel, "\033]0;mine\a", 9);
	liar_say(l, BK_SFRAME_RESET, l->channel, zeros, 64);
	liar_say(l, BK_SFRAME_DATA, l->channel, zeros, 100);
}

static void bye_with_orders(struct liar *l, const void *row)
{
	(void)row;
	liar_say(l, BK_SFRAME_BYE, 0, "\033[31mall is well", 16);
	liar_say(l, BK_SFRAME_BYE, 0, zeros, sizeof(zeros));
}

static int open_another(struct liar *l, uint32_t n)
{
	return liar_try(l, BK_SFRAME_OPEN, next_own(l) + 2 * n, "nobody/1", 8);
}

static int open_another_file_channel(struct liar *l, uint32_t n)
{
	return liar_try(l, BK_SFRAME_OPEN, next_own(l) + 2 * n, "files/1", 7);
}

static int say_something_unknown(struct liar *l, uint32_t n)
{
	return liar_try(l, 200, n, zeros, sizeof(zeros));
}

static int give_credit_for_nothing(struct liar *l, uint32_t n)
{
	return liar_try(l, BK_SFRAME_WINDOW, n + 1000, zeros, 4);
}

static void flood_openings(struct liar *l, const void *row)
{
	(void)row;
	liar_flood(l, open_another, FLOOD);
}

static void flood_file_channels(struct liar *l, const void *row)
{
	(void)row;
	liar_flood(l, open_another_file_channel, FLOOD / 10);
}

static void flood_the_unknown(struct liar *l, const void *row)
{
	(void)row;
	liar_flood(l, say_something_unknown, FLOOD / 1000);
}

static void flood_credit(struct liar *l, const void *row)
{
	(void)row;
	liar_flood(l, give_credit_for_nothing, FLOOD / 10);
}

/* --- the table --- */

/* STAYS: does not leave after it, since that is a reason to end, too, and is heard first where a channel is held. */
enum { SEND = 1, RECV = 2, BOTH = 3, STAYS = 4 };

static const struct row {
	const char *name;
	void (*tell)(struct liar *l, const void *row);
	enum liar_stage stage;
	int against;
	int want; /* BK_E_PEER_VANISHED: the verdict is patience's */
} rows[] = {
	{"RESUME of another session", resume_of_another_session, LIAR_LINKED, BOTH, BK_E_PROTOCOL},
	{"RESUME beyond what was sent", resume_beyond_what_was_sent, LIAR_LINKED, BOTH, BK_E_PROTOCOL},
	{"RESUME at the end of numbers", resume_at_the_end_of_numbers, LIAR_LINKED, BOTH, BK_E_PROTOCOL},
	{"RESUME far ahead", resume_far_ahead, LIAR_LINKED, BOTH, BK_E_PROTOCOL},
	{"RESUME cut", cut_resume, LIAR_LINKED, BOTH, BK_E_PROTOCOL},
	{"RESUME twice", resume_twice, LIAR_RESUMED, BOTH, BK_E_PROTOCOL},
	{"RESUME without end", resume_without_end, LIAR_RESUMED, BOTH, BK_E_PROTOCOL},
	{"frames before RESUME", frames_before_resume, LIAR_LINKED, BOTH, BK_E_PROTOCOL},
	{"ACK of what was not sent", acknowledge_what_was_not_sent, LIAR_ACCEPTED, BOTH, BK_E_PROTOCOL},
	{"ACK of nothing", acknowledge_nothing, LIAR_OFFERED, BOTH, BK_E_PROTOCOL},
	{"REST of nothing", rest_of_nothing, LIAR_OFFERED, BOTH, BK_E_PROTOCOL},
	{"PING without end", ping_without_end, LIAR_OFFERED, BOTH, BK_E_PROTOCOL},
	{"PING too long", ping_too_long, LIAR_OFFERED, BOTH, BK_E_TOO_BIG},
	{"a length above the ceiling", a_length_above_the_ceiling, LIAR_MOVING, BOTH, BK_E_TOO_BIG},
	{"the longest length", the_longest_length, LIAR_MOVING, BOTH, BK_E_TOO_BIG},
	{"cut in half a header", cut_in_half_a_header, LIAR_MOVING, BOTH, BK_E_PEER_VANISHED},
	{"opens again what was reset", open_one_that_is_open, LIAR_OFFERED, BOTH, BK_E_PEER_CANCELLED},
	{"opens what is open", open_one_that_is_open, LIAR_RESUMED, RECV, BK_E_PROTOCOL},
	{"opens ours", open_one_of_ours, LIAR_OFFERED, BOTH, BK_E_PROTOCOL},
	{"opens zero", open_number_zero, LIAR_OFFERED, BOTH, BK_E_PROTOCOL},
	{"opens no kind", open_without_a_kind, LIAR_OFFERED, BOTH, BK_E_PROTOCOL},
	{"opens a kind that draws", open_a_kind_that_draws, LIAR_OFFERED, BOTH, BK_E_PROTOCOL},
	{"opens a kind with an end inside", open_a_kind_with_an_end_inside, LIAR_OFFERED, BOTH,
		BK_E_PROTOCOL},
	{"opens a kind too long", open_a_kind_too_long, LIAR_OFFERED, BOTH, BK_E_PROTOCOL},
	{"data that is no message", data_that_is_no_message, LIAR_OPENED, BOTH, BK_E_MALFORMED},
	{"data on no channel", data_on_no_channel, LIAR_OPENED, BOTH, BK_E_PEER_CANCELLED},
	{"credit beyond its ceiling", credit_beyond_its_ceiling, LIAR_OFFERED, BOTH, BK_E_PROTOCOL},
	{"credit cut", cut_credit, LIAR_OFFERED, BOTH, BK_E_PROTOCOL},
	{"the end twice", end_twice, LIAR_OFFERED, BOTH | STAYS, BK_E_PROTOCOL},
	{"data after the end", go_on_after_the_end, LIAR_OFFERED, BOTH | STAYS, BK_E_PROTOCOL},
	{"RESET twice, with orders", reset_twice_with_orders, LIAR_OFFERED, BOTH, BK_E_INTERNAL},
	{"BYE with orders", bye_with_orders, LIAR_OFFERED, BOTH, BK_E_INTERNAL},
	{"openings without end", flood_openings, LIAR_OFFERED, BOTH, BK_E_PEER_CANCELLED},
	{"file channels without end", flood_file_channels, LIAR_OFFERED, BOTH, BK_E_PEER_CANCELLED},
	{"the unknown without end", flood_the_unknown, LIAR_OFFERED, BOTH, BK_E_PEER_CANCELLED},
	{"credit for nothing without end", flood_credit, LIAR_OFFERED, BOTH, BK_E_PEER_CANCELLED},
};

static const char *only; /* the row of that name */

/* Returns whether it ended as it should. */
static bool play_row(const struct row *r, bool is_sender, size_t line)
{
	bool flies = r->want == BK_E_PEER_VANISHED;
	struct scene scene = {.name = r->name,
		.has_time = !flies,
		.liar = {.is_sender = is_sender,
			.stage = r->stage,
			.tell = r->tell,
			.row = r,
			.stays = r->against & STAYS}};
	struct verdict v;

	scene_choose_line(&scene, line);
	scene_play(&scene, &v);
	if (v.error == r->want && v.has_flown == flies)
		return true;
	print_error("%s against %s: %s, '%s'%s\n", r->name, is_sender ? "recv" : "send",
		bk_error_name(v.error), v.text, v.has_flown ? ", late" : "");
	return false;
}

static void each_lie_gets_its_name_and_nothing_else(void **state)
{
	bool is_well = true;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (only && strcmp(rows[i].name, only))
			continue;
		if (rows[i].against & RECV)
			is_well &= play_row(&rows[i], true, i);
		if (rows[i].against & SEND)
			is_well &= play_row(&rows[i], false, i + 1);
	}
	assert_true(is_well);
}

/* --- every type in every state --- */

struct odd {
	uint8_t type;
	size_t len;
	uint32_t channel; /* 0: the files' */
};

static void say_something_odd(struct liar *l, const void *row)
{
	const struct odd *o = row;

	liar_say(l, o->type, o->channel ? o->channel : l->channel, zeros, o->len);
}

static bool is_a_named_end(int error)
{
	return error == BK_E_PROTOCOL || error == BK_E_TOO_BIG || error == BK_E_MALFORMED ||
	       error == BK_E_INTERNAL || error == BK_E_PEER_CANCELLED || error == BK_E_PEER_VANISHED;
}

static bool play_odd(enum liar_stage stage, uint8_t type, bool is_sender, size_t i)
{
	static const struct odd shapes[] = {{.len = 0}, {.len = 8}, {.len = 64, .channel = 0x7fffffff}};
	struct odd odd = shapes[i % (sizeof(shapes) / sizeof(shapes[0]))];
	struct scene scene = {.name = "odd",
		.has_time = true,
		.liar = {.is_sender = is_sender, .stage = stage, .tell = say_something_odd, .row = &odd}};
	struct verdict v;

	odd.type = type;
	scene_choose_line(&scene, i);
	scene_play(&scene, &v);
	if (is_a_named_end(v.error) && !v.has_flown)
		return true;
	print_error("type %u, %zu bytes at stage %d against %s: %s, '%s'%s\n", type, odd.len, stage,
		is_sender ? "recv" : "send", bk_error_name(v.error), v.text, v.has_flown ? ", late" : "");
	return false;
}

static void every_type_in_every_state_ends_with_a_name(void **state)
{
	static const uint8_t types[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 17, 255};
	bool is_well = true;
	size_t i = 0;

	(void)state;
	for (int stage = LIAR_LINKED; stage <= LIAR_MOVING; stage++)
		for (size_t t = 0; t < sizeof(types); t++)
			for (int is_sender = 0; is_sender < 2; is_sender++)
				is_well &= play_odd((enum liar_stage)stage, types[t], is_sender, i++);
	assert_true(is_well);
}

/* --- whose word it is --- */

static const char *const words[] = {"cancelled", "declined", "wrong-code", "no-such-peer", "no-path", "nomem",
	"invalid", "internal", "unauthorized", "shutdown", "rate-limited", "pin-mismatch", "file", "exists",
	"eof", "no such name"};

static void say_bye(struct liar *l, const void *row)
{
	liar_say(l, BK_SFRAME_BYE, 0, row, strlen(row));
}

static void say_reset(struct liar *l, const void *row)
{
	liar_say(l, BK_SFRAME_RESET, l->channel, row, strlen(row));
}

static void say_error(struct liar *l, const void *row)
{
	char fields[128];

	snprintf(fields, sizeof(fields), "\"type\":\"error\",\"code\":\"%s\",\"text\":\"\"",
		(const char *)row);
	liar_say_file(l, fields, NULL, 0);
}

/* A program's exit status, and what a script does next, hang on whose fault it is. */
static void what_a_peer_says_of_itself_is_no_error_of_ours(void **state)
{
	static void (*const ways[])(struct liar * l, const void *row) = {say_bye, say_reset, say_error};
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < 3 * sizeof(words) / sizeof(words[0]); i++) {
		struct scene scene = {.name = words[i / 3],
			.has_time = true,
			.liar = {.is_sender = i / 3 % 2,
				.stage = LIAR_ACCEPTED,
				.tell = ways[i % 3],
				.row = words[i / 3]}};

		scene_choose_line(&scene, i);
		scene_play(&scene, &v);
		if (v.error == BK_E_CANCELLED || (v.who != BK_CALL_WHO_PEER && v.error != BK_E_PEER_VANISHED))
			fail_msg("'%s', way %zu: %s, '%s'", words[i / 3], i % 3, bk_error_name(v.error),
				v.text);
	}
}

static void who_does_not_lie_gets_through(void **state)
{
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		struct scene scene = {.name = "honest",
			.has_time = true,
			.liar = {.is_sender = i < 4, .stage = LIAR_STAGES}};

		scene_choose_line(&scene, i);
		scene_play(&scene, &v);
		if (v.error)
			fail_msg("%s: %s", bk_error_name(v.error), v.text);
	}
}

/* With the name of a row: that one alone. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_does_not_lie_gets_through),
		cmocka_unit_test(each_lie_gets_its_name_and_nothing_else),
		cmocka_unit_test(what_a_peer_says_of_itself_is_no_error_of_ours),
		cmocka_unit_test(every_type_in_every_state_ends_with_a_name),
	};

	const struct CMUnitTest one[] = {cmocka_unit_test(each_lie_gets_its_name_and_nothing_else)};

	only = argc > 1 ? argv[1] : NULL;
	return only ? cmocka_run_group_tests(one, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
}
