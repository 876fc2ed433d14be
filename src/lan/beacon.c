/* SPDX-License-Identifier: Apache-2.0 */
/* The beacon of a LAN without a server. It is said a few times soon and then seldom: who comes later asks, and is
 * answered at once and alone. The tag tells who does not know the name nothing that lasts beyond the minute. The
 * minute stands in the beacon, because two machines on a cable may have no common clock. A number has few digits,
 * so who listens can find it by trying; the words, which nobody could do without, are not in it.
 *
 * Anybody on the LAN can forge any of it. So what is heard costs a comparison, or one hash of a few a second; an
 * answer is as long as its question and rationed for each asker and for all; and of what is found few places are
 * told. */
#include "lan/beacon.h"

#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "wire/cursor.h"

enum { TYPE_HERE = 1, TYPE_WHO = 2, TYPE_PASSED = 3 /* a question, and where it came from */ };
enum { BY_ADDRESS = 1, FOREMOST = 2 }; /* of a question: it went to one machine, not to all; of a place */
enum { NOBODY = -1 };                  /* does not wait any more for what was to be told */

static const uint8_t magic[4] = {'b', 'k', 'L', '1'};

#define EVERY (5 * BK_SEC)

static const bk_dur soon[] = {0, 100 * BK_MS, 400 * BK_MS, 1500 * BK_MS}; /* 0, 0.1, 0.5, 2 s */

enum { SOON = sizeof(soon) / sizeof(soon[0]) };

/* --- names, words and tags --- */

static struct bk_beacon_name name_of(const char *kind, const void *bytes, size_t n)
{
	struct bk_beacon_name name;

	crypto_generichash(name.bytes, sizeof(name.bytes), bytes, n, (const uint8_t *)kind, strlen(kind));
	return name;
}

struct bk_beacon_name bk_beacon_name_of_number(uint32_t number)
{
	uint8_t bytes[4];
	struct bk_writer w;

	bk_writer_init(&w, bytes, sizeof(bytes));
	bk_write_u32(&w, number);
	return name_of("bodkin lan code number", bytes, sizeof(bytes));
}

struct bk_beacon_name bk_beacon_name_of_secret(const void *secret, size_t n)
{
	return name_of("bodkin lan meeting secret", secret, n);
}

struct bk_beacon_name bk_beacon_name_of_group(const void *secret, size_t n)
{
	return name_of("bodkin lan group", secret, n);
}

struct bk_beacon_word bk_beacon_word_of_server(
	const void *secret, size_t n, const uint8_t key[BK_BEACON_KEY_LEN], bool is_foremost)
{
	const char *label = is_foremost ? "bodkin lan server" : "bodkin lan board";
	struct bk_beacon_word word = {.is_foremost = is_foremost};
	crypto_generichash_state hash;

	crypto_generichash_init(&hash, secret, n, sizeof(word.bytes));
	crypto_generichash_update(&hash, (const uint8_t *)label, strlen(label));
	crypto_generichash_update(&hash, key, BK_BEACON_KEY_LEN);
	crypto_generichash_final(&hash, word.bytes, sizeof(word.bytes));
	return word;
}

static uint32_t minute_at(const struct bk_beacon *b, bk_time now)
{
	return (uint32_t)((b->wall + now) / (60 * BK_SEC));
}

static void compute(const struct bk_beacon_name *name, uint32_t minute, struct bk_beacon_tag *tag)
{
	uint8_t bytes[4];
	struct bk_writer w;

	bk_writer_init(&w, bytes, sizeof(bytes));
	bk_write_u32(&w, minute);
	tag->minute = minute;
	crypto_generichash(
		tag->bytes, sizeof(tag->bytes), bytes, sizeof(bytes), name->bytes, sizeof(name->bytes));
}

/* Of this minute. */
static const struct bk_beacon_tag *tag_of(const struct bk_beacon *b, struct bk_beacon_known *k, bk_time now)
{
	uint32_t minute = minute_at(b, now);

	if (k->own.minute != minute)
		compute(&k->name, minute, &k->own);
	return &k->own;
}

/* Hashes for other minutes than ours are what a flood could have us work for; it must not be in the way of those who
 * have our minute. */
static bool is_of(
	struct bk_beacon *b, struct bk_beacon_known *k, const struct bk_beacon_tag *tag, bk_time now)
{
	const struct bk_beacon_tag *own = tag_of(b, k, now);

	if (own->minute == tag->minute)
		return !memcmp(own->bytes, tag->bytes, sizeof(tag->bytes));
	if (k->foreign.minute != tag->minute) {
		if (!bk_rate_take(&b->hashes, 1, now))
			return false;
		compute(&k->name, tag->minute, &k->foreign);
	}
	return !memcmp(k->foreign.bytes, tag->bytes, sizeof(tag->bytes));
}

