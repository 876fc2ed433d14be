/* SPDX-License-Identifier: Apache-2.0 */
/* Colours are said outright instead of inverted: what a theme calls black may be anything, and a scanner wants dark on
 * light with a light margin, of which two squares are enough on a screen. */
#include "cli/qr.h"

#include <qrencode.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MARGIN = 2, CELL_MAX = 3 /* bytes of a half block */ };

static const char begin[] = "\033[38;5;16;48;5;231m", end[] = "\033[0m\n";

/* The smallest, and of those that are no larger the one that bears most. */
static QRcode *encode(const char *text)
{
	static const QRecLevel better[] = {QR_ECLEVEL_M, QR_ECLEVEL_Q, QR_ECLEVEL_H};
	QRcode *best = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);

	for (size_t i = 0; best && i < sizeof(better) / sizeof(better[0]); i++) {
		QRcode *other = QRcode_encodeString8bit(text, 0, better[i]);

		if (!other || other->width > best->width) {
			QRcode_free(other);
			break;
		}
		QRcode_free(best);
		best = other;
	}
	return best;
}

static bool is_dark(const QRcode *code, int x, int y)
{
	x -= MARGIN;
	y -= MARGIN;
	return x >= 0 && y >= 0 && x < code->width && y < code->width && code->data[y * code->width + x] & 1;
}

static char *draw(const QRcode *code)
{
	static const char *const cells[] = {" ", "▀", "▄", "█"};
	int side = code->width + 2 * MARGIN;
	char *out = malloc((size_t)(side + 1) * ((size_t)side * CELL_MAX + sizeof(begin) + sizeof(end))),
	     *at = out;

	for (int y = 0; out && y < side; y += 2) {
		at = stpcpy(at, begin);
		for (int x = 0; x < side; x++)
			at = stpcpy(at, cells[is_dark(code, x, y) + 2 * is_dark(code, x, y + 1)]);
		at = stpcpy(at, end);
	}
	return out;
}

char *bk_cli_qr_draw(const char *text, unsigned columns, unsigned rows, char ret_why[128])
{
	QRcode *code = encode(text);
	unsigned side = code ? (unsigned)code->width + 2 * MARGIN : 0;
	char *out = NULL;

	if (!code)
		snprintf(ret_why, 128, "there is too much to be said");
	else if (side > columns || (side + 1) / 2 + 1 > rows)
		snprintf(ret_why, 128, "it takes %u columns and %u rows, and there are %u and %u", side,
			(side + 1) / 2 + 1, columns, rows);
	else
		out = draw(code);
	QRcode_free(code);
	return out;
}
