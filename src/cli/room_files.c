/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/room_files.h"

#include <stdio.h>
#include <string.h>

#include <bodkin/error.h>

#include "cli/paths.h"

enum { CODE_WORDS = 8, PATH_MAX_TYPED = 4096 }; /* nobody types the code */

#define TAKEN_WITHIN INT64_C(600000000000)

static const char purpose_files[] = "files", purpose_declined[] = "files/declined";

static void say(struct bk_cli_room_files *f, const char *text)
{
	bk_cli_report_say(f->files.report, BK_CLI_VERDICT, "* %s", text);
}

/* --- out --- */

/* The session that meets this one, and nobody else. */
static struct bk_session_opts session_with(
	const struct bk_cli_room_files *f, const uint8_t key[BK_GROUP_KEY_LEN], const char *code)
{
	struct bk_session_opts opts = *f->session;

	opts.size = sizeof(opts);
	opts.code = code;
	opts.code_words = CODE_WORDS;
	opts.wait_ns = TAKEN_WITHIN;
	opts.key_dir = opts.state_dir;
	opts.peer_key = key;
	return opts;
}

/* Where the file's name ends and the member's begins: both may have blanks. */
static const struct bk_cli_member *part(
	const struct bk_cli_room_files *f, const char *typed, char path[PATH_MAX_TYPED], size_t *ret_found)
{
	const struct bk_cli_member *who = NULL;
	size_t n;

	*ret_found = 0;
	for (const char *at = strchr(typed, ' '); at; at = strchr(at + 1, ' ')) {
		*ret_found = bk_cli_members_find(f->members, at + 1, &who, &n);
		if (!*ret_found || at[1 + n + strspn(at + 1 + n, " ")] || at - typed >= PATH_MAX_TYPED)
			continue;
		snprintf(path, PATH_MAX_TYPED, "%.*s", (int)(at - typed), typed);
		return who;
	}
	*ret_found = 0;
	return NULL;
}

void bk_cli_room_files_send(struct bk_cli_room_files *f, const char *typed)
{
	char path[PATH_MAX_TYPED], whole[BK_CLI_PATHS_MAX], label[BK_CLI_LABEL_MAX];
	size_t found;
	const struct bk_cli_member *who = part(f, typed, path, &found);
	struct bk_session_opts session;
	const struct bk_send_opts way = {.session = &session};

	if (!who || found > 1 || !f->session->state_dir) {
		say(f, !f->session->state_dir ? "no file can be sent without a folder for our key"
			: found > 1           ? "several have that name: /who tells how to tell them apart"
				    : "/send FILE NAME: which file, and to whom of those who are here?");
		return;
	}
	if (!f->files.is_sending)
		memcpy(f->to, who->key, sizeof(f->to));
	session = session_with(f, f->to, NULL);
	bk_cli_chat_files_send(&f->files, &way, bk_cli_members_label(f->members, who, label),
		bk_cli_paths_home(path, whole));
}

static void on_code(void *arg, const char *code)
{
	struct bk_cli_room_files *f = arg;
	int err = f->group ? bk_group_call(f->group, f->to, purpose_files, code, NULL) : BK_E_EOF;

	snprintf(f->code, sizeof(f->code), "%s", code);
	if (err < 0)
		bk_cli_report_say(f->files.report, BK_CLI_VERDICT, "* %s cannot be asked: %s",
			f->files.out.peer, bk_error_text(err));
}

void bk_cli_room_files_back(struct bk_cli_room_files *f, const uint8_t key[BK_GROUP_KEY_LEN])
{
	if (f->files.is_sending && !f->files.out.is_moving && *f->code && !memcmp(f->to, key, sizeof(f->to)))
		on_code(f, f->code);
}

/* --- in --- */

static void drop(struct bk_cli_room_files *f, size_t i)
{
	f->offers_len--;
	memmove(&f->offers[i], &f->offers[i + 1], (f->offers_len - i) * sizeof(f->offers[0]));
}

