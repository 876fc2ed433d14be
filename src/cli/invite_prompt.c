/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/invite_prompt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <bodkin/error.h>

enum { LINE_LEN_MAX = 512, CTRL_C = 3, CTRL_D = 4, CTRL_U = 21, DELETE = 127 };

static void put(const char *s)
{
	for (size_t n = strlen(s); n;) {
		ssize_t done = write(STDERR_FILENO, s, n);

		if (done < 0 && errno != EINTR)
			return;
		s += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
}

/* One key. 0: it goes on; 1: that was the line; BK_E_CANCELLED. */
static int take_key(char line[LINE_LEN_MAX], size_t *len, char key)
{
	if (key == '\r' || key == '\n')
		return 1;
	if (key == CTRL_C || (key == CTRL_D && !*len))
		return BK_E_CANCELLED;
	if (key == CTRL_U)
		*len = 0;
	else if (key == DELETE || key == '\b')
		*len -= *len ? 1 : 0;
	else if ((unsigned char)key >= ' ' && *len + 1 < LINE_LEN_MAX)
		line[(*len)++] = key;
	line[*len] = 0;
	return 0;
}

/* BK_E_CANCELLED: the person wants none. */
static int read_line(char line[LINE_LEN_MAX])
{
	size_t len = 0;
	int over = 0;
	char key;

	line[0] = 0;
	put("Invite (it is not shown): ");
	while (!over) {
		ssize_t n = read(STDIN_FILENO, &key, 1);

		if (n < 0 && errno == EINTR)
			continue;
		over = n <= 0 ? BK_E_CANCELLED : take_key(line, &len, key);
	}
	put("\n");
	return over < 0 || !len ? BK_E_CANCELLED : 0;
}

int bk_cli_invite_prompt(char ret_invite[BK_GROUP_INVITE_MAX])
{
	char line[LINE_LEN_MAX], why[BK_GROUP_SENTENCE_MAX];
	struct termios before, silent;
	int err = tcgetattr(STDIN_FILENO, &before) < 0 ? BK_E_CANCELLED : 0;

	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
	silent.c_cc[VMIN] = 1;
	silent.c_cc[VTIME] = 0;
	if (err >= 0 && tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) < 0)
		return BK_E_CANCELLED;
	while (err >= 0) {
		err = read_line(line);
		if (err < 0 || bk_group_invite_check(line, ret_invite, why) >= 0)
			break;
		put(why);
		put("\n");
	}
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	memset(line, 0, sizeof(line));
	return err;
}
