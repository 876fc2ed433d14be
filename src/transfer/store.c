/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/store.h"

#include <stdlib.h>

void bk_store_free(struct bk_store *s)
{
	if (!s)
		return;
	bk_here_done(&s->here);
	bk_sink_free(s->sink);
	bk_picks_done(&s->picks);
	bk_file_list_done(&s->list);
	bk_budget_done(&s->budget);
	free(s);
}
