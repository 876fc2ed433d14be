/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/device.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "wire/cursor.h"

enum { VERSION = 1 };

/* Their places are the bytes on the card. */
static const char *const types[] = {NULL, "Open Internet", "Full Cone", "Restricted Cone",
	"Port Restricted Cone", "Symmetric", "Symmetric Firewall", "Blocked"};

enum { TYPES_LEN = sizeof(types) / sizeof(types[0]) };

static uint8_t byte_of(const char *type)
{
	size_t i = type ? bk_text_index(types, TYPES_LEN, type) : 0;

	return i < TYPES_LEN ? (uint8_t)i : 0;
}

static const char *type_of(uint8_t byte)
{
	return byte < TYPES_LEN ? types[byte] : NULL;
}

static size_t bytes_of(const struct bk_addr *a)
{
	return a->family == 4 ? 4 : 16;
}

size_t bk_device_encode(const struct bk_device *d, uint8_t ret_about[BK_DEVICE_ABOUT_MAX])
{
	struct bk_writer w;

	bk_writer_init(&w, ret_about, BK_DEVICE_ABOUT_MAX);
	bk_write_u8(&w, VERSION);
	bk_write_u8(&w, d->flags);
	bk_write_u32(&w, d->since);
	bk_write_u8(&w, (uint8_t)(byte_of(d->nat_udp) << 4 | byte_of(d->nat_tcp)));
	bk_write_u8(&w, (uint8_t)d->addresses_len);
	for (size_t i = 0; i < d->addresses_len; i++) {
		bk_write_u8(&w, d->addresses[i].family);
		bk_write_bytes(&w, d->addresses[i].ip, bytes_of(&d->addresses[i]));
	}
	return bk_writer_len(&w);
}

static void read_address(struct bk_reader *r, struct bk_addr *a)
{
	uint8_t family = bk_read_u8(r);

	*a = (struct bk_addr){.family = family};
	if (family != 4 && family != 6)
		r->error = BK_E_MALFORMED;
	else
		bk_read_bytes(r, a->ip, bytes_of(a));
}

int bk_device_decode(const void *about, size_t n, struct bk_device *ret_device)
{
	struct bk_device d = {0};
	struct bk_reader r;
	uint8_t version, nat;

	bk_reader_init(&r, about, n);
	version = bk_read_u8(&r);
	d.flags = bk_read_u8(&r);
	d.since = bk_read_u32(&r);
	nat = bk_read_u8(&r);
	d.nat_udp = type_of(nat >> 4);
	d.nat_tcp = type_of(nat & 15);
	d.addresses_len = bk_read_u8(&r);
	if (version != VERSION || d.addresses_len > BK_DEVICE_ADDRESSES_MAX)
		return BK_E_MALFORMED;
	for (size_t i = 0; i < d.addresses_len && !r.error; i++)
		read_address(&r, &d.addresses[i]);
	if (r.error)
		return BK_E_MALFORMED;
	*ret_device = d;
	return 0;
}
