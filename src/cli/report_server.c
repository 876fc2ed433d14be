/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_server.h"

#include <jansson.h>
#include <stdio.h>

#include "cli/human.h"

static void report_place(struct bk_cli_report *r, const char *const *addresses, size_t n, const char *pin)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, json_string(addresses[i]));
	bk_cli_report_event(r, BK_CLI_VERDICT, "listening",
		json_pack("{s:o, s:o, s:o}", "address", json_string(addresses[0]), "pin", json_string(pin),
			"addresses", all));
	if (r->is_quiet && !r->is_json)
		bk_cli_output_put(BK_CLI_STDOUT, BK_CLI_VERDICT, "%s#%s\n", addresses[0], pin);
}

static void say_lines(struct bk_cli_report *r, const char *address, const char *pin)
{
	char line[512];

	snprintf(line, sizeof(line), "bodkin send -s %s#%s FILE", address, pin);
	bk_cli_report_say(r, BK_CLI_VERDICT, "To send a file:    %s%s%s", bk_cli_report_bold(r),
		bk_cli_human_glue(line), bk_cli_report_plain(r));
	snprintf(line, sizeof(line), "bodkin recv -s %s#%s CODE", address, pin);
	bk_cli_report_say(r, BK_CLI_VERDICT, "To receive it:     %s", bk_cli_human_glue(line));
}

void bk_cli_report_listening(struct bk_cli_report *r, const char *const *addresses, size_t n, const char *pin)
{
	char all[1024] = "";
	size_t used = 0;

	report_place(r, addresses, n, pin);
	for (size_t i = 0; i < n && used < sizeof(all); i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s",
			!i          ? ""
			: i + 1 < n ? ", "
				    : " and ",
			addresses[i]);
	bk_cli_report_say(r, BK_CLI_VERDICT, "The server listens on %s.", all);
	say_lines(r, addresses[0], pin);
}

void bk_cli_report_outside(struct bk_cli_report *r, const char *address, bool is_ipv6, const char *pin)
{
	bk_cli_report_event(r, BK_CLI_EVENT, "outside",
		json_pack("{s:o, s:o}", "address", json_string(address), "pin", json_string(pin)));
	bk_cli_report_say(r, BK_CLI_EVENT,
		is_ipv6 ? "The router's firewall lets in whoever comes over IPv6, to %s; there:"
			: "The router of this network has opened the ports. From outside it is %s; there:",
		address);
	say_lines(r, address, pin);
}

void bk_cli_report_server(struct bk_cli_report *r, const char *const *addresses, size_t n, const char *pin)
{
	report_place(r, addresses, n, pin);
	bk_cli_report_say(r, BK_CLI_VERDICT, "The server's pin is %s.", pin);
	say_lines(r, addresses[0], pin);
}
