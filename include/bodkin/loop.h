/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_LOOP_H
#define BODKIN_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <bodkin/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The event loop: timers, file descriptors and signals over epoll, poll or select behind one interface
 * (libevent). Thread rule: a loop and everything made from it belong to one thread; bk_loop_stop and
 * bk_loop_post may be called from any thread, bk_loop_stop from a signal handler too. Times are nanoseconds
 * on the monotonic clock. */
struct bk_loop;
struct bk_timer;
struct bk_watch;
struct bk_signal;

enum bk_loop_backend { BK_LOOP_AUTO, BK_LOOP_EPOLL, BK_LOOP_POLL, BK_LOOP_SELECT };

/* "auto", "epoll", "poll", "select"; BK_E_INVALID for anything else. From any thread. */
BK_API int bk_loop_backend_from_str(const char *s, enum bk_loop_backend *ret_backend);

/* BK_E_UNSUPPORTED when the system lacks the backend that was asked for; BK_E_NOMEM, BK_E_IO. */
BK_API int bk_loop_new(enum bk_loop_backend backend, struct bk_loop **ret_loop);

/* Everything made from the loop must have been freed before. Ports that the router in front of this machine had
 * opened for its sessions are given back, which may take a second where the router is slow; it takes turns of the
 * loop meanwhile. NULL is fine. */
BK_API void bk_loop_free(struct bk_loop *loop);

/* Runs until bk_loop_stop. BK_E_INVALID from inside itself; BK_E_IO when the multiplexer fails. */
BK_API int bk_loop_run(struct bk_loop *loop);

/* The run ends after the callback that is under way. While nothing runs it has no effect; a thread that
 * cannot know posts a function that stops. */
BK_API void bk_loop_stop(struct bk_loop *loop);

/* From any thread: fn(arg) is called once, in the loop, in the order of posting. `arg` stays the caller's.
 * BK_E_NOMEM. What a stopped loop has not called yet waits for its next run; what waits when the loop is
 * freed is dropped: fn is never called. The loop must not be freed while a thread posts. */
BK_API int bk_loop_post(struct bk_loop *loop, void (*fn)(void *arg), void *arg);

/* For a program that has an event loop already (poll, epoll, GLib): it watches the descriptor for reading,
 * which is all it needs, and whenever that is readable takes a turn with timeout 0.
 *
 * bk_loop_fd: readable when there is something to do, timers, signals and posts included; with every backend.
 * It stays the loop's and the same until bk_loop_free. BK_E_FULL, BK_E_NOMEM; BK_E_IO when something is
 * watched that epoll cannot watch (a file on disk), as bk_watch_set then does too.
 *
 * bk_loop_turn: handles what is ready, waiting for at most timeout_ns until something is (less than 0:
 * without limit), and returns 0; also when nothing was. BK_E_INVALID from inside a turn; BK_E_IO as
 * bk_loop_run. */
BK_API int bk_loop_fd(struct bk_loop *loop);
BK_API int bk_loop_turn(struct bk_loop *loop, int64_t timeout_ns);

/* Nanoseconds on the monotonic clock. */
BK_API int64_t bk_loop_now(const struct bk_loop *loop);
BK_API const char *bk_loop_backend_name(const struct bk_loop *loop); /* what is really used; static */

/* One-shot timer. Starting a running timer moves it; a delay below 0 is 0, and fn is never called from inside
 * bk_timer_start. Freeing stops it, also from inside fn; after that fn is never called. NULL is freed. BK_E_NOMEM. */
typedef void (*bk_timer_fn)(void *arg);
BK_API int bk_timer_new(struct bk_loop *loop, bk_timer_fn fn, void *arg, struct bk_timer **ret_timer);
BK_API void bk_timer_start(struct bk_timer *t, int64_t delay_ns);
BK_API void bk_timer_stop(struct bk_timer *t);
BK_API void bk_timer_free(struct bk_timer *t);

/* Watches a descriptor that stays the caller's. `events` is a set of BK_READABLE, BK_WRITABLE; 0 pauses.
 * A new one is paused; one descriptor has one watch. fn gets what of it is so now, and may free the watch. Free it
 * before the descriptor is closed; NULL is fine. BK_E_FULL for one that select cannot hold (FD_SETSIZE);
 * BK_E_NOMEM; BK_E_IO for one that the backend cannot watch. */
enum { BK_READABLE = 1, BK_WRITABLE = 2 };
typedef void (*bk_watch_fn)(void *arg, int fd, int events);
BK_API int bk_watch_new(struct bk_loop *loop, int fd, bk_watch_fn fn, void *arg, struct bk_watch **ret_watch);
BK_API int bk_watch_set(struct bk_watch *w, int events);
BK_API void bk_watch_free(struct bk_watch *w);

/* Delivers a signal inside the loop, instead of whatever it did; one loop of a process at a time has signals.
 * One that the process ignores (it was started by nohup, or in the background of a shell) stays ignored: fn is
 * never called. fn may free it; NULL is fine. BK_E_NOMEM. */
typedef void (*bk_signal_fn)(void *arg, int signo);
BK_API int bk_signal_new(
	struct bk_loop *loop, int signo, bk_signal_fn fn, void *arg, struct bk_signal **ret_signal);
BK_API void bk_signal_free(struct bk_signal *s);

#ifdef __cplusplus
}
#endif
#endif
