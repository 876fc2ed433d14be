/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/window.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define COLUMNS 80

int bk_lab_window_columns(int fd)
{
	struct winsize size = {0};
	const char *told = getenv("COLUMNS");

	if (told && atoi(told) > 0)
		return atoi(told);
	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS;
}

void bk_lab_window_fold(const char *text, int columns, int margin, FILE *f)
{
	int at = 0;

	while (*text) {
		int blanks = (int)strspn(text, " "), n = (int)strcspn(text + blanks, " ");

		if (at && at + blanks + n > columns) {
			fprintf(f, "\n%*s", margin, "");
			at = margin;
			blanks = 0;
		}
		fprintf(f, "%*s%.*s", blanks, "", n, text + strspn(text, " "));
		at += blanks + n;
		text += strspn(text, " ") + (size_t)n;
	}
	fputc('\n', f);
}
