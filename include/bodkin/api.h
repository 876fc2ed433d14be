/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_API_H
#define BODKIN_API_H

/* What every public header stands on: BK_API marks what the shared library exports (src/bodkin.exports lists it). */

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
