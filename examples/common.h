/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <bodkin/service.h>

/* What every server and every client of the ladder has in common. */

enum { ADDRESS_MAX = 300 };

/* A running server: the argument of all its callbacks. */
struct server {
	struct bk_loop *loop;
	struct bk_service *service;
};

/* The main function of a server: listens on [ADDR:]PORT, says where, serves until SIGINT or SIGTERM. Returns
 * the exit code. on_stopped of `events` is its own business. */
int serve(int argc, char **argv, const struct bk_message_opts *opts, const struct bk_message_events *events);

/* The joining and the leaving of a connection, in a line each: for the events of a server. */
void say_joined(struct bk_conn *c, void *arg);
void say_left(struct bk_conn *c, void *arg, int error, const char *text);

/* Runs the loop until it is stopped. SIGINT, SIGTERM and SIGHUP call on_signal; where that is NULL, they stop
 * it. Complains on failure. */
int run_loop(struct bk_loop *loop, bk_signal_fn on_signal, void *arg);

/* Sends or ends: a peer that lets its queue fill up, because it does not read, is sent away. */
void send_or_close(struct bk_conn *c, const struct bk_message *m);

/* Starts connecting to HOST PORT; says in one line why it cannot, and returns NULL. */
struct bk_conn *dial(struct bk_loop *loop, const char *host, const char *port,
	const struct bk_message_opts *opts, const struct bk_message_events *events, void *arg);

/* "PROGRAM: what failed": one line on standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The line for who starts a program with the wrong words; returns its exit code. */
int usage(const char *words);

/* Text from a stranger, without what would command the terminal. */
void print_clean(FILE *f, const char *text, size_t n);

/* A whole number within bounds, and nothing behind it. */
bool read_number(const char *text, long min, long max, long *ret_number);

#endif
