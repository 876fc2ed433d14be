/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_ODDS_H
#define BK_PUNCH_ODDS_H

/* Inside punch: how likely a guess is to hit. Each is between 0 and 1. */

/* One side has `open` ports among `range`; the other one tries `probes` of them, none twice. */
double bk_odds_birthday(unsigned open, unsigned probes, unsigned range);

/* Others take ports at random times, `mean` of them as a rule: that the number is from `least` to `most`. */
double bk_odds_count(double mean, unsigned least, unsigned most);

#endif
