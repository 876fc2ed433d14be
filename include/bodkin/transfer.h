/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_TRANSFER_H
#define BODKIN_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bodkin/call.h>
#include <bodkin/loop.h>
#include <bodkin/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Files to and from one other machine, for a program with a window as for a daemon: a sender or a receiver
 * makes the session, agrees on what is offered, moves it and checks it. `bodkin send` and `bodkin recv` are
 * made of this.
 *
 * Thread rule: everything here belongs to the thread of the loop. No callback comes from inside a call.
 * Ownership: options, their strings and the events are copied; what a callback is handed is borrowed for its
 * time. Exactly one of on_done and on_error comes, as the last callback; the sender or receiver may be freed
 * from inside it, and from inside no other. Files are looked for, read, hashed, written and synced on threads
 * beside the loop: each sender or receiver has one at a time, a sender to several one for each of them. */
struct bk_send;
struct bk_recv;
struct bk_file_list;

enum { BK_TRANSFER_TEXT_MAX = 512 };          /* bytes of a sentence, with its end */
enum { BK_TRANSFER_MESSAGE_MAX = 256 << 10 }; /* bytes of a text that is sent by itself */
enum { BK_TRANSFER_PATHS_MAX = 100 };         /* names that a list has, of however many */
/* Under way at once, of one sender; each is a client of the server. While all are, one that has got less than 64 KiB in
 * a minute fails with BK_E_FULL and makes room, first of the network (IPv4 /24, IPv6 /56) that has most of them. */
enum { BK_SEND_RECEIVERS_MAX = 64 };
#define BK_SEND_KEEP SIZE_MAX /* as many receivers as come */

/* The kind of the channel that files travel on, where they travel beside something else. */
#define BK_TRANSFER_CHANNEL_KIND "files/1"

enum bk_transfer_question {
	BK_TRANSFER_ASK_ACCEPT,   /* take what is offered? The answer: bk_recv_answer */
	BK_TRANSFER_ASK_CONFLICT, /* what becomes of the entry `asked`, whose name is taken? bk_recv_resolve */
};

/* What becomes of an entry whose name is taken. */
enum bk_transfer_conflict {
	BK_TRANSFER_CONFLICT_LEAVE,     /* it is left out, and the result counts it: nobody decided */
	BK_TRANSFER_CONFLICT_ASK,       /* on_ask, for each; in a result as LEAVE */
	BK_TRANSFER_CONFLICT_FAIL,      /* the whole offer is refused */
	BK_TRANSFER_CONFLICT_SKIP,      /* it is left out */
	BK_TRANSFER_CONFLICT_OVERWRITE, /* it replaces what is there */
	BK_TRANSFER_CONFLICT_RENAME,    /* it gets another name, NAME-1.EXT or the next that is free */
};

/* Whether content is packed on its way. */
enum bk_transfer_compress {
	BK_TRANSFER_COMPRESS_AUTO, /* while the network is slower than packing, and packing gives */
	BK_TRANSFER_COMPRESS_OFF,
};

/* What becomes of the symbolic links in a folder that is sent. */
enum bk_transfer_links {
	BK_TRANSFER_LINKS_KEEP,   /* one that leads to something in the same folder is a link there, too */
	BK_TRANSFER_LINKS_FOLLOW, /* what it leads to is sent instead */
	BK_TRANSFER_LINKS_SKIP,   /* it is left out */
};

/* A name that is no plain text (other bytes than UTF-8, controls) goes to the disk as it is; wherever it stands in what
 * is told here, each such byte is \xNN. */
struct bk_transfer_entry {
	const char *path;
	uint64_t bytes;     /* 0 for a stream */
	bool is_stream;     /* its size is not known */
	bool is_hidden;     /* a part of its path begins with a dot */
	bool is_executable; /* has an x bit */
	bool is_existing;   /* receiver: the name is taken */
	bool is_folder;     /* what is in it follows; one that is there already is gone on with */
	bool is_link;       /* a symbolic link to another entry; made when everything else stands */
	bool is_text;       /* a text that somebody said, and no file of theirs */
	bool is_unfit;      /* receiver: the file system there has no such names; it is not taken */
};

