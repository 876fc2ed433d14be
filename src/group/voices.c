/* SPDX-License-Identifier: Apache-2.0 */
/* A voice that is heard for the first time may begin anywhere: it may have spoken before we came. */
#include "group/voices.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct voice {
	struct bk_list link;
	uint8_t name[BK_SIGN_KEY_LEN + sizeof(uint64_t)];
	uint64_t counter, era;
};

int bk_voices_init(struct bk_voices *v, uint64_t seed)
{
	bk_list_init(&v->all);
	v->era = 0;
	v->by_name = bk_map_new(BK_VOICES_MAX, seed);
	return v->by_name ? 0 : BK_E_NOMEM;
}

static void forget(struct bk_voices *v, struct voice *o)
{
	bk_list_remove(&o->link);
	bk_map_take(v->by_name, o->name, sizeof(o->name));
	free(o);
}

void bk_voices_done(struct bk_voices *v)
{
	if (!v->by_name)
		return;
	bk_list_each(it, tmp, &v->all) forget(v, bk_container_of(it, struct voice, link));
	bk_map_free(v->by_name);
	v->by_name = NULL;
}

void bk_voices_forgive(struct bk_voices *v)
{
	v->era++;
}

static struct voice *add(struct bk_voices *v, const uint8_t name[BK_SIGN_KEY_LEN + sizeof(uint64_t)])
{
	struct voice *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	if (bk_map_count(v->by_name) >= BK_VOICES_MAX)
		forget(v, bk_container_of(v->all.next, struct voice, link));
	memcpy(o->name, name, sizeof(o->name));
	if (bk_map_put(v->by_name, o->name, sizeof(o->name), o) < 0) {
		free(o);
		return NULL;
	}
	bk_list_append(&v->all, &o->link);
	return o;
}

int bk_voices_hear(
	struct bk_voices *v, const struct bk_remark *post, enum bk_doubt *ret_doubt, uint64_t *ret_count)
{
	uint8_t name[BK_SIGN_KEY_LEN + sizeof(uint64_t)];
	struct voice *o;

	*ret_doubt = BK_DOUBT_NONE;
	memcpy(name, post->key, BK_SIGN_KEY_LEN);
	memcpy(name + BK_SIGN_KEY_LEN, &post->sitting, sizeof(post->sitting));
	o = bk_map_get(v->by_name, name, sizeof(name));
	if (o && post->counter <= o->counter) {
		*ret_doubt = BK_DOUBT_REPLAYED;
		return 0;
	}
	if (o && post->counter > o->counter + 1 && o->era == v->era) {
		*ret_doubt = BK_DOUBT_DROPPED;
		*ret_count = post->counter - o->counter - 1;
	}
	if (!o)
		o = add(v, name);
	if (!o)
		return BK_E_NOMEM;
	bk_list_remove(&o->link);
	bk_list_append(&v->all, &o->link);
	o->counter = post->counter;
	o->era = v->era;
	return 0;
}
