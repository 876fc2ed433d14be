/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_TRANSFER_H
#define BK_CLI_TRANSFER_H

#include <bodkin/transfer.h>

#include "cli/frame.h"
#include "cli/receivers.h"

/* What `send` and `recv` have in common: the events of a transfer become words. First member of each. */
struct bk_cli_transfer {
	struct bk_cli_frame frame;
	const char *done;                  /* "Sent" */
	struct bk_cli_receivers receivers; /* of a sender to several */
	bool is_taking;                    /* else it sends */
	bool was_asked;                    /* a person, whether to take it */
	bool has_executable;               /* something that is offered has an x bit */
};

/* All but on_ask; arg is the bk_cli_transfer. */
struct bk_transfer_events bk_cli_transfer_events(void);

#endif
