/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_LIST_H
#define BK_LAB_LIST_H

#include <stdbool.h>

/* Prints the table of scenarios, one row a line: for a person, or each as a JSON object for a test. */
void bk_lab_list_print(bool json);

#endif
