/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

void bk_cli_descriptors_reserve(unsigned n)
{
	struct rlimit limit;
	int any, last;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	any = open("/", O_PATH | O_CLOEXEC);
	last = any < 0 ? -1 : fcntl(any, F_DUPFD_CLOEXEC, (int)(n < limit.rlim_cur ? n : limit.rlim_cur) - 1);
	if (last >= 0)
		close(last);
	if (any >= 0)
		close(any);
}

void bk_cli_descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}
