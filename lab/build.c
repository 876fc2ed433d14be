/* SPDX-License-Identifier: Apache-2.0 */
/* From a plan to a lab. Interfaces are made by one run of `ip`; then each node is set up by its own runs of
 * `ip` and `nft`, all at the same time. */
#include "lab/build.h"

#include "base/error.h"
#include "lab/child.h"
#include "lab/giver.h"
#include "lab/linkwait.h"
#include "lab/noise.h"
#include "lab/ns.h"
#include "lab/rules.h"
#include "lab/say.h"
#include "lab/script.h"
#include "lab/tool.h"
#include "lab/wire.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int start_script(struct bk_lab_tool *t, enum bk_lab_program program, enum bk_lab_node node,
	struct bk_buf *script, int rc)
{
	if (rc == 0)
		rc = bk_lab_tool_start(t, program, node, script);
	bk_buf_consume(script, script->len);
	return rc;
}

static int make_links(const struct bk_lab_plan *p, struct bk_buf *script)
{
	struct bk_lab_tool t = {0};
	int rc = start_script(&t, BK_LAB_IP, BK_LAB_NET, script, bk_lab_script_links(p, script));

	return rc == 0 ? bk_lab_tool_wait(&t, false) : rc;
}

static int write_rules(const struct bk_lab_plan *p, enum bk_lab_node n, struct bk_buf *script)
{
	int rc = bk_lab_rules_write(&p->router[n], p->options.answer, script);
	const struct bk_lab_with *home = n == BK_LAB_RA   ? &p->options.with[0]
					 : n == BK_LAB_RB ? &p->options.with[1]
							  : NULL;

	return rc == 0 && home && home->services ? bk_lab_giver_rules(home, script) : rc;
}

static int set_up_nodes(const struct bk_lab_plan *p, struct bk_buf *script)
{
	struct bk_lab_tool runs[2 * BK_LAB_NODES] = {0};
	int rc = 0;

	for (int i = 0; rc == 0 && i < BK_LAB_NODES; i++) {
		enum bk_lab_node n = (enum bk_lab_node)i;

		if (p->used[i])
			rc = start_script(
				&runs[2 * i], BK_LAB_IP, n, script, bk_lab_script_node(p, n, script));
		if (rc == 0 && p->router[i].type)
			rc = start_script(&runs[2 * i + 1], BK_LAB_NFT, n, script, write_rules(p, n, script));
	}
	for (int i = 0; i < 2 * BK_LAB_NODES; i++) {
		/* One complaint is enough. */
		int one = bk_lab_tool_wait(&runs[i], rc < 0);

		if (rc == 0)
			rc = one;
	}
	return rc;
}

static int wait_links(const struct bk_lab_plan *p)
{
	for (int i = 0; i < BK_LAB_NODES; i++) {
		int rc = p->used[i] ? bk_lab_ns_enter((enum bk_lab_node)i) : 0;

		if (rc == 0 && p->used[i])
			rc = bk_lab_linkwait();
		if (rc < 0)
			return bk_lab_say(rc, "the links of node %s do not come up: %s",
				bk_lab_node_name((enum bk_lab_node)i), bk_error_text(rc));
	}
	return 0;
}

struct wire {
	size_t link;
	struct bk_lab_wire_shape shape;
};

static void be_wire(const void *arg, int ready_fd)
{
	const struct wire *w = arg;
	char ends[2][BK_LAB_WIRE_END_MAX];
	int rc = bk_lab_ns_enter(BK_LAB_WIRE);

	bk_lab_child_close_all_but(&ready_fd, 1);
	ready_fd = STDERR_FILENO + 1;
	for (int e = 0; e < 2; e++)
		bk_lab_script_wire_end(w->link, e, ends[e]);
	if (rc == 0)
		rc = bk_lab_wire_run(ends[0], ends[1], &w->shape, ready_fd);
	bk_lab_child_report(ready_fd, rc);
}

static pid_t wires[BK_LAB_LINKS_MAX], givers[2], noises[2];

static void end_child(pid_t pid)
{
	if (pid > 0)
		kill(pid, SIGKILL);
}

void bk_lab_build_stop(void)
{
	for (size_t l = 0; l < BK_LAB_LINKS_MAX; l++)
		end_child(wires[l]);
	for (int i = 0; i < 2; i++) {
		end_child(givers[i]);
		end_child(noises[i]);
	}
}

