/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/amount.h"

#include <ctype.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bodkin/error.h>

enum { AMOUNT_MAX = 32 };

/* What is behind the number, as a factor; 0: no unit. */
static double factor_of(const char *unit)
{
	static const char letters[] = "kmgtpe";
	const char *letter = *unit ? strchr(letters, tolower((unsigned char)*unit)) : NULL;
	double factor = 1, step = 1024;

	if (!*unit || !strcasecmp(unit, "b"))
		return 1;
	if (!letter || !*letter)
		return 0;
	if (!strcasecmp(unit + 1, "b"))
		step = 1000;
	else if (unit[1] && strcasecmp(unit + 1, "ib") != 0)
		return 0;
	for (const char *at = letters; at <= letter; at++)
		factor *= step;
	return factor;
}

int bk_cli_amount_rate_from_str(const char *s, uint64_t *ret_bytes)
{
	const char *slash = strchr(s, '/');
	char amount[AMOUNT_MAX];

	if (slash && strcasecmp(slash, "/s") != 0)
		return BK_E_INVALID;
	if (snprintf(amount, sizeof(amount), "%.*s", slash ? (int)(slash - s) : AMOUNT_MAX, s) >= AMOUNT_MAX)
		return BK_E_INVALID;
	return bk_cli_amount_from_str(amount, ret_bytes);
}

int bk_cli_amount_from_str(const char *s, uint64_t *ret_bytes)
{
	size_t n = strspn(s, "0123456789.");
	double number, bytes;
	char *end;

	if (!n || n > 20)
		return BK_E_INVALID;
	number = strtod(s, &end);
	bytes = number * factor_of(s + n);
	if (end != s + n || bytes < 1 || bytes >= (double)INT64_MAX)
		return BK_E_INVALID;
	*ret_bytes = (uint64_t)bytes;
	return 0;
}

/* "M" of "Mbit/s", as a factor; 0: it does not speak of bits. */
static double factor_of_bits(const char *unit)
{
	static const char *const ends[] = {"bit", "bits", "bit/s", "bits/s", "bps"};
	double factor = 1;

	for (const char *at = "gmk"; *at; at++)
		if (factor > 1 || tolower((unsigned char)*unit) == *at)
			factor *= 1000;
	unit += factor > 1;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!strcasecmp(unit, ends[i]))
			return factor;
	return 0;
}

int bk_cli_amount_of_bits(const char *s, char ret_bytes[BK_CLI_AMOUNT_STR_MAX])
{
	size_t n = strspn(s, "0123456789.");
	char *end;
	double bytes;

	if (!n || n > 20)
		return BK_E_INVALID;
	bytes = strtod(s, &end) * factor_of_bits(s + n + strspn(s + n, " ")) / 8;
	if (end != s + n || bytes < 1 || bytes >= 1e15)
		return BK_E_INVALID;
	if (bytes < 1000)
		snprintf(ret_bytes, BK_CLI_AMOUNT_STR_MAX, "%.0f", bytes);
	else if (bytes < 1e6)
		snprintf(ret_bytes, BK_CLI_AMOUNT_STR_MAX, "%.10gKB", bytes / 1e3);
	else
		snprintf(ret_bytes, BK_CLI_AMOUNT_STR_MAX, "%.10gMB", bytes / 1e6);
	return 0;
}
