/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_JOB_H
#define BK_NET_JOB_H

#include <stddef.h>

#include <bodkin/loop.h>

/* One blocking call beside the loop, on a thread of its own: a disk or a name server takes longer than others
 * wait for a sign of life. */
struct bk_job;

/* run has a copy of the work (the question, and room for the answer) on the thread, which takes no signals:
 * they belong to the loop. It is always called once this has succeeded; NULL: the work is done already. fn
 * comes once, from the loop; the job may be freed from inside. */
int bk_job_new(struct bk_loop *loop, void (*run)(void *work), const void *work, size_t work_len,
	void (*fn)(void *arg), void *arg, struct bk_job **ret_job);
/* Does not wait for the thread; after it fn never comes, and the loop may go. NULL is fine. */
void bk_job_free(struct bk_job *j);

/* As run has left it: from fn on, until the job is freed. */
const void *bk_job_work(const struct bk_job *j);

#endif
