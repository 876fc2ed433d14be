/* SPDX-License-Identifier: Apache-2.0 */
/* The frame around whatever two machines do. It refuses to know what that is. */
#include "call/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/opts.h"
#include "base/text.h"

void bk_call_trim(char *s)
{
	size_t n = strlen(s), at = n, need = 1;

	while (at && n - at < 3 && ((unsigned char)s[at - 1] & 0xc0) == 0x80)
		at--;
	if (!at)
		return;
	if ((unsigned char)s[at - 1] >= 0xc0)
		need = (unsigned char)s[at - 1] >= 0xf0 ? 4 : (unsigned char)s[at - 1] >= 0xe0 ? 3 : 2;
	if (n - at + 1 < need)
		s[at - 1] = 0;
}

const char *bk_call_harmless(char *out, size_t max, const char *text)
{
	snprintf(out, max, "%s", text ? text : "");
	bk_call_trim(out);
	bk_text_sanitize(out);
	return out;
}

/* --- the verdict --- */

bool bk_call_vdecide(struct bk_call *c, int error, enum bk_call_who who, const char *fmt, va_list ap)
{
	bk_assert(error < 0);
	if (c->error)
		return false;
	c->error = who == BK_CALL_WHO_PEER && error == BK_E_CANCELLED ? BK_E_PEER_CANCELLED : error;
	c->who = who;
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	bk_call_trim(c->text);
	bk_text_sanitize(c->text);
	return true;
}

bool bk_call_decide(struct bk_call *c, int error, enum bk_call_who who, const char *fmt, ...)
{
	va_list ap;
	bool is_first;

	va_start(ap, fmt);
	is_first = bk_call_vdecide(c, error, who, fmt, ap);
	va_end(ap);
	return is_first;
}

void bk_call_add(struct bk_call *c, const char *more)
{
	size_t n = strlen(c->text);

	snprintf(c->text + n, sizeof(c->text) - n, "%s", more);
	bk_call_trim(c->text);
}

struct bk_call_failure bk_call_failure(const struct bk_call *c)
{
	return (struct bk_call_failure){.error = c->error,
		.text = c->text,
		.who = c->who,
		.has_code = c->has_code,
		.has_peer = c->has_peer};
}

/* Whose an error of the session is: before the two have met it is the server's, unless it is about the code
 * or about us. */
static enum bk_call_who who_of(const struct bk_call *c, int error)
{
	switch (error) {
	case BK_E_CANCELLED:
	case BK_E_INVALID:
	case BK_E_NOMEM:
	case BK_E_INTERNAL:
		return BK_CALL_WHO_HERE;
	case BK_E_PEER_REFUSED:
	case BK_E_PEER_CANCELLED:
		return BK_CALL_WHO_PEER;
	case BK_E_NO_SUCH_PEER:
	case BK_E_WRONG_CODE:
	case BK_E_CODE_USED:
	case BK_E_WRONG_KEY:
	case BK_E_NOT_FOUND:
	case BK_E_CRYPTO:
	case BK_E_NO_PATH:
	case BK_E_PEER_VANISHED:
		return BK_CALL_WHO_BETWEEN;
	case BK_E_FILE:
	case BK_E_NO_SPACE:
	case BK_E_EXISTS:
		if (c->has_peer)
			return BK_CALL_WHO_PEER;
		break;
	case BK_E_TIMEOUT:
		if (c->has_code)
			return BK_CALL_WHO_BETWEEN; /* nobody came with it */
		break;
	}
	return c->has_peer ? BK_CALL_WHO_BETWEEN : BK_CALL_WHO_SERVER;
}

/* --- what the session tells --- */

static void on_code(struct bk_session *session, void *arg, const char *code)
{
	struct bk_call *c = arg;

	(void)session;
	c->has_code = true;
	if (c->news.on_code)
		c->news.on_code(c, c->arg, code);
}