struct bk_transfer_offer {
	size_t entries;    /* files, folders and links, at least 1 */
	uint64_t bytes;    /* sum of the sizes that are known */
	const char *first; /* path of the first entry */
	size_t existing;   /* receiver: so many of the names are taken already */
	const char *from;  /* receiver: the other person's name; sender: NULL */
	const struct bk_transfer_entry
		*names; /* all entries, in order; receiver: until it is answered, then NULL */
	const struct bk_transfer_entry *asked; /* of ASK_CONFLICT: which; else NULL */
	size_t folders;                        /* so many of the entries */
	/* Sender: what was found in folders and is not offered, each with why, harmless: the first of them. */
	const char *const *left_out;
	size_t left_out_len; /* at most BK_TRANSFER_PATHS_MAX */
	size_t left_out_all; /* how many there are */
	size_t links;        /* so many of the entries */
	/* Receiver: parts in its folder that transfers of something else left, which nobody works on: how many and how big.
	 * bk_transfer_find_leftovers removes them. */
	size_t abandoned;
	uint64_t abandoned_bytes;
	/* The library's own, for bk_transfer_offer_target; NULL: not its offer. */
	const struct bk_file_list *list;
	size_t left_out_links; /* sender: so many of what is left out are links that lead out of their folder */
};

/* Where an entry of the offer leads, that is a link, as plain text; NULL: it is none. Borrowed, lives as long as the
 * offer. An offer with a link out of the folder that it comes in is refused, and none leads to what is not offered. */
BK_API const char *bk_transfer_offer_target(const struct bk_transfer_offer *offer, size_t entry);

struct bk_transfer_result {
	size_t entries;     /* files that were taken, perhaps none */
	uint64_t bytes;     /* their content */
	double seconds;     /* from the answer to the offer to the last file in its place */
	const char *digest; /* XXH3-128 in hexadecimal; of several files: of their digests in order */
	const char *first;  /* path of the first entry that was taken; NULL: none was */
	/* The first of those that were taken, without what is inside folders: receiver: where they stand, FOLDER/NAME, of
	 * a stream none; sender: as offered. */
	const char *const *paths;
	size_t paths_len;       /* at most BK_TRANSFER_PATHS_MAX */
	size_t skipped;         /* files that were offered and not taken, for whatever reason */
	size_t left;            /* receiver: of those, existing ones that nobody decided about */
	const char *left_first; /* path of the first of them */
	size_t folders;         /* were taken, besides the files */
	size_t links;           /* were made, besides the files */
	uint64_t
		sent; /* bytes that travelled for the content: fewer where they were packed, or here already */
	size_t receivers; /* sender to several: so many have all; what is counted above is of all of them together, and the
			     digest "" where not all took the same */
	size_t unfit; /* receiver: so many entries have a name that the file system there does not take, */
	const char *unfit_first; /* the first of them; */
	const char *unfit_why;   /* what is wrong with that, behind "the file system here"; NULL: nothing */
};

enum bk_transfer_receiver_state {
	BK_TRANSFER_RECEIVER_JOINED,
	BK_TRANSFER_RECEIVER_PROGRESS, /* at most 5 times a second */
	BK_TRANSFER_RECEIVER_DONE,
	BK_TRANSFER_RECEIVER_FAILED, /* it does not count, and its place is free for the next one, or for it again */
};

/* One of several who receive. */
struct bk_transfer_receiver {
	unsigned number; /* from 1, in the order in which they came */
	enum bk_transfer_receiver_state state;
	const char *name;      /* the person's; may be empty */
	uint64_t bytes, total; /* content so far and in all */
	double rate;           /* bytes a second */
	int error;             /* FAILED: why, and a sentence; else 0 and NULL */
	const char *text;
	bool is_lost; /* no path is left, and another one is looked for */
};

/* A transfer goes on where an earlier one stopped. */
struct bk_transfer_resume {
	uint64_t bytes,
		total;  /* so much is there already, of all that is taken; read and compared it is later */
	size_t changed; /* receiver: of so many entries a part was there that is of something else */
	const char *changed_first; /* path of the first of them */
};

/* on_done and on_error are required, and on_ask where something is to be asked. `arg`, the news' too, is what the
 * sender or receiver was started with. */