/* --- what is to be done --- */

static void push(struct bk_beacon *b, const struct bk_beacon_action *a)
{
	if (b->queue_len == BK_BEACON_QUEUE_MAX) /* lost, as any datagram */
		return;
	b->queue[(b->queue_head + b->queue_len++) % BK_BEACON_QUEUE_MAX] = *a;
}

bool bk_beacon_next(struct bk_beacon *b, struct bk_beacon_action *ret_action)
{
	while (b->queue_len) {
		*ret_action = b->queue[b->queue_head];
		b->queue_head = (b->queue_head + 1) % BK_BEACON_QUEUE_MAX;
		b->queue_len--;
		if (ret_action->id != NOBODY)
			return true;
	}
	return false;
}

/* What a beacon says. */
struct saying {
	uint8_t type, flags;
	uint16_t port;
	struct bk_beacon_tag tag;
	uint8_t id[BK_BEACON_ID_LEN]; /* of who says it first */
	struct bk_addr asker;         /* of what is passed on */
	bool has_word;                /* of a place */
	struct bk_beacon_word word;
};

static size_t encode(const struct saying *s, uint8_t *out, size_t size)
{
	struct bk_writer w;

	bk_writer_init(&w, out, size);
	bk_write_bytes(&w, magic, sizeof(magic));
	bk_write_u8(&w, s->type);
	bk_write_u8(&w, s->flags);
	bk_write_u16(&w, s->port);
	bk_write_u32(&w, s->tag.minute);
	bk_write_bytes(&w, s->tag.bytes, sizeof(s->tag.bytes));
	bk_write_bytes(&w, s->id, sizeof(s->id));
	if (s->type == TYPE_PASSED) {
		bk_write_u8(&w, s->asker.family);
		bk_write_bytes(&w, s->asker.ip, sizeof(s->asker.ip));
		bk_write_u16(&w, s->asker.port);
		bk_write_u32(&w, s->asker.scope);
	}
	if (s->has_word)
		bk_write_bytes(&w, s->word.bytes, sizeof(s->word.bytes));
	bk_assert(!w.error);
	return bk_writer_len(&w);
}

static int decode(const uint8_t *data, size_t len, struct saying *ret)
{
	uint8_t head[sizeof(magic)];
	struct bk_reader r;

	*ret = (struct saying){0};
	bk_reader_init(&r, data, len);
	bk_read_bytes(&r, head, sizeof(head));
	ret->type = bk_read_u8(&r);
	ret->flags = bk_read_u8(&r);
	ret->port = bk_read_u16(&r);
	ret->tag.minute = bk_read_u32(&r);
	bk_read_bytes(&r, ret->tag.bytes, sizeof(ret->tag.bytes));
	bk_read_bytes(&r, ret->id, sizeof(ret->id));
	if (ret->type == TYPE_PASSED) {
		ret->asker.family = bk_read_u8(&r);
		bk_read_bytes(&r, ret->asker.ip, sizeof(ret->asker.ip));
		ret->asker.port = bk_read_u16(&r);
		ret->asker.scope = bk_read_u32(&r);
	}
	ret->has_word = ret->type == TYPE_HERE && len >= BK_BEACON_LEN + BK_BEACON_WORD_LEN;
	if (ret->has_word)
		bk_read_bytes(&r, ret->word.bytes, sizeof(ret->word.bytes));
	ret->word.is_foremost = ret->has_word && ret->flags & FOREMOST;
	return r.error < 0 || memcmp(head, magic, sizeof(magic)) != 0 ? BK_E_MALFORMED : 0;
}

/* host NULL: a question. */
static void send(struct bk_beacon *b, const struct bk_beacon_host *host, const struct bk_beacon_tag *tag,
	const struct bk_addr *to)
{
	struct bk_beacon_action a = {.what = BK_BEACON_SEND};
	struct saying s = {.type = host ? TYPE_HERE : TYPE_WHO, .tag = *tag};

	if (host) {
		s.port = host->port;
		s.flags = host->word.is_foremost ? FOREMOST : 0;
		s.has_word = host->has_word;
		s.word = host->word;
	}
	if (to)
		a.addr = *to;
	memcpy(s.id, b->id, sizeof(s.id));
	a.len = encode(&s, a.data, sizeof(a.data));
	push(b, &a);
}

static void announce(struct bk_beacon *b, struct bk_beacon_host *h, bk_time now)
{
	send(b, h, tag_of(b, &h->known, now), NULL);
}

static void inquire(struct bk_beacon *b, struct bk_beacon_seek *s, bk_time now)
{
	send(b, NULL, tag_of(b, &s->known, now), NULL);
}

