/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_API_H
#define BODKIN_API_H

/* What every public header stands on: BK_API marks what the shared library exports (src/bodkin.exports lists it).
 *
 * Options and events, the structs that a program fills in (struct bk_..._opts, struct bk_..._events, struct
 * bk_call_news, struct bk_mailbox_ops), follow one rule. They are copied by the call that takes them, with the
 * strings and structs they point to, so all of it may be gone when that call returns. They begin with `size`: sizeof
 * of the struct, or 0, which leaving it out says too, for the members of its first version. Later versions may
 * have more members at the end; one is read only where `size` says that it is there, and 0 or NULL in it means
 * what was before there was one. So a program works with a newer library as it was built; with an older one,
 * BK_E_UNSUPPORTED says that it uses a member which that does not know. BK_E_INVALID: a size that cannot be.
 *
 * Arguments that are not options: a pointer is borrowed for the call unless its header says otherwise; `arg` is handed
 * back as it came and never looked at; ret_... is set on success only (ret_text on failure only). What
 * a callback is handed is borrowed for its time. Objects, arguments and outputs are not NULL where nothing says
 * that they may be.
 *
 * Structs that the library fills in may have more members at their end too: a program reads them where they
 * are, and makes no copies or arrays of them that the library sees. struct bk_addr, struct bk_message and
 * struct bk_mailbox stay as they are. */

#if defined(__GNUC__)
#define BK_API __attribute__((visibility("default")))
#else
#define BK_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that runs, "MAJOR.MINOR.PATCH"; static, never NULL. From any thread. */
BK_API const char *bk_version(void);

#ifdef __cplusplus
}
#endif
#endif
