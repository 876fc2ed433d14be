/* SPDX-License-Identifier: Apache-2.0 */
/* What the rungs of the ladder share: a server's life from its address to its last connection, a client's
 * first step, and words for people. */
#include "common.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- a server --- */

static void on_stop_signal(void *arg, int signo)
{
	struct server *s = arg;

	(void)signo;
	bk_service_stop(s->service, 0);
}

static void on_stopped(struct bk_service *service, void *arg)
{
	struct server *s = arg;

	(void)service;
	bk_loop_stop(s->loop);
}

/* A port alone means this machine only. */
static void address_of(const char *wish, char address[ADDRESS_MAX])
{
	snprintf(address, ADDRESS_MAX, "%s%s", strchr(wish, ':') ? "" : "127.0.0.1:", wish);
}

/* The first line a server prints; port 0 has become a real one by now. */
static void say_listening(const struct server *s, const char *address)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("listening on %.*s:%u\n", (int)(strrchr(address, ':') - address), address,
		bk_service_port(s->service));
}

static void stop_loop(void *arg, int signo)
{
	(void)signo;
	bk_loop_stop(arg);
}

int run_loop(struct bk_loop *loop, bk_signal_fn on_signal, void *arg)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct bk_signal *watched[3] = {NULL};
	int err = 0;

	if (!on_signal) {
		on_signal = stop_loop;
		arg = loop;
	}
	for (int i = 0; i < 3 && err >= 0; i++)
		err = bk_signal_new(loop, signals[i], on_signal, arg, &watched[i]);
	if (err >= 0)
		err = bk_loop_run(loop);
	if (err < 0)
		complain("cannot run: %s", bk_error_text(err));
	for (int i = 0; i < 3; i++)
		bk_signal_free(watched[i]);
	return err;
}

int serve(int argc, char **argv, const struct bk_message_opts *opts, const struct bk_message_events *events)
{
	struct server s = {0};
	struct bk_message_events ours = *events;
	char address[ADDRESS_MAX], text[BK_SERVICE_TEXT_MAX] = "";
	int code = EXIT_FAILURE, err;

	if (argc != 2)
		return usage("[ADDR:]PORT");
	address_of(argv[1], address);
	ours.on_stopped = on_stopped;
	err = bk_loop_new(BK_LOOP_AUTO, &s.loop);
	if (err >= 0)
		err = bk_service_new(s.loop, address, opts, &ours, &s, &s.service, text);
	if (err < 0) {
		complain("%s", *text ? text : bk_error_text(err));
	} else {
		say_listening(&s, address);
		if (run_loop(s.loop, on_stop_signal, &s) >= 0)
			code = EXIT_SUCCESS;
	}
	bk_service_free(s.service);
	bk_loop_free(s.loop);
	return code;
}

void say_joined(struct bk_conn *c, void *arg)
{
	(void)arg;
	printf("%s joined\n", bk_conn_peer(c));
}

void say_left(struct bk_conn *c, void *arg, int error, const char *text)
{
	(void)arg;
	if (error == 0 || error == BK_E_EOF)
		printf("%s left\n", bk_conn_peer(c));
	else
		printf("%s left: %s\n", bk_conn_peer(c), text);
}

void send_or_close(struct bk_conn *c, const struct bk_message *m)
{
	int err = bk_conn_send(c, m);

	if (err < 0) {
		complain("cannot send to %s: %s", bk_conn_peer(c), bk_error_text(err));
		bk_conn_close(c);
	}
}

/* --- a client --- */

struct bk_conn *dial(struct bk_loop *loop, const char *host, const char *port,
	const struct bk_message_opts *opts, const struct bk_message_events *events, void *arg)
{
	bool is_ipv6 = strchr(host, ':') && *host != '[';
	struct bk_conn *c = NULL;
	char address[ADDRESS_MAX];
	int err = BK_E_INVALID;

	if (snprintf(address, sizeof(address), is_ipv6 ? "[%s]:%s" : "%s:%s", host, port) < ADDRESS_MAX)
		err = bk_conn_connect(loop, address, opts, events, arg, &c);
	if (err < 0)
		complain("cannot connect to '%s' port '%s': %s", host, port,
			err == BK_E_INVALID ? "a host and a port from 1 to 65535, please"
					    : bk_error_text(err));
	return c;
}

/* --- words --- */

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

int usage(const char *words)
{
	fprintf(stderr, "usage: %s %s\n", program_invocation_short_name, words);
	return 2;
}

void print_clean(FILE *f, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char byte = (unsigned char)text[i];
		unsigned char next = i + 1 < n ? (unsigned char)text[i + 1] : 0;

		if (byte == 0xc2 && next >= 0x80 && next < 0xa0) { /* U+0080 to U+009F */
			fputc('?', f);
			i++;
		} else {
			fputc(byte < 0x20 || byte == 0x7f ? '?' : byte, f);
		}
	}
}

bool read_number(const char *text, long min, long max, long *ret_number)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < min || n > max)
		return false;
	*ret_number = n;
	return true;
}
