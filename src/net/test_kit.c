/* SPDX-License-Identifier: Apache-2.0 */
#include "net/test_kit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sock.h"

enum { WATCHDOG_SECONDS = 30, BACKLOG = 8, PORTS_FROM = 10000 };

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

/* Below the ports that the system chooses from. */
static uint16_t draw_port(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
	unsigned first, drawn;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &first), 1);
	fclose(f);
	assert_true(first > 2 * PORTS_FROM);
	assert_int_equal(getrandom(&drawn, sizeof(drawn), 0), sizeof(drawn));
	return (uint16_t)(PORTS_FROM + drawn % (first - PORTS_FROM));
}

static bool is_free(int type, const struct bk_addr *at)
{
	struct sockaddr_storage ss;
	socklen_t len = bk_addr_to_sockaddr(at, &ss);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	bool is_bound;

	assert_true(fd >= 0);
	is_bound = bind(fd, (struct sockaddr *)&ss, len) == 0;
	close(fd);
	return is_bound;
}

/* Programs of tests run side by side, and may draw the same one: whose it is says a lock on its byte of a file, until
 * the program ends. */
static bool claim(uint16_t port)
{
	static int fd = -1;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = port, .l_len = 1};

	char path[64];

	snprintf(path, sizeof(path), "/tmp/bodkin-test-ports-%u", (unsigned)getuid());
	if (fd < 0)
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	assert_true(fd >= 0);
	return fcntl(fd, F_SETLK, &lock) == 0;
}

uint16_t kit_quiet_port(void)
{
	struct bk_addr at;

	do
		at = kit_loopback(draw_port());
	while (!claim(at.port) || !is_free(SOCK_STREAM, &at) || !is_free(SOCK_DGRAM, &at));
	return at.port;
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
