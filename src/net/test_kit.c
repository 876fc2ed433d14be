/* SPDX-License-Identifier: Apache-2.0 */
#include "net/test_kit.h"

#include <dirent.h>
#include <unistd.h>

#include "net/sock.h"

enum { WATCHDOG_SECONDS = 30, BACKLOG = 8 };

struct turns {
	struct bk_loop *loop;
	struct bk_timer *timer;
	int left;
};

struct bk_loop *kit_loop_new(void)
{
	struct bk_loop *loop;

	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &loop), 0);
	return loop;
}

void kit_run(struct bk_loop *loop)
{
	alarm(WATCHDOG_SECONDS);
	assert_int_equal(bk_loop_run(loop), 0);
	alarm(0);
}

static void on_turn(void *arg)
{
	struct turns *t = arg;

	if (t->left-- > 0)
		bk_timer_start(t->timer, 0);
	else
		bk_loop_stop(t->loop);
}

void kit_run_idle(struct bk_loop *loop, int rounds)
{
	struct turns t = {.loop = loop, .left = rounds};

	assert_int_equal(bk_timer_new(loop, on_turn, &t, &t.timer), 0);
	bk_timer_start(t.timer, 0);
	kit_run(loop);
	bk_timer_free(t.timer);
}

struct bk_addr kit_loopback(uint16_t port)
{
	return bk_addr_v4(127, 0, 0, 1, port);
}

int kit_listen(struct bk_addr *ret_addr)
{
	struct bk_addr any = kit_loopback(0);
	int fd;

	assert_int_equal(bk_sock_listen(&any, false, BACKLOG, &fd), 0);
	assert_int_equal(bk_sock_local(fd, ret_addr), 0);
	return fd;
}

int kit_count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}