static size_t offer_of(const struct bk_cli_room_files *f, const uint8_t key[BK_GROUP_KEY_LEN])
{
	size_t i = 0;

	while (i < f->offers_len && memcmp(f->offers[i].key, key, BK_GROUP_KEY_LEN) != 0)
		i++;
	return i;
}

static void declined(struct bk_cli_room_files *f, const uint8_t key[BK_GROUP_KEY_LEN])
{
	if (f->files.is_sending && !f->files.out.is_moving && !memcmp(f->to, key, sizeof(f->to)))
		bk_cli_chat_files_declined(&f->files);
}

static void offered(struct bk_cli_room_files *f, const struct bk_group_line *from, const char *code)
{
	const struct bk_cli_member *who = bk_cli_members_of_key(f->members, from->key);
	size_t i = offer_of(f, from->key);
	bool is_new = i == f->offers_len;

	if (is_new && f->offers_len == BK_CLI_ROOM_OFFERS_MAX)
		drop(f, i = 0);
	if (is_new)
		i = f->offers_len++;
	memcpy(f->offers[i].key, from->key, BK_GROUP_KEY_LEN);
	snprintf(f->offers[i].code, sizeof(f->offers[i].code), "%s", code);
	if (who)
		bk_cli_members_label(f->members, who, f->offers[i].label);
	else
		snprintf(f->offers[i].label, sizeof(f->offers[i].label), "%s", from->from);
	if (!is_new)
		return;
	bk_cli_report_say(f->files.report, BK_CLI_VERDICT,
		"* %s wants to hand you a file. /take connects the two machines and shows what it is; /refuse",
		f->offers[i].label);
}

void bk_cli_room_files_called(
	struct bk_cli_room_files *f, const struct bk_group_line *from, const char *purpose, const char *code)
{
	if (!strcmp(purpose, purpose_declined))
		declined(f, from->key);
	else if (!strcmp(purpose, purpose_files) && *code)
		offered(f, from, code);
}

static void take(struct bk_cli_room_files *f)
{
	struct bk_cli_room_offer offer = f->offers[f->offers_len - 1];
	struct bk_session_opts session = session_with(f, offer.key, offer.code);
	const struct bk_recv_opts way = {.session = &session};

	drop(f, f->offers_len - 1);
	bk_cli_chat_files_take(&f->files, &way, offer.label);
	bk_cli_report_say(f->files.report, BK_CLI_VERDICT, "* connecting with %s", offer.label);
}

void bk_cli_room_files_answer(struct bk_cli_room_files *f, bool yes)
{
	struct bk_cli_room_offer *offer = f->offers_len ? &f->offers[f->offers_len - 1] : NULL;

	if (f->files.is_asking || !offer) {
		bk_cli_chat_files_answer(&f->files, yes);
	} else if (yes && f->files.is_receiving) {
		say(f, "one file at a time; /stop ends the one that is under way");
	} else if (yes && !f->session->state_dir) {
		say(f, "no file can be taken without a folder for our key");
	} else if (yes) {
		take(f);
	} else {
		bk_group_call(f->group, offer->key, purpose_declined, "", NULL);
		drop(f, f->offers_len - 1);
	}
}

/* --- life --- */

static void on_files_change(void *arg)
{
	const struct bk_cli_room_files *f = arg;

	f->on_change(f->arg);
}

void bk_cli_room_files_init(struct bk_cli_room_files *f, struct bk_loop *loop, struct bk_cli_report *r,
	const char *folder, void (*on_change)(void *arg), void *arg)
{
	*f = (struct bk_cli_room_files){.on_change = on_change, .arg = arg};
	f->files = (struct bk_cli_chat_files){.loop = loop,
		.report = r,
		.folder = folder,
		.on_change = on_files_change,
		.on_code = on_code,
		.arg = f};
}

void bk_cli_room_files_done(struct bk_cli_room_files *f)
{
	bk_cli_chat_files_done(&f->files);
	f->files.is_sending = f->files.is_receiving = f->files.is_asking = false;
	f->offers_len = 0;
}
