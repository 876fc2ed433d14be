/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_BODKIN_H
#define BODKIN_BODKIN_H

/* Everything at once. A program that uses one part includes that part's header alone. */
#include <bodkin/addr.h>
#include <bodkin/api.h>
#include <bodkin/call.h>
#include <bodkin/chat.h>
#include <bodkin/code.h>
#include <bodkin/error.h>
#include <bodkin/group.h>
#include <bodkin/log.h>
#include <bodkin/loop.h>
#include <bodkin/mailbox.h>
#include <bodkin/nat.h>
#include <bodkin/path.h>
#include <bodkin/plain.h>
#include <bodkin/server.h>
#include <bodkin/service.h>
#include <bodkin/session.h>
#include <bodkin/transfer.h>

#endif
