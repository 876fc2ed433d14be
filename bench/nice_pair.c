/* SPDX-License-Identifier: Apache-2.0 */
/* One side of libnice, for bench/pairs.py, which compiles it: STUN-SERVER PORT a|b. Says its description in one line
 * (line ends as '|'), reads the other side's, and says how long after that the two were connected. */
#include <nice/agent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static GMainLoop *loop;
static gint64 known;

static void swap(char *s, char from, char to)
{
	for (; *s; s++)
		if (*s == from)
			*s = to;
}

static void on_state(NiceAgent *agent, guint stream, guint component, guint state, gpointer arg)
{
	(void)agent, (void)stream, (void)component, (void)arg;
	if (state == NICE_COMPONENT_STATE_CONNECTED || state == NICE_COMPONENT_STATE_READY)
		printf("{\"connected\":true,\"elapsed_ms\":%.3f}\n",
			(double)(g_get_monotonic_time() - known) / 1e3);
	else if (state == NICE_COMPONENT_STATE_FAILED)
		printf("{\"connected\":false,\"elapsed_ms\":%.3f}\n",
			(double)(g_get_monotonic_time() - known) / 1e3);
	fflush(stdout);
}

static gboolean on_line(GIOChannel *in, GIOCondition condition, gpointer agent)
{
	char *line = NULL;

	(void)condition;
	if (g_io_channel_read_line(in, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL)
		exit(0);
	swap(line, '|', '\n');
	known = g_get_monotonic_time();
	if (nice_agent_parse_remote_sdp(agent, line) <= 0)
		fprintf(stderr, "cannot take the other side's candidates\n");
	g_free(line);
	return TRUE;
}

static void on_gathered(NiceAgent *agent, guint stream, gpointer arg)
{
	char *sdp = nice_agent_generate_local_sdp(agent);

	(void)stream, (void)arg;
	swap(sdp, '\n', '|');
	printf("%s\n", sdp);
	fflush(stdout);
	g_free(sdp);
	g_io_add_watch(g_io_channel_unix_new(0), G_IO_IN | G_IO_HUP, on_line, agent);
}

static void on_data(NiceAgent *agent, guint stream, guint component, guint len, gchar *data, gpointer arg)
{
	(void)agent, (void)stream, (void)component, (void)len, (void)data, (void)arg;
}

int main(int argc, char **argv)
{
	NiceAgent *agent;
	guint stream;

	if (argc != 4)
		return 2;
	loop = g_main_loop_new(NULL, FALSE);
	agent = nice_agent_new(g_main_loop_get_context(loop), NICE_COMPATIBILITY_RFC5245);
	g_object_set(agent, "stun-server", argv[1], "stun-server-port", atoi(argv[2]), "controlling-mode",
		argv[3][0] == 'a', "upnp", FALSE, "ice-tcp", FALSE, NULL);
	g_signal_connect(agent, "candidate-gathering-done", G_CALLBACK(on_gathered), NULL);
	g_signal_connect(agent, "component-state-changed", G_CALLBACK(on_state), NULL);
	stream = nice_agent_add_stream(agent, 1);
	nice_agent_set_stream_name(agent, stream, "application");
	nice_agent_attach_recv(agent, stream, 1, g_main_loop_get_context(loop), on_data, NULL);
	if (!nice_agent_gather_candidates(agent, stream))
		return 1;
	g_main_loop_run(loop);
	return 0;
}