struct bk_transfer_events {
	size_t size;                     /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	const struct bk_call_news *news; /* NULL: none */
	/* The offer has been made (sender) or seen (receiver): all of it, however many messages it takes. */
	void (*on_offer)(struct bk_call *call, void *arg, const struct bk_transfer_offer *offer);
	/* Receiver, and only where its options say ask: answer now or later; the connection stays alive
	 * meanwhile. */
	void (*on_ask)(struct bk_call *call, void *arg, enum bk_transfer_question question,
		const struct bk_transfer_offer *offer);
	/* Receiver: what became of an entry that is not simply taken. `how` is SKIP, OVERWRITE or RENAME (then
	 * `as` is its name here); a hidden one that nobody allowed is skipped, too. Mostly before content comes; one
	 * that stood there from before, and turned out to be another, before on_done. May be NULL. */
	void (*on_conflict)(struct bk_call *call, void *arg, const struct bk_transfer_entry *entry,
		enum bk_transfer_conflict how, const char *as);
	/* Content so far and in all (bytes; the sum of the known sizes, which a stream may go beyond), and bytes
	 * a second over the last three seconds; at most 5 times a second. */
	void (*on_progress)(struct bk_call *call, void *arg, uint64_t bytes, uint64_t total, double rate);
	/* Every file that was taken stands there in its place, its digest compared by both sides. */
	void (*on_done)(struct bk_call *call, void *arg, const struct bk_transfer_result *result);
	void (*on_error)(struct bk_call *call, void *arg, const struct bk_call_failure *failure);
	/* Receiver, before on_done: what was offered is a text alone, and this is it, whole and compared, with a NUL
	 * behind; bytes that somebody else chose. Nothing is asked and no file made. NULL, or with a stream: it is a
	 * file like others. */
	void (*on_text)(struct bk_call *call, void *arg, const char *text, size_t len);
	/* Sender to several, of each of them; on_peer and on_path do not come then, on_offer once, on_progress for all
	 * together. May be NULL. */
	void (*on_receiver)(struct bk_call *call, void *arg, const struct bk_transfer_receiver *receiver);
	/* After the answer, before any content: not all of it has to come, or what is here is of no use. May be NULL. */
	void (*on_resume)(struct bk_call *call, void *arg, const struct bk_transfer_resume *resume);
	/* Right before on_progress, where it is another one than before: the file that content belongs to now, its number
	 * among those that are taken, from 1, and how many they are. Not of several receivers. */
	void (*on_file)(struct bk_call *call, void *arg, const char *path, size_t number, size_t files);
	/* What is offered is still looked around, here or at a sender, who has seen so many entries; 5 times a second
	 * at most. Sender: with what will be offered (else NULL) when that has been seen, where bk_send_offer had it
	 * not from the first. */
	void (*on_counting)(
		struct bk_call *call, void *arg, size_t entries, const struct bk_transfer_offer *offer);
};

struct bk_send_opts {
	size_t size; /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	const struct bk_session_opts *session;
	/* Files and folders; a symbolic link that is named means what it leads to. A pipe, and a file that is made while
	 * it is read (/proc), is a stream: without a size, until it ends. */
	const char *const *paths;
	size_t paths_len;
	/* What a descriptor gives until its end, offered under this name without a size, after the files. NULL:
	 * no stream, and then at least one path. The receiver must know streams, else it refuses it by name. */
	const char *stream_name;
	int stream_fd; /* a pipe, socket or terminal; stays the caller's, and open until on_done or on_error */
	/* Instead of `session`: an open session, which the files travel in beside whatever else it does, and which goes
	 * on afterwards. The sender is freed before it. There is no code then, and no news come. */
	struct bk_session *within;
	const char *peer; /* with it: the other person's name, for sentences */
	/* What is called so in folders is not offered, nor said to be left out: fnmatch(3) patterns, without a slash of a
	 * name, with one of the path as it would be offered. */
	const char *const *exclude;
	size_t exclude_len;
	enum bk_transfer_links links;
	enum bk_transfer_compress compress;
	/* Instead of paths and a stream: this is said. A receiver of before there were texts gets it as a file. */
	const char *text;
	size_t text_len; /* at most BK_TRANSFER_MESSAGE_MAX */
	/* So many are to have all of it, or BK_SEND_KEEP; 0 and 1: one. The same code is open for all of them, at once
	 * or one after the other (bk_shared_code_new has the rules of guesses), until so many are done; then who is
	 * under way still may finish. on_done when that is reached, or, of BK_SEND_KEEP, by bk_send_cancel when
	 * somebody is done and nobody was cut off. Not for a stream, nor within a session, nor by a code that somebody
	 * else made. */
	size_t copies;
	uint64_t
		limit; /* bytes a second that travel for files, to all receivers together; 0: as fast as it goes */
};

/* Looks at the files, and into the folders, for 0.3 s at most, then starts a session, so that a code appears at once;
 * offers them to whoever comes. A big tree is looked through meanwhile, on a thread, and what is wrong with it comes as
 * on_error. BK_E_INVALID (no file, two of one name, an unusable server or code, an event that is missing), BK_E_FILE,
 * BK_E_NOMEM: ret_text (may be NULL) is a sentence then. */
