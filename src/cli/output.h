/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_OUTPUT_H
#define BK_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/* What the program says while a loop runs: log, events, bar, sentences, errors. Nobody who does not read can
 * stop the loop: a line is queued here and written by a thread of its own, so the flags of a terminal or pipe
 * that others share stay as they are. A queue has a ceiling for each rank; what does not fit is dropped and
 * counted, and where it is missing stands how many lines it was.
 *
 * Whatever stands in a line is harmless for this terminal when it is written (base/text.h, and its charset): that is
 * done here, once, for names of peers and of local files alike.
 *
 * Order is kept within a stream, and between the two where both lead to the same place. Lines go from any
 * thread. Bytes that a person asked for as data (a received file on standard output) do not belong here:
 * they may never be dropped and are written by who can stop their source. */
enum bk_cli_stream { BK_CLI_STDOUT, BK_CLI_STDERR };

enum bk_cli_rank {
	BK_CLI_BAR, /* worth nothing once there is a newer one: only when nothing else waits, not counted */
	BK_CLI_CHATTER, /* log, notes, progress, one answer of many: dropped beyond 256 KiB that wait */
	BK_CLI_EVENT,   /* what happens now and then: dropped beyond 1 MiB that wait */
	BK_CLI_VERDICT, /* once in a command (address, code, result, error): never dropped */
};

/* Before anything is put. A standard descriptor that is closed becomes /dev/null, so that no file or socket
 * takes its place and gets our words. */
void bk_cli_output_init(void);

/* From now on standard output carries JSON, so a gap is told there as {"event":"dropped","lines":N}. */
void bk_cli_output_speak_json(void);

/* Queues one or more whole lines. A write that fails (nobody at the other end, no space) drops and counts its
 * line and the next one is tried again. */
void bk_cli_output_put(enum bk_cli_stream stream, enum bk_cli_rank rank, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What a line editor draws on standard output: control sequences that move the cursor and wipe are ours here, so all
 * else in it must be harmless already. Never dropped: each drawing begins where the one before left the cursor. */
void bk_cli_output_draw(const char *text);
/* What a person asked for as data, on standard output: as it is, and never dropped. Whose source can be
 * stopped looks at how much waits, and stops it. */
void bk_cli_output_data(const char *data, size_t n);
/* A line that somebody said, with its newline: as data; a terminal, whose charset may be another, gets it as a line of
 * its own, without tabs. It may be changed. */
void bk_cli_output_said(char *line, size_t n);

/* Bytes that nobody has taken yet. */
size_t bk_cli_output_waiting(enum bk_cli_stream stream);
/* The errno of the first write to this stream that failed; 0: none has so far. */
int bk_cli_output_failure(enum bk_cli_stream stream);

/* The user wants out: the last words are waited for a second at most. */
void bk_cli_output_hurry(void);

/* The last words, when no loop runs any more: waits until all is written, or nobody has taken a byte for
 * a minute (terminal), ten seconds (standard output) or a second (standard error). */
void bk_cli_output_end(void);

#endif
