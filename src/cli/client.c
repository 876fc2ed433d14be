/* SPDX-License-Identifier: Apache-2.0 */
/* From options to a session's options. What this version cannot do is refused here with a clear sentence, so
 * that nobody believes it was done. */
#include "cli/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bodkin/error.h>

#include "cli/log.h"

static int refuse(char text[BK_OPTIONS_TEXT_MAX], const char *act, const char *why)
{
	snprintf(text, BK_OPTIONS_TEXT_MAX, "cannot %s: %s", act, why);
	return BK_E_INVALID;
}

static int check(const struct bk_options *o, const char *act, char text[BK_OPTIONS_TEXT_MAX])
{
	if (o->plain)
		return refuse(
			text, act, "--plain has no encryption, so no file travels over it; leave it out");
	if (!o->server || !*o->server)
		return refuse(text, act,
			"no server is known; give one with -s HOST or $BODKIN_SERVER, or run one: bodkin "
			"serve");
	return 0;
}

static enum bk_path_choice path_of(const char *path)
{
	if (path && !strcmp(path, "direct"))
		return BK_PATH_CHOICE_DIRECT;
	return path && !strcmp(path, "relay") ? BK_PATH_CHOICE_RELAY : BK_PATH_CHOICE_AUTO;
}

static enum bk_transport_choice transport_of(const char *transport)
{
	if (transport && !strcmp(transport, "udp"))
		return BK_TRANSPORT_CHOICE_UDP;
	return transport && !strcmp(transport, "tcp") ? BK_TRANSPORT_CHOICE_TCP : BK_TRANSPORT_CHOICE_AUTO;
}

static int read_token(struct bk_client *c, const char *path, char text[BK_OPTIONS_TEXT_MAX])
{
	int err = path ? bk_paths_read_token(path, &c->token) : 0;

	if (err < 0)
		snprintf(text, BK_OPTIONS_TEXT_MAX, "cannot read token '%.300s': %s", path,
			err == BK_E_FILE ? strerror(errno) : "its first line is empty");
	return err == BK_E_INVALID ? BK_E_FILE : err;
}

int bk_client_init(
	struct bk_client *c, const struct bk_options *o, const char *act, char ret_text[BK_OPTIONS_TEXT_MAX])
{
	enum bk_loop_backend backend = BK_LOOP_AUTO;
	int err = check(o, act, ret_text);

	*c = (struct bk_client){0};
	if (err >= 0)
		err = read_token(c, o->token, ret_text);
	if (err < 0)
		return err;
	if (o->verbosity > 2)
		bk_cli_log_start(o->verbosity > 3 ? BK_LOG_TRACE : BK_LOG_DEBUG);
	if (o->loop)
		(void)bk_loop_backend_from_str(o->loop, &backend);
	err = bk_loop_new(backend, &c->loop);
	if (err < 0) {
		snprintf(ret_text, BK_OPTIONS_TEXT_MAX, "cannot %s: --loop %s: %s", act,
			o->loop ? o->loop : "auto", bk_error_text(err));
		return err;
	}
	c->session = (struct bk_session_opts){
		.server = o->server,
		.code_words = (int)o->words,
		.name = o->name,
		.token = c->token,
		.path = path_of(o->path),
		.transport = transport_of(o->transport),
		.state_dir = bk_paths_state(c->state_dir) < 0 ? NULL : c->state_dir,
		.wait_ns = (int64_t)o->timeout * 1000000000,
	};
	return 0;
}

void bk_client_done(struct bk_client *c)
{
	bk_loop_free(c->loop);
	free(c->token);
}
