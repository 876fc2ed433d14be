/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_DEVICE_LIST_H
#define BK_CLI_DEVICE_LIST_H

#include "cli/devices.h"

/* The list of devices: as a table for a person, as events for a script. Listed is who says that he is present, and,
 * behind them, who is remembered and away. */

/* Lines without their ends, the first one the heads of the columns; columns are left out until the widest line fits (0:
 * nothing is left out). Each is malloc'ed, and so is the array. *ret_n 0: nobody to list, or no memory. */
char **bk_cli_device_list_lines(const struct bk_cli_devices *d, unsigned columns, size_t *ret_n);
void bk_cli_device_list_free(char **lines, size_t n);

/* `presence` of one; and of everybody who is listed. */
void bk_cli_device_list_tell(const struct bk_cli_report *r, const struct bk_cli_device *device);
void bk_cli_device_list_tell_all(const struct bk_cli_report *r, const struct bk_cli_devices *d);

/* For a person's line: "NAME is here: Full Cone, 192.168.1.7, receives". */
void bk_cli_device_list_say(struct bk_cli_report *r, const struct bk_cli_device *device);

#endif
