/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "transfer/digest.h"

/* --- what is put in the folder before --- */

void rows_put_ours(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, SCENE_OURS, strlen(SCENE_OURS)) == (ssize_t)strlen(SCENE_OURS));
	close(fd);
}

void rows_put_traps(void)
{
	rows_put_ours("ours");
	assert_int_equal(mkdir("folder", 0700), 0);
	assert_int_equal(symlink("../data", "link"), 0);
	assert_int_equal(symlink("../new", "dangling"), 0);
	assert_int_equal(symlink("../new", "trap.part"), 0);
}

/* --- what one that sends says --- */

void say_content(struct liar *l, unsigned entry, long long offset, const char *text)
{
	char fields[96];

	snprintf(fields, sizeof(fields), "\"type\":\"content\",\"entry\":%u,\"offset\":%lld", entry, offset);
	liar_say_file(l, fields, text, strlen(text));
}

void say_digest(struct liar *l, unsigned entry, const char *text)
{
	struct bk_digest *d = bk_digest_new();
	char hex[BK_DIGEST_STR_MAX], fields[128];
	uint8_t digest[BK_DIGEST_LEN];

	bk_digest_update(d, text, strlen(text));
	bk_digest_get(d, digest);
	bk_digest_free(d);
	snprintf(fields, sizeof(fields), "\"type\":\"digest\",\"entry\":%u,\"xxh3_128\":\"%s\"", entry,
		bk_digest_to_str(digest, hex));
	liar_say_file(l, fields, NULL, 0);
}

void whole(struct liar *l, unsigned entry)
{
	say_content(l, entry, 0, SCENE_THEIRS);
	say_digest(l, entry, SCENE_THEIRS);
}

void send_one(struct liar *l)
{
	whole(l, 0);
}

void send_nothing(struct liar *l)
{
	say_digest(l, 0, "");
}

void offer_again(struct liar *l)
{
	liar_offer(l, NAMED("b"), 1);
}

/* --- what either says --- */

void say_done(struct liar *l)
{
	liar_say_file(l,
		"\"type\":\"done\",\"entries\":1,\"bytes\":5,\"xxh3_128\":\"00000000000000000000000000000000\"",
		NULL, 0);
}

void refuse(struct liar *l)
{
	liar_say_file(l, "\"type\":\"refuse\",\"code\":\"declined\",\"text\":\"\"", NULL, 0);
}

void accept_all(struct liar *l)
{
	static const char list[] = "{\"entries\":[{\"entry\":0,\"action\":\"take\"}]}";

	liar_say_file(l, "\"type\":\"accept\"", list, sizeof(list) - 1);
}

/* --- the tables, played --- */

uint64_t rows_most;
const char *rows_only;

static void accept_list(struct liar *l, const char *list)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "{\"entries\":[%s]}", list);

	liar_say_file(l, "\"type\":\"accept\"", text, (size_t)n);
}

static void tell_row(struct liar *l, const void *arg)
{
	const struct row *r = arg;

	if (l->opts.is_sender && r->stage == LIAR_RESUMED) {
		l->channel = l->is_leading ? 1 : 2;
		liar_say(l, BK_SFRAME_OPEN, l->channel, BK_TRANSFER_CHANNEL_KIND,
			strlen(BK_TRANSFER_CHANNEL_KIND));
	} else if (l->opts.is_sender && r->list) {
		liar_offer(l, r->list, 1);
	} else if (r->list) {
		accept_list(l, r->list);
	}
	if (r->then)
		r->then(l);
}

static bool play_row(const struct row *r, bool is_sender, void (*prepare)(void), size_t line)
{
	struct scene scene = {.name = r->name,
		.has_time = true,
		.prepare = prepare,
		.holds = ROWS_OURS + r->holds,
		.most = rows_most,
		.liar = {.is_sender = is_sender,
			.stage = r->stage,
			.tell = tell_row,
			.row = r,
			.stays = true}};
	struct verdict v;

	scene_choose_line(&scene, line);
	scene_play(&scene, &v);
	if (v.error == r->want && !v.has_flown)
		return true;
	print_error("%s: %s, '%s'%s\n", r->name, bk_error_name(v.error), v.text, v.has_flown ? ", late" : "");
	return false;
}

void rows_play(const struct row *rows, size_t n, bool is_sender, void (*prepare)(void))
{
	bool is_well = true;

	for (size_t i = 0; i < n; i++)
		if (!rows_only || !strcmp(rows[i].name, rows_only))
			is_well &= play_row(&rows[i], is_sender, prepare, i);
	assert_true(is_well);
}