static void on_peer(struct bk_session *session, void *arg, const struct bk_peer *peer)
{
	struct bk_call *c = arg;
	char id[BK_CALL_NAME_MAX], nat[BK_CALL_NAME_MAX];
	const struct bk_peer safe = {
		.id = bk_call_harmless(id, sizeof(id), peer->id),
		.name = bk_call_harmless(c->peer_name, sizeof(c->peer_name), peer->name),
		.nat = bk_call_harmless(nat, sizeof(nat), peer->nat),
	};

	(void)session;
	c->has_peer = true;
	if (c->news.on_peer)
		c->news.on_peer(c, c->arg, &safe);
}

static void on_path(struct bk_session *session, void *arg, const struct bk_path *path)
{
	struct bk_call *c = arg;

	(void)session;
	if (c->news.on_path)
		c->news.on_path(c, c->arg, path);
}

static void on_note(struct bk_session *session, void *arg, int verbosity, const char *text)
{
	struct bk_call *c = arg;
	char safe[BK_CALL_TEXT_MAX];

	(void)session;
	bk_call_harmless(safe, sizeof(safe), text);
	if (verbosity < 0 && !strcmp(safe, c->said))
		return;
	if (verbosity < 0)
		strcpy(c->said, safe);
	if (c->news.on_note)
		c->news.on_note(c, c->arg, verbosity, safe);
}

static void on_lost(struct bk_session *session, void *arg, const char *text)
{
	struct bk_call *c = arg;
	char safe[BK_CALL_TEXT_MAX];

	(void)session;
	if (c->news.on_lost)
		c->news.on_lost(c, c->arg, bk_call_harmless(safe, sizeof(safe), text));
}

static void on_open(struct bk_session *session, void *arg)
{
	struct bk_call *c = arg;

	(void)session;
	c->ops->on_open(c->owner);
}

static void on_channel(struct bk_session *session, void *arg, struct bk_channel *channel, const char *kind)
{
	struct bk_call *c = arg;

	(void)session;
	c->ops->on_channel(c->owner, channel, kind);
}

/* A code that the user chose belongs to whoever came first: the other side may have made it already. On failure the
 * session that was refused is still there, and its sentence. */
static bool join_instead(struct bk_call *c, int error)
{
	struct bk_session *refused = c->session;

	if (error != BK_E_EXISTS || !c->opts.code_wish || c->opts.shared_code || c->error)
		return false;
	c->opts.code = c->opts.code_wish;
	c->opts.code_wish = NULL;
	if (bk_call_start(c, c->ops, c->owner) < 0)
		return false;
	bk_session_free(refused);
	return true;
}

/* What the other side says of its end, in the words of who does something with it. */
static const char *explain_bye(
	const struct bk_call *c, int error, const char *text, char out[BK_CALL_TEXT_MAX])
{
	if (error == BK_E_PEER_REFUSED)
		return BK_CALL_NO_PART;
	if (error != BK_E_PEER_CANCELLED)
		return text;
	snprintf(out, BK_CALL_TEXT_MAX, "%s cancelled", c->peer_name[0] ? c->peer_name : "the other side");
	return out;
}

static void on_closed(struct bk_session *session, void *arg, int error, const char *text)
{
	struct bk_call *c = arg;
	bool is_peers = bk_session_is_peers_word(session);
	char bye[BK_CALL_TEXT_MAX];

	if (join_instead(c, error))
		return;
	if (error)
		bk_call_decide(c, error, is_peers ? BK_CALL_WHO_PEER : who_of(c, error), "%s",
			is_peers ? explain_bye(c, error, text, bye) : text);
	c->ops->on_end(c->owner, error);
}

static const struct bk_session_events session_events = {
	.size = sizeof(session_events),
	.on_code = on_code,
	.on_peer = on_peer,
	.on_path = on_path,
	.on_open = on_open,
	.on_channel = on_channel,
	.on_note = on_note,
	.on_closed = on_closed,
	.on_lost = on_lost,
};

/* --- life --- */

static int copy_strings(struct bk_call *c)
{
	const char **const strings[] = {&c->opts.server, &c->opts.code, &c->opts.code_wish, &c->opts.name,
		&c->opts.token, &c->opts.state_dir, &c->opts.lan, &c->opts.lan_peer, &c->opts.key_dir};

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		if (!*strings[i])
			continue;
		c->strings[i] = strdup(*strings[i]);
		*strings[i] = c->strings[i];
		if (!c->strings[i])
			return BK_E_NOMEM;
	}
	return 0;
}

