/* SPDX-License-Identifier: Apache-2.0 */
/* Files from one member of a group to another one, with no code that anybody types: the group introduces the two, who
 * know each other by their keys. Whoever names somebody and a file waits until he is there, hands it over and leaves;
 * whoever does not takes what he is handed into FOLDER, where his key is kept, too, until Ctrl-C. */
#include <stdlib.h>
#include <string.h>

#include <bodkin/group.h>
#include <bodkin/transfer.h>

#include "common.h"

static const char words[] = "HOST[:PORT][#PIN] NAME FOLDER [INVITE [TO FILE]]";

enum { GIFTS_MAX = 8 };

/* What is taken; there may be several at once. */
struct gift {
	struct bk_recv *recv; /* NULL: nothing */
	char from[BK_GROUP_NAME_MAX + 1];
};

struct member {
	struct bk_loop *loop;
	const char *server, *name, *folder;
	const char *to, *file; /* NULL: takes what comes */
	unsigned char to_key[BK_GROUP_KEY_LEN];
	char code[BK_GROUP_CALL_CODE_MAX + 1]; /* the last one that was made */
	struct bk_group *group;
	struct bk_send *send;
	struct gift gifts[GIFTS_MAX];
	bool failed;
};

/* Ours is the key that the group knows, theirs must be the one. */
static struct bk_session_opts session_with(
	const struct member *me, const unsigned char *key, const char *code)
{
	return (struct bk_session_opts){.size = sizeof(struct bk_session_opts),
		.server = me->server,
		.code = code,
		.code_words = 8, /* nobody has to type them */
		.name = me->name,
		.key_dir = me->folder,
		.peer_key = key};
}

/* --- handing over --- */

static void call(struct member *me)
{
	int err = bk_group_call(me->group, me->to_key, "files", me->code, NULL);

	if (err < 0)
		complain("cannot call %s: %s", me->to, bk_error_text(err));
}

static void on_code(struct bk_call *transfer, void *arg, const char *code)
{
	struct member *me = arg;

	(void)transfer;
	snprintf(me->code, sizeof(me->code), "%s", code);
	call(me);
}

static void on_path(struct bk_call *transfer, void *arg, const struct bk_path *path)
{
	(void)transfer;
	(void)arg;
	printf("* %s\n", path->text);
}

static void end_sending(struct member *me)
{
	bk_send_free(me->send);
	me->send = NULL;
	bk_group_leave(me->group);
}

static void on_sent(struct bk_call *transfer, void *arg, const struct bk_transfer_result *result)
{
	struct member *me = arg;

	(void)transfer;
	printf("* %s has %llu bytes, digest %s\n", me->to, (unsigned long long)result->bytes, result->digest);
	end_sending(me);
}

static void on_not_sent(struct bk_call *transfer, void *arg, const struct bk_call_failure *failure)
{
	struct member *me = arg;

	(void)transfer;
	complain("%s", failure->text);
	me->failed = true;
	end_sending(me);
}

static void hand_over(struct member *me)
{
	static const struct bk_call_news news = {
		.size = sizeof(news), .on_code = on_code, .on_path = on_path};
	static const struct bk_transfer_events events = {
		.size = sizeof(events), .news = &news, .on_done = on_sent, .on_error = on_not_sent};
	const struct bk_session_opts session = session_with(me, me->to_key, NULL);
	const struct bk_send_opts opts = {
		.size = sizeof(opts), .session = &session, .paths = &me->file, .paths_len = 1};
	char text[BK_TRANSFER_TEXT_MAX];

	if (bk_send_new(me->loop, &opts, &events, me, &me->send, text) >= 0)
		return;
	complain("%s", text);
	me->failed = true;
	bk_group_leave(me->group);
}

/* --- taking --- */

static void end_taking(struct gift *g)
{
	bk_recv_free(g->recv);
	g->recv = NULL;
}

static void on_received(struct bk_call *transfer, void *arg, const struct bk_transfer_result *result)
{
	struct gift *g = arg;

	(void)transfer;
	if (result->paths_len)
		printf("* %s from %s, digest %s\n", result->paths[0], g->from, result->digest);
	end_taking(g);
}

static void on_not_received(struct bk_call *transfer, void *arg, const struct bk_call_failure *failure)
{
	struct gift *g = arg;

	(void)transfer;
	complain("from %s: %s", g->from, failure->text);
	end_taking(g);
}

