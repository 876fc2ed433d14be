/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_QR_H
#define BK_CLI_QR_H

/* A text as a QR code in half blocks, two squares a character, black on white in colours of its own, so that a dark
 * terminal and a light one show the same. As much of it is there twice as costs no size. To be freed.
 * NULL: it does not fit into so many columns and rows, of which the last is the cursor's; ret_why says so. */
char *bk_cli_qr_draw(const char *text, unsigned columns, unsigned rows, char ret_why[128]);

#endif
