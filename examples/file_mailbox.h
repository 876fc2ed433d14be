/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_FILE_MAILBOX_H
#define EXAMPLES_FILE_MAILBOX_H

#include <bodkin/mailbox.h>

/* A folder as a mailbox: one that both machines share, or two whose files somebody carries from one to the
 * other. For the nameplate N it holds
 *
 *   N.left     what the one who made the code left (N.taken, once it was claimed here)
 *   N.aI N.bI  mail I of the maker, of the other one
 *   N.abye     the maker is done; N.bbye
 */
struct file_mailbox;

/* folder must stay; `view` is what every box tells beside the mail, and is copied. */
int file_mailbox_new(
	const char *folder, const struct bk_mailbox_view *view, struct file_mailbox **ret_mailbox);
void file_mailbox_free(struct file_mailbox *m); /* after its boxes; NULL is fine */
struct bk_mailbox file_mailbox_as_mailbox(struct file_mailbox *m);

#endif