static void on_call(struct bk_group *group, void *arg, const struct bk_group_line *from, const char *purpose,
	const char *code)
{
	static const struct bk_transfer_events events = {
		.size = sizeof(events), .on_done = on_received, .on_error = on_not_received};
	struct member *me = arg;
	const struct bk_session_opts session = session_with(me, from->key, code);
	const struct bk_recv_opts opts = {.size = sizeof(opts), .session = &session, .folder = me->folder};
	char text[BK_TRANSFER_TEXT_MAX] = "";
	size_t i = 0;

	(void)group;
	if (me->to || strcmp(purpose, "files") != 0)
		return;
	while (i < GIFTS_MAX && me->gifts[i].recv)
		i++;
	if (i == GIFTS_MAX) {
		complain("from %s: too much at once", from->from);
		return;
	}
	snprintf(me->gifts[i].from, sizeof(me->gifts[i].from), "%s", from->from);
	if (bk_recv_new(me->loop, &opts, &events, &me->gifts[i], &me->gifts[i].recv, text) < 0)
		complain("from %s: %s", from->from, text);
}

/* --- the group --- */

static void on_open(struct bk_group *group, void *arg)
{
	struct member *me = arg;

	(void)group;
	if (me->code[0])
		call(me);
	if (me->to && !me->send)
		printf("* waiting for %s\n", me->to);
	else if (!me->to)
		printf("* here as %s\n", me->name);
}

/* Somebody who is called like him, and is not him, gets nothing. Who comes back has not heard the call. */
static void on_member(struct bk_group *group, void *arg, const struct bk_group_member *m, bool is_here)
{
	struct member *me = arg;

	(void)group;
	if (!is_here || m->is_us || !me->to || m->has_others_name || strcmp(m->name, me->to) != 0)
		return;
	memcpy(me->to_key, m->key, sizeof(me->to_key));
	if (!me->send)
		hand_over(me);
	else if (me->code[0])
		call(me);
}

static void on_line(struct bk_group *group, void *arg, const struct bk_group_line *line)
{
	(void)group;
	(void)arg;
	(void)line;
}

static void on_note(struct bk_group *group, void *arg, int verbosity, const char *text)
{
	(void)group;
	(void)arg;
	if (verbosity <= 0)
		printf("* %s\n", text);
}

static void on_doubt(struct bk_group *group, void *arg, const char *text)
{
	(void)group;
	(void)arg;
	printf("* careful: %s\n", text);
}

static void on_end(struct bk_group *group, void *arg, int error, const char *text)
{
	struct member *me = arg;

	(void)group;
	if (error < 0)
		complain("%s", text);
	me->failed |= error < 0;
	bk_loop_stop(me->loop);
}

static void on_signal(void *arg, int signo)
{
	(void)signo;
	bk_group_leave(((struct member *)arg)->group);
}

static int run(struct member *me, const char *invite)
{
	static const struct bk_group_events events = {.size = sizeof(events),
		.on_open = on_open,
		.on_line = on_line,
		.on_doubt = on_doubt,
		.on_member = on_member,
		.on_note = on_note,
		.on_end = on_end,
		.on_call = on_call};
	const struct bk_group_opts opts = {.size = sizeof(opts),
		.server = me->server,
		.invite = invite,
		.name = me->name,
		.state_dir = me->folder};
	char text[BK_GROUP_SENTENCE_MAX];

	if (bk_group_new(me->loop, &opts, &events, me, &me->group, text) < 0) {
		complain("%s", text);
		return EXIT_FAILURE;
	}
	if (run_loop(me->loop, on_signal, me) < 0)
		me->failed = true;
	bk_send_free(me->send);
	for (size_t i = 0; i < GIFTS_MAX; i++)
		bk_recv_free(me->gifts[i].recv);
	bk_group_free(me->group);
	return me->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct member me = {0};
	char invite[BK_GROUP_INVITE_MAX], text[BK_GROUP_SENTENCE_MAX] = "no invite can be made";
	int err, code = EXIT_FAILURE;

	if (argc != 4 && argc != 5 && argc != 7)
		return usage(words);
	setvbuf(stdout, NULL, _IOLBF, 0);
	me.server = argv[1];
	me.name = argv[2];
	me.folder = argv[3];
	me.to = argc == 7 ? argv[5] : NULL;
	me.file = argc == 7 ? argv[6] : NULL;
	err = argc > 4 ? bk_group_invite_check(argv[4], invite, text) : bk_group_invite_make(invite);
	if (err < 0) {
		complain("%s", text);
		return code;
	}
	if (argc == 4)
		printf("on the other machines: hand_over %s NAME FOLDER %s %s FILE\n", me.server, invite,
			me.name);
	if (bk_loop_new(BK_LOOP_POLL, &me.loop) >= 0)
		code = run(&me, invite);
	bk_loop_free(me.loop);
	return code;
}
