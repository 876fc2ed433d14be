/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_CMD_MATRIX_H
#define BK_LAB_CMD_MATRIX_H

/* `bodkin lab matrix`, argv[0] being "matrix": its exit code. */
int bk_lab_matrix_main(int argc, char **argv);

#endif