void bk_beacon_question(struct bk_beacon *b, int id, bk_time now, uint8_t out[BK_BEACON_LEN])
{
	struct saying s = {
		.type = TYPE_WHO, .flags = BY_ADDRESS, .tag = *tag_of(b, &b->seeks[id].known, now)};

	memcpy(s.id, b->id, sizeof(s.id));
	encode(&s, out, BK_BEACON_LEN);
}

/* --- time --- */

static void begin(struct bk_beacon_schedule *s, bk_time now)
{
	*s = (struct bk_beacon_schedule){.next = now};
}

static bool is_due(struct bk_beacon_schedule *s, bk_time now)
{
	if (s->next > now)
		return false;
	s->step++;
	s->next = now + (s->step < SOON ? soon[s->step] : EVERY);
	return true;
}

static void end_seek(struct bk_beacon *b, struct bk_beacon_seek *s)
{
	const struct bk_beacon_action over = {.what = BK_BEACON_OVER, .id = (int)(s - b->seeks)};

	s->is_used = false;
	push(b, &over);
}

void bk_beacon_on_time(struct bk_beacon *b, bk_time now)
{
	for (size_t i = 0; i < BK_BEACON_HOSTS_MAX; i++)
		if (b->hosts[i].is_used && is_due(&b->hosts[i].schedule, now))
			announce(b, &b->hosts[i], now);
	for (size_t i = 0; i < BK_BEACON_SEEKS_MAX; i++) {
		struct bk_beacon_seek *s = &b->seeks[i];

		if (s->is_used && s->until <= now && b->queue_len < BK_BEACON_QUEUE_MAX)
			end_seek(b, s);
		else if (s->is_used && is_due(&s->schedule, now))
			inquire(b, s, now);
	}
}

bk_time bk_beacon_wake(const struct bk_beacon *b)
{
	bk_time wake = BK_NEVER;

	for (size_t i = 0; i < BK_BEACON_HOSTS_MAX; i++)
		if (b->hosts[i].is_used)
			wake = bk_time_min(wake, b->hosts[i].schedule.next);
	for (size_t i = 0; i < BK_BEACON_SEEKS_MAX; i++)
		if (b->seeks[i].is_used)
			wake = bk_time_min(wake, bk_time_min(b->seeks[i].schedule.next, b->seeks[i].until));
	return wake;
}

/* --- what is heard --- */

static void take_place(struct bk_beacon *b, struct bk_beacon_seek *s, const struct bk_addr *place,
	const struct bk_beacon_word *word)
{
	const struct bk_beacon_action found = {
		.what = BK_BEACON_FOUND, .id = (int)(s - b->seeks), .addr = *place, .word = *word};
	unsigned of_source = 0;

	for (size_t i = 0; i < s->places_len; i++) {
		if (bk_addr_equal(&s->places[i], place))
			return;
		of_source += bk_addr_equal_ip(&s->places[i], place);
	}
	if (s->places_len == BK_BEACON_PLACES_MAX || of_source == BK_BEACON_OF_SOURCE_MAX ||
		b->queue_len == BK_BEACON_QUEUE_MAX)
		return;
	s->places[s->places_len++] = *place;
	push(b, &found);
}

static void hear_here(
	struct bk_beacon *b, const struct saying *here, const struct bk_addr *place, bk_time now)
{
	for (size_t i = 0; i < BK_BEACON_SEEKS_MAX; i++) {
		struct bk_beacon_seek *s = &b->seeks[i];

		if (s->is_used && is_of(b, &s->known, &here->tag, now))
			take_place(b, s, place, &here->word);
	}
}

/* Who asks much takes the place of who asked longest ago. */
static bool may_answer(struct bk_beacon *b, const struct bk_addr *from, bk_time now)
{
	struct bk_beacon_source *of = &b->sources[0];

	for (size_t i = 0; i < BK_BEACON_SOURCES_MAX; i++) {
		struct bk_beacon_source *s = &b->sources[i];

		if (bk_addr_equal_ip(&s->addr, from)) {
			of = s;
			break;
		}
		if (s->answers.last < of->answers.last)
			of = s;
	}
	if (!bk_addr_equal_ip(&of->addr, from)) {
		of->addr = *from;
		bk_rate_init(&of->answers, 10, 20, now);
	}
	return bk_rate_take(&of->answers, 1, now) && bk_rate_take(&b->answers, 1, now);
}

/* False: nothing of that name is kept here. */
static bool hear_who(
	struct bk_beacon *b, const struct bk_beacon_tag *tag, const struct bk_addr *from, bk_time now)
{
	bool is_ours = false;

