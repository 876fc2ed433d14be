/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/scout.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/thread.h"

struct work {
	struct bk_source_wish wish; /* its strings are ours */
	char **paths, **exclude, *stream_name, *text;
	struct bk_thread *thread;
	atomic_size_t entries;
	/* the thread's, until it is over */
	struct bk_source *source;
	int error;
	char sentence[BK_TRANSFER_TEXT_MAX];
};

struct bk_scout {
	struct bk_thread *thread;
	struct work *work;
};

/* --- on the thread --- */

static bool may_go_on(void *arg, size_t entries)
{
	struct work *w = arg;
	bool is_left;

	atomic_store(&w->entries, entries);
	bk_thread_lock(w->thread);
	is_left = bk_thread_is_left(w->thread);
	bk_thread_unlock(w->thread);
	return !is_left;
}

static void run(struct bk_thread *t, void *arg)
{
	struct work *w = arg;

	w->thread = t;
	w->wish.may_go_on = may_go_on;
	w->wish.arg = w;
	w->error = bk_source_new(&w->wish, &w->source, w->sentence);
	bk_thread_lock(t);
	bk_thread_ring(t);
	bk_thread_unlock(t);
}

static void free_strings(char **strings, size_t n)
{
	for (size_t i = 0; strings && i < n; i++)
		free(strings[i]);
	free(strings);
}

static void free_work(void *arg)
{
	struct work *w = arg;

	bk_source_unref(w->source);
	free_strings(w->paths, w->wish.paths_len);
	free_strings(w->exclude, w->wish.exclude_len);
	free(w->stream_name);
	free(w->text);
	free(w);
}

static const struct bk_thread_ops ops = {.run = run, .free = free_work};

/* --- on the loop --- */

static char **copy_strings(const char *const *from, size_t n)
{
	char **to = calloc(n + 1, sizeof(*to));
	bool is_whole = to;

	for (size_t i = 0; i < n && is_whole; i++)
		is_whole = (to[i] = strdup(from[i]));
	if (is_whole)
		return to;
	free_strings(to, n);
	return NULL;
}

static bool copy_wish(struct work *w, const struct bk_source_wish *wish)
{
	/* One that is too long is refused by its length. */
	size_t n = wish->text_len <= BK_TRANSFER_MESSAGE_MAX ? wish->text_len : 0;

	w->wish = *wish;
	w->paths = copy_strings(wish->paths, wish->paths_len);
	w->exclude = copy_strings(wish->exclude, wish->exclude_len);
	w->stream_name = wish->stream_name ? strdup(wish->stream_name) : NULL;
	w->text = wish->text ? calloc(1, n + 1) : NULL;
	if (w->text && n)
		memcpy(w->text, wish->text, n);
	w->wish.paths = (const char *const *)w->paths;
	w->wish.exclude = (const char *const *)w->exclude;
	w->wish.stream_name = w->stream_name;
	w->wish.text = w->text;
	return w->paths && w->exclude && !w->stream_name == !wish->stream_name && !w->text == !wish->text;
}

int bk_scout_new(struct bk_loop *loop, const struct bk_source_wish *wish, void (*fn)(void *arg), void *arg,
	struct bk_scout **ret_scout)
{
	struct bk_scout *s = calloc(1, sizeof(*s));
	int err = BK_E_NOMEM;

	if (s)
		s->work = calloc(1, sizeof(*s->work));
	if (s && s->work) {
		if (copy_wish(s->work, wish))
			err = bk_thread_new(loop, &ops, s->work, fn, arg, &s->thread);
		if (err < 0)
			free_work(s->work);
	}
	if (err < 0)
		free(s);
	else
		*ret_scout = s;
	return err;
}

bool bk_scout_wait(struct bk_scout *s, bk_dur time)
{
	return bk_thread_await(s->thread, time); /* it rings once */
}

size_t bk_scout_count(const struct bk_scout *s)
{
	return atomic_load(&s->work->entries);
}

int bk_scout_take(struct bk_scout *s, struct bk_source **ret_source, char ret_text[BK_TRANSFER_TEXT_MAX])
{
	struct work *w = s->work;

	bk_thread_lock(s->thread);
	*ret_source = w->source;
	w->source = NULL;
	bk_thread_unlock(s->thread);
	memcpy(ret_text, w->sentence, sizeof(w->sentence));
	return w->error;
}

void bk_scout_free(struct bk_scout *s)
{
	if (!s)
		return;
	bk_thread_free(s->thread);
	free(s);
}
