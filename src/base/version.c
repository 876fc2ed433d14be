/* SPDX-License-Identifier: Apache-2.0 */
/* The version has one source: meson.build. */
#include <bodkin/api.h>

const char *bk_version(void)
{
	return BODKIN_VERSION;
}