static int copy_mailbox(struct bk_call *c, const struct bk_mailbox *mailbox)
{
	c->mailbox = (struct bk_mailbox){.ops = &c->mailbox_ops, .arg = mailbox->arg};
	c->opts.mailbox = &c->mailbox;
	return bk_opts_read(&c->mailbox_ops, mailbox->ops, yield_port);
}

int bk_call_init(struct bk_call *c, struct bk_loop *loop, const struct bk_session_opts *opts,
	const struct bk_call_news *news, void *arg)
{
	int err;

	*c = (struct bk_call){.loop = loop, .arg = arg};
	err = bk_opts_read(&c->opts, opts, mailbox);
	if (!err && news)
		err = bk_opts_read(&c->news, news, on_note);
	if (!err && c->opts.mailbox)
		err = copy_mailbox(c, c->opts.mailbox);
	if (!err && c->opts.peer_key)
		c->opts.peer_key = memcpy(c->peer_key, c->opts.peer_key, sizeof(c->peer_key));
	return err < 0 ? err : copy_strings(c);
}

static void on_guest_turn(void *arg)
{
	struct bk_call *c = arg;

	if (c->is_guest_ending) {
		c->ops->on_end(c->owner, c->guest_error);
		return;
	}
	c->ops->on_open(c->owner);
}

int bk_call_init_guest(struct bk_call *c, struct bk_loop *loop, struct bk_session *session, const char *peer,
	const struct bk_call_news *news, void *arg)
{
	*c = (struct bk_call){.loop = loop,
		.arg = arg,
		.session = session,
		.is_guest = true,
		.has_code = true,
		.has_peer = true};
	bk_call_harmless(c->peer_name, sizeof(c->peer_name), peer);
	bk_turn_init(&c->guest_turn, loop, on_guest_turn, c);
	return news ? bk_opts_read(&c->news, news, on_note) : 0;
}

int bk_call_start(struct bk_call *c, const struct bk_call_ops *ops, void *owner)
{
	c->ops = ops;
	c->owner = owner;
	if (c->is_guest) {
		bk_turn_ask(&c->guest_turn);
		return 0;
	}
	return bk_session_new(c->loop, &c->opts, &session_events, c, &c->session);
}

void bk_call_close(struct bk_call *c, int error)
{
	if (!c->is_guest) {
		bk_session_close(c->session, error);
		return;
	}
	if (!c->is_guest_ending)
		c->guest_error = error;
	c->is_guest_ending = true;
	bk_turn_ask(&c->guest_turn);
}

void bk_call_done(struct bk_call *c)
{
	if (!c->is_guest)
		bk_session_free(c->session);
	bk_turn_done(&c->guest_turn);
	c->session = NULL;
	for (size_t i = 0; i < sizeof(c->strings) / sizeof(c->strings[0]); i++)
		free(c->strings[i]);
}

const char *bk_call_server_pin(const struct bk_call *c)
{
	return c && c->session ? bk_session_server_pin(c->session) : NULL;
}

bool bk_call_is_joiner(const struct bk_call *c)
{
	return c->opts.code;
}

void bk_call_explain(
	int error, const char *act, const struct bk_session_opts *opts, char ret_text[BK_CALL_TEXT_MAX])
{
	const char *code = !opts ? NULL : opts->code ? opts->code : opts->code_wish;

	if (ret_text[0])
		return;
	if (error == BK_E_INVALID && opts && !opts->server && opts->lan_peer)
		snprintf(ret_text, BK_CALL_TEXT_MAX, "cannot %s: peer '%.200s' is not HOST[:PORT]", act,
			opts->lan_peer);
	else if (error == BK_E_INVALID)
		snprintf(ret_text, BK_CALL_TEXT_MAX,
			"cannot %s: server '%s'%s%s%s cannot be read; a server is HOST[:PORT][#PIN], a code "
			"is like 7-tulip-anchor",
			act, opts && opts->server ? opts->server : "", code ? " or code '" : "",
			code ? code : "", code ? "'" : "");
	else
		snprintf(ret_text, BK_CALL_TEXT_MAX, "cannot %s: %s", act, bk_error_text(error));
}
