/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that does not answer, for LD_PRELOAD: a folder is read on only once there is a file $GATE. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct dirent64 *readdir64(DIR *d)
{
	static struct dirent64 *(*real)(DIR *);
	const char *path = getenv("GATE");

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "readdir64");
	while (path && access(path, F_OK) < 0)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return real(d);
}