BK_API int bk_send_new(struct bk_loop *loop, const struct bk_send_opts *opts,
	const struct bk_transfer_events *events, void *arg, struct bk_send **ret_send,
	char ret_text[BK_TRANSFER_TEXT_MAX]);
/* Tells the other side; on_error with BK_E_CANCELLED follows within two seconds. */
BK_API void bk_send_cancel(struct bk_send *s);
/* What will be offered; borrowed, lives as long as the sender. NULL: it is looked around still (on_counting). */
BK_API const struct bk_transfer_offer *bk_send_offer(const struct bk_send *s);
/* At once and silently. NULL is fine. */
BK_API void bk_send_free(struct bk_send *s);

struct bk_recv_opts {
	size_t size; /* sizeof of it; 0: its first version (<bodkin/api.h>) */
	const struct bk_session_opts *session;
	const char *folder; /* must exist; nothing is written outside it, no link in it followed */
	bool asks_accept; /* ask before anything is taken; else it is. Yes allows hidden and executable files */
	bool takes_hidden; /* also entries with a hidden name; else they are skipped where nobody is asked */
	bool takes_executable;              /* with their x bits; else without them where nobody is asked */
	enum bk_transfer_conflict conflict; /* where names are taken */
	/* Instead of `session`, and only from inside the on_channel that brought it: a channel of the kind
	 * BK_TRANSFER_CHANNEL_KIND. Its session goes on afterwards; the receiver is freed before it. */
	struct bk_channel *channel;
	const char *peer; /* with it: the other person's name */
	/* Instead of `folder`, which is NULL then: one file or stream is passed on to stream_fd as it comes, at the
	 * pace of whoever reads there; nothing is asked, and an offer of more is refused. on_error comes after what was
	 * passed on where the transfer breaks or the digest is wrong: an end there is none of the file. */
	bool has_stream;
	int stream_fd; /* stays the caller's, and open until on_done or on_error; SIGPIPE is the program's business */
	/* 0, or: an offer of more is refused, with BK_E_TOO_BIG, and what has no size ends with it there. */
	uint64_t bytes_max;
	uint64_t limit; /* bytes a second that travel for files; 0: as fast as it goes */
};

/* Opens the folder, tries whether files can be made there, and starts a session. A file has its name when it is
 * complete, verified and synced (small ones many at once), and is NAME.part before; it stays that when the name is
 * taken meanwhile.
 * BK_E_INVALID (server or code unusable, an event that is missing), BK_E_FILE (folder), BK_E_NOMEM: ret_text (may be
 * NULL) is a sentence then. */
BK_API int bk_recv_new(struct bk_loop *loop, const struct bk_recv_opts *opts,
	const struct bk_transfer_events *events, void *arg, struct bk_recv **ret_recv,
	char ret_text[BK_TRANSFER_TEXT_MAX]);
/* What is offered, once on_offer has come, NULL before; borrowed, lives as long as the receiver. */
BK_API const struct bk_transfer_offer *bk_recv_offer(const struct bk_recv *r);
/* The answer to ASK_ACCEPT, also from inside on_ask. Without this question nothing happens. */
BK_API void bk_recv_answer(struct bk_recv *r, bool yes);
/* The answer to ASK_CONFLICT, likewise; for_all: also for the entries that would be asked about next. */
BK_API void bk_recv_resolve(struct bk_recv *r, enum bk_transfer_conflict how, bool for_all);
/* Tells the other side; what is unfinished stays as a part where it is worth to go on with. on_error with
 * BK_E_CANCELLED follows within two seconds, of a disk that hangs within three. */
BK_API void bk_recv_cancel(struct bk_recv *r);
/* At once and silently; what is unfinished is left likewise as soon as the disk lets go of it. NULL is fine. */
BK_API void bk_recv_free(struct bk_recv *r);

/* What transfers that broke off left in a folder: their parts, and a hidden file for each transfer, by which the same
 * offer goes on. */
struct bk_transfer_leftovers {
	size_t transfers, parts;
	uint64_t bytes; /* of the parts */
};

/* Looks for them, and removes them where that is wished; what somebody works on right now is left alone, and so is
 * every file that has its name. Needs no loop and may be called on any thread. BK_E_FILE, BK_E_NOMEM; BK_E_TOO_BIG: all
 * else was done, but one notes too many files to be read. ret_text (may be NULL) is a sentence then. */
BK_API int bk_transfer_find_leftovers(const char *folder, bool removes,
	struct bk_transfer_leftovers *ret_leftovers, char ret_text[BK_TRANSFER_TEXT_MAX]);

#ifdef __cplusplus
}
#endif
#endif
