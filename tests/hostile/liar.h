/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TESTS_HOSTILE_LIAR_H
#define BK_TESTS_HOSTILE_LIAR_H

#include <bodkin/server.h>
#include <bodkin/session.h>

#include "link/link.h"
#include "meet/meet.h"
#include "stream/intake.h"
#include "stream/stream.h"
#include "wire/file_reader.h"
#include "wire/intro.h"

/* Somebody who has the right code and means harm, in a process of its own, beside the server of both. It is an
 * ordinary session whose introduction and whose links are taken out of its hands (test programs are linked with
 * --wrap): it is honest up to the stage that the test names, tells its lie, and goes. It lies again on each link
 * that comes after that. One that sends files made the code, one that takes them came with it. */
enum liar_stage {
	LIAR_LINKED,   /* a link, and nothing said on it */
	LIAR_RESUMED,  /* RESUME said */
	LIAR_OPENED,   /* the channel of files is open, by whoever sends them */
	LIAR_OFFERED,  /* the offer was made, or came */
	LIAR_ACCEPTED, /* it was accepted, or we said so */
	LIAR_MOVING,   /* half of the content was sent, or some came */
	LIAR_SENT,     /* all of it came, and its digest; of one that takes files alone */
	LIAR_STAGES,   /* honest to the end */
};

enum { LIAR_FILE = 5, LIAR_FILES_MAX = 64 << 10 }; /* what it offers: "a", of these 5 bytes */

struct liar;

struct liar_opts {
	bool is_sender;
	enum bk_path_choice path;
	enum liar_stage stage;
	void (*tell)(struct liar *l, const void *row);             /* at the stage; NULL: nothing */
	void (*describe)(struct bk_intro *intro, const void *row); /* changes what is told of us */
	void (*met)(struct liar *l);                               /* the two know each other */
	const void *row;
	bool stays;   /* after its lie; else it says BYE, cancelled */
	bool is_mute; /* speaks to its server alone: no path comes from it */
};

struct liar {
	struct liar_opts opts;
	struct bk_loop *loop;
	struct bk_server *server;
	struct bk_session *session;
	struct bk_meet *meet;
	struct bk_timer *timer; /* for `met` */
	int control;            /* to who started us */
	/* the stream's place */
	uint8_t id[BK_STREAM_ID_LEN];
	bool is_leading;
	uint64_t received, turn;
	unsigned links;
	struct bk_link *link;
	struct bk_intake in;
	uint32_t channel;
	struct bk_file_reader files;
	uint8_t digest[BK_FILE_DIGEST_LEN]; /* of what came */
	enum liar_stage stage;
	bool has_lied; /* on this link */
	/* a lie that is longer than the link takes at once */
	int (*flood)(struct liar *l, uint32_t n); /* the n-th piece; negative: not now */
	uint32_t flooded, flood_max;
};

/* Starts it; *ret_control is our end of a line to it, on which "HOST:PORT#PIN\n" comes, then "CODE\n" if it made
 * one; else it waits for "CODE\n". After each lie "told\n" comes. Returns its process, which ends when our end is
 * closed. */
int liar_start(const struct liar_opts *opts, int *ret_control);

/* For lies. What a link does not take is lost, but for floods. */
void liar_say(struct liar *l, uint8_t type, uint32_t channel, const void *payload, size_t n);
void liar_say_raw(struct liar *l, const void *bytes, size_t n);
int liar_try(struct liar *l, uint8_t type, uint32_t channel, const void *payload, size_t n);
void liar_say_resume(struct liar *l, uint64_t received, uint64_t turn);
/* A message of the files' protocol: the header's fields without braces. */
void liar_say_file(struct liar *l, const char *fields, const void *content, size_t n);
void liar_say_header(struct liar *l, const char *header, size_t n); /* of it, whatever it promises */
void liar_offer(struct liar *l, const char *entries, size_t n);
void liar_flood(struct liar *l, int (*flood)(struct liar *l, uint32_t n), uint32_t max);
void liar_cut(struct liar *l); /* the link, in the middle of whatever it was */

#endif