static int start_wires(const struct bk_lab_plan *p)
{
	int rc = 0;

	for (size_t l = 0; rc == 0 && l < p->link_count; l++) {
		const struct wire w = {l, bk_lab_wire_shape_of(&p->options)};

		if (p->links[l].wired)
			rc = bk_lab_child_start("bodkin-wire", be_wire, &w, &wires[l]);
	}
	return rc < 0 ? bk_lab_say(rc, "a wire does not start: %s", bk_error_text(rc)) : 0;
}

static int start_givers(const struct bk_lab_plan *p)
{
	static const enum bk_lab_node homes[2] = {BK_LAB_RA, BK_LAB_RB};
	int rc = 0;

	for (int i = 0; rc == 0 && i < 2; i++)
		if (p->options.with[i].services)
			rc = bk_lab_giver_start(homes[i], p->options.with[i].services, &givers[i]);
	return rc;
}

static int start_noises(const struct bk_lab_plan *p)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < 2; i++)
		if (p->options.with[i].noise)
			rc = bk_lab_noise_start(p, i, &noises[i]);
	return rc < 0 ? bk_lab_say(rc, "the noise does not start: %s", bk_error_text(rc)) : 0;
}

int bk_lab_build(const struct bk_lab_plan *p)
{
	struct bk_buf script;
	int rc = bk_lab_tool_check();

	if (rc == 0)
		rc = bk_lab_ns_become_able();
	if (rc == 0)
		rc = bk_lab_ns_create(p);
	bk_buf_init(&script, BK_LAB_SCRIPT_MAX);
	if (rc == 0)
		rc = make_links(p, &script);
	if (rc == 0)
		rc = set_up_nodes(p, &script);
	bk_buf_done(&script);
	if (rc == 0)
		rc = wait_links(p);
	if (rc == 0)
		rc = start_wires(p);
	if (rc == 0)
		rc = start_givers(p);
	return rc == 0 ? start_noises(p) : rc;
}

static int try_rules(struct bk_buf *script)
{
	static const char *const types[] = {"full", "restricted", "sym", "sympar", "symblock:128"};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(types) / sizeof(types[0]); i++) {
		struct bk_lab_router r = {bk_lab_nat_type_find(types[i]), "45.10.22.1", "10.0.0.1", {0}};
		struct bk_lab_tool t = {0};

		rc = bk_lab_printf(script, "flush ruleset\n");
		if (rc == 0)
			rc = bk_lab_rules_write(&r, i % 2 ? BK_LAB_REJECT : BK_LAB_RESET, script);
		rc = start_script(&t, BK_LAB_NFT, BK_LAB_NET, script, rc);
		if (rc == 0)
			rc = bk_lab_tool_wait(&t, false);
	}
	return rc;
}

static int try_links(struct bk_buf *script)
{
	struct bk_lab_tool t = {0};
	int rc = bk_lab_printf(
		script, "link add name x type veth peer name y\nlink set dev x up gso_max_segs 1\n");

	rc = start_script(&t, BK_LAB_IP, BK_LAB_NET, script, rc);
	return rc == 0 ? bk_lab_tool_wait(&t, false) : rc;
}

int bk_lab_build_probe(void)
{
	struct bk_lab_plan p = {.used[BK_LAB_NET] = true, .forwards[BK_LAB_NET] = true};
	struct bk_buf script;
	int rc = bk_lab_tool_check(), fd;

	if (rc == 0)
		rc = bk_lab_ns_become_able();
	if (rc == 0)
		rc = bk_lab_ns_create(&p);
	if (rc < 0)
		return rc;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return bk_lab_say(BK_E_UNSUPPORTED, "packet sockets are forbidden here: %s", strerror(errno));
	close(fd);
	bk_buf_init(&script, BK_LAB_SCRIPT_MAX);
	if (try_links(&script) < 0)
		rc = bk_lab_say(BK_E_UNSUPPORTED, "this kernel gives us no veth pairs");
	else if (try_rules(&script) < 0)
		rc = bk_lab_say(BK_E_UNSUPPORTED, "this kernel's nftables cannot do what the NATs need");
	bk_buf_done(&script);
	return rc;
}
