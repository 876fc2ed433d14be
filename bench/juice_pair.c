/* SPDX-License-Identifier: Apache-2.0 */
/* The same as nice_pair.c by libjuice. */
#include <juice/juice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double known;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void swap(char *s, char from, char to)
{
	for (; *s; s++)
		if (*s == from)
			*s = to;
}

static void on_state(juice_agent_t *agent, juice_state_t state, void *arg)
{
	(void)agent, (void)arg;
	if (state == JUICE_STATE_CONNECTED)
		printf("{\"connected\":true,\"elapsed_ms\":%.3f}\n", now_ms() - known);
	else if (state == JUICE_STATE_FAILED)
		printf("{\"connected\":false,\"elapsed_ms\":%.3f}\n", now_ms() - known);
	fflush(stdout);
}

static void on_gathered(juice_agent_t *agent, void *arg)
{
	char sdp[JUICE_MAX_SDP_STRING_LEN];

	(void)arg;
	juice_get_local_description(agent, sdp, sizeof(sdp));
	swap(sdp, '\n', '|');
	swap(sdp, '\r', ' ');
	printf("%s\n", sdp);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[JUICE_MAX_SDP_STRING_LEN];
	juice_config_t config = {.cb_state_changed = on_state, .cb_gathering_done = on_gathered};
	juice_agent_t *agent;

	if (argc != 4)
		return 2;
	juice_set_log_level(JUICE_LOG_LEVEL_ERROR);
	config.stun_server_host = argv[1];
	config.stun_server_port = (uint16_t)atoi(argv[2]);
	agent = juice_create(&config);
	if (!agent || juice_gather_candidates(agent) < 0)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		swap(line, '|', '\n');
		known = now_ms();
		juice_set_remote_description(agent, line);
		juice_set_remote_gathering_done(agent);
	}
	return 0;
}