	for (size_t i = 0; i < BK_BEACON_HOSTS_MAX; i++) {
		struct bk_beacon_host *h = &b->hosts[i];

		if (!h->is_used || !is_of(b, &h->known, tag, now))
			continue;
		is_ours = true;
		if (may_answer(b, from, now))
			send(b, h, tag, from);
	}
	return is_ours;
}

/* Programs of one machine share the port: what is said to all reaches each of them, what is said to one address only
 * one, and always the same one. */
static void pass(struct bk_beacon *b, const struct saying *question, const struct bk_addr *from, bk_time now)
{
	struct bk_beacon_action a = {.what = BK_BEACON_PASS};
	struct saying s = *question;

	if (!bk_rate_take(&b->passes, 1, now))
		return;
	s.type = TYPE_PASSED;
	s.asker = *from;
	a.len = encode(&s, a.data, sizeof(a.data));
	push(b, &a);
}

void bk_beacon_on_datagram(
	struct bk_beacon *b, const struct bk_addr *from, const uint8_t *data, size_t len, bk_time now)
{
	struct saying s;

	if (decode(data, len, &s) < 0 || !memcmp(s.id, b->id, sizeof(s.id)))
		return;
	if (s.type == TYPE_HERE && s.port) {
		const struct bk_addr place = bk_addr_with_port(*from, s.port);

		hear_here(b, &s, &place, now);
	} else if (s.type == TYPE_WHO && from->port) {
		if (!hear_who(b, &s.tag, from, now) && s.flags & BY_ADDRESS)
			pass(b, &s, from, now);
	} else if (s.type == TYPE_PASSED && bk_addr_is_loopback(from) && s.asker.port &&
		   (s.asker.family == 4 || s.asker.family == 6)) {
		hear_who(b, &s.tag, &s.asker, now);
	}
}

/* --- what the owner wants --- */

void bk_beacon_init(struct bk_beacon *b, const uint8_t id[BK_BEACON_ID_LEN], bk_time wall, bk_time now)
{
	*b = (struct bk_beacon){.wall = wall - now};
	memcpy(b->id, id, sizeof(b->id));
	bk_rate_init(&b->hashes, 200, 200, now);
	bk_rate_init(&b->answers, 100, 100, now);
	bk_rate_init(&b->passes, 20, 40, now);
}

int bk_beacon_host(struct bk_beacon *b, const struct bk_beacon_name *name, const struct bk_beacon_word *word,
	uint16_t port, bk_time now)
{
	for (int i = 0; i < BK_BEACON_HOSTS_MAX; i++) {
		struct bk_beacon_host *h = &b->hosts[i];

		if (h->is_used)
			continue;
		*h = (struct bk_beacon_host){.is_used = true, .known.name = *name, .port = port};
		h->has_word = word;
		if (word)
			h->word = *word;
		begin(&h->schedule, now);
		return i;
	}
	return BK_E_FULL;
}

void bk_beacon_tell(struct bk_beacon *b, int id, const struct bk_addr *to, bk_time now)
{
	struct bk_beacon_host *h = &b->hosts[id];

	if (may_answer(b, to, now))
		send(b, h, tag_of(b, &h->known, now), to);
}

void bk_beacon_hush(struct bk_beacon *b, int id)
{
	b->hosts[id].schedule.next = BK_NEVER;
}

void bk_beacon_forget(struct bk_beacon *b, int id)
{
	b->hosts[id].is_used = false;
}

int bk_beacon_seek(struct bk_beacon *b, const struct bk_beacon_name *name, bk_dur patience, bk_time now)
{
	for (int i = 0; i < BK_BEACON_SEEKS_MAX; i++) {
		struct bk_beacon_seek *s = &b->seeks[i];

		if (s->is_used)
			continue;
		*s = (struct bk_beacon_seek){.is_used = true, .known.name = *name, .until = now + patience};
		begin(&s->schedule, now);
		return i;
	}
	return BK_E_FULL;
}

void bk_beacon_rest(struct bk_beacon *b, int id)
{
	b->seeks[id].is_used = false;
	for (size_t i = 0; i < b->queue_len; i++) {
		struct bk_beacon_action *a = &b->queue[(b->queue_head + i) % BK_BEACON_QUEUE_MAX];

		if (a->what != BK_BEACON_SEND && a->id == id)
			a->id = NOBODY;
	}
}

void bk_beacon_moved(struct bk_beacon *b, bk_time now)
{
	for (size_t i = 0; i < BK_BEACON_HOSTS_MAX; i++)
		if (b->hosts[i].is_used && b->hosts[i].schedule.next != BK_NEVER)
			begin(&b->hosts[i].schedule, now);
	for (size_t i = 0; i < BK_BEACON_SEEKS_MAX; i++)
		if (b->seeks[i].is_used)
			begin(&b->seeks[i].schedule, now);
}
