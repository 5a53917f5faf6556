/* What a hostile Guest may do to its virtqueues. */
#include <stdio.h>
#include <string.h>
#include <linux/virtio_ring.h>
#include "standin.h"

#define MEM (64u << 20)
#define LIMIT (MEM + (1 + 3 * 3) * 4096)

static struct found rng;

/* An rng and a console, and the rng's queue is the victim. */
static struct run *victim(void)
{
	struct run *r = boot_with(0, "--rng");

	find_device(r, 0, &rng);
	start_device(r, &rng, 0);
	return r;
}

static void put_chain(struct run *r)
{
	struct queue *q = &rng.vq[0];

	(void)r;
	make_available(q, 0);
	kick(q);
}

static void dies(struct run *r, const char *name, const char *text)
{
	char expected[512];
	size_t lines = 0;

	snprintf(expected, sizeof(expected), "lguest: device 0 (rng): input queue: %s\n", text);
	same(name, wait_end(r), 1);
	says(r, name, expected);
	for (const char *c = r->err; (c = strstr(c, "lguest: ")); c++)
		lines++;
	same("in one line", lines, 1);
	finish(r);
}

static void bad_index(void)
{
	struct run *r = victim();

	put(r, rng.vq[0].addr + 4096 + 2, 2, 257);
	kick(&rng.vq[0]);
	dies(r, "available index", "available index went from 0 to 257, the ring has 256 slots");

	r = victim();
	put(r, rng.vq[0].addr + 4096 + 2, 2, 0xffff);
	kick(&rng.vq[0]);
	dies(r, "available index backwards", "available index went from 0 to 65535, the ring has 256 slots");

	r = victim();
	make_available(&rng.vq[0], 256);
	kick(&rng.vq[0]);
	dies(r, "head", "head 256 is outside the table of 256");
}

static void bad_chain(void)
{
	struct run *r = victim();
	struct queue *q = &rng.vq[0];

	set_desc(q, q->addr, 0, 0x10000, 16, 3, 256);
	put_chain(r);
	dies(r, "next", "chain 0: next 256 is outside the table of 256");

	r = victim();
	set_desc(q, q->addr, 0, 0x10000, 16, 3, 1);
	set_desc(q, q->addr, 1, 0x10000, 16, 3, 0);
	put_chain(r);
	dies(r, "loop", "chain 0 is looped: more than 256 descriptors");

	r = victim();
	set_desc(q, q->addr, 0, 0x10000, 0, 3, 0);
	put_chain(r);
	dies(r, "loop of nothing", "chain 0 is looped: more than 256 descriptors");

	r = victim();
	set_desc(q, q->addr, 0, 0x10000, 16, 3, 1);
	set_desc(q, q->addr, 1, 0x10000, 16, 0, 0);
	put_chain(r);
	dies(r, "readable after writable", "chain 0: readable buffer after a writable one");

	r = victim();
	set_desc(q, q->addr, 0, 0x10000, 16, 0, 0);
	put_chain(r);
	dies(r, "wrong direction", "chain 0 has 1 readable and 0 writable buffers, only writable ones belong here");

	r = victim();
	set_desc(q, q->addr, 0, 0x10000, 0, 2, 0);
	put_chain(r);
	dies(r, "no room at all", "chain 0 has 0 readable and 0 writable buffers, only writable ones belong here");
}

static void bad_address(void)
{
	static const struct {
		u64 addr;
		u32 len;
	} cases[] = {
		{ LIMIT, 1 },
		{ LIMIT - 1, 2 },
		{ 0, LIMIT + 1 },
		{ 0x10000, 0xffffffff },
		{ 0xffffffff, 1 },
		{ 0x100000000ull, 1 },
		{ 0xffffffffffffffffull, 1 },
		{ 0xffffffffffff0000ull, 0x20000 },
		{ 0x8000000000000000ull, 16 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct run *r = victim();
		char text[256];

		set_desc(&rng.vq[0], rng.vq[0].addr, 0, cases[i].addr,
			 cases[i].len, 2, 0);
		put_chain(r);
		snprintf(text, sizeof(text), "buffer of %u bytes at %#llx is outside the Guest's memory (limit %#x)",
			 cases[i].len, (unsigned long long)cases[i].addr, LIMIT);
		dies(r, "buffer outside memory", text);
	}
}

static void indirect_unasked(void)
{
	struct run *r = victim();

	set_desc(&rng.vq[0], rng.vq[0].addr, 0, 0x10000, 16, VRING_DESC_F_INDIRECT, 0);
	put_chain(r);
	dies(r, "indirect", "indirect descriptor, a feature that was not accepted");
}

/* What must work: the whole ring, wrapping of the indices, flags. */
static void good_ones(void)
{
	struct run *r = victim();
	struct queue *q = &rng.vq[0];
	unsigned int irqs, zero = 0;
	u16 total = 0;
	u8 page[4096];
	u32 len;

	for (unsigned int i = 0; i < 256; i++)
		chain(q, { LIMIT - 8 - 8 * 3 - 3 * 4096 * 3, 8, true });
	kick(q);
	total += 256;
	check(wait_used(q, total, &len), "256 chains at once");
	same("length", len, 8);

	for (unsigned int i = 0; i < 256; i++)
		set_desc(q, q->addr, i, 0x20000 + 16 * i, 16, i == 255 ? 2 : 3, i + 1);
	make_available(q, 0);
	kick(q);
	check(wait_used(q, ++total, &len), "a chain of the whole table");
	same("length of it all", len, 4096);
	peek(r, 0x20000, page, sizeof(page));
	for (unsigned int i = 0; i < sizeof(page); i++)
		zero += !page[i];
	check(zero < 100, "and it's random (%u zero bytes)", zero);

	set_desc(q, q->addr, 0, 0x20000, 8, 3, 1);
	set_desc(q, q->addr, 1, 0x30000, 0, 3, 2);
	set_desc(q, q->addr, 2, 0x20008, 8, 2, 0);
	make_available(q, 0);
	kick(q);
	check(wait_used(q, ++total, &len), "an empty buffer between others");
	same("length without it", len, 16);

	set_desc(q, q->addr, 0, 0x20000, 8, 2, 0);
	for (unsigned int i = 0; i < 65800; i += 200) {
		for (unsigned int j = 0; j < 200; j++)
			make_available(q, 0);
		kick(q);
		total += 200;
		if (!wait_used(q, total, &len)) {
			check(false, "at used index %u", total);
			break;
		}
	}
	check(!r->gone, "indices wrap at 65536");
	wait_ms(r, 50);
	irqs = r->irqs[rng.vq[0].irq];
	put(r, q->addr + 4096, 2, VRING_AVAIL_F_NO_INTERRUPT);
	make_available(q, 0);
	kick(q);
	check(wait_used(q, ++total, NULL), "with NO_INTERRUPT");
	wait_ms(r, 50);
	same("there's no interrupt", r->irqs[rng.vq[0].irq], irqs);
	same("asleep, it wants to be notified", get(r, q->addr + 8192, 2), 0);
	kick(q);
	wait_ms(r, 50);
	same("woken for nothing, it sends none either", r->irqs[rng.vq[0].irq], irqs);
	same("used index as it was", used_index(q), total);
	same("nobody said anything", r->err_len, 0);
	finish(r);
}

/* The used index in the ring is the Guest's to write, and ours not to read. */
static void scribbled_used(void)
{
	struct run *r = victim();
	struct queue *q = &rng.vq[0];

	put(r, q->addr + 8192 + 2, 2, 0x7777);
	chain(q, { 0x10000, 16, true });
	kick(q);
	check(wait_used(q, 1, NULL), "a scribbled used index doesn't matter");
	finish(r);
}

const struct test tests[] = {
	{ "bad index", bad_index },
	{ "bad chain", bad_chain },
	{ "bad address", bad_address },
	{ "indirect", indirect_unasked },
	{ "good ones", good_ones },
	{ "scribbled used ring", scribbled_used },
	{ NULL, NULL },
};
