/* Rings, descriptors, indirect tables, and the life of a device. */
#include "guest.h"

#define RNG(text) "1 lguest: device 0 (rng): input queue: " text
#define NET_CARD "--tunnet=10.77.0.1"
#define SEND(text) "1 lguest: device 0 (net " "10.77.0.1): send queue: " text

static struct device dev;
static struct queue *const q = &dev.vq[0];
static u8 buffer[4 * PAGE] __attribute__((aligned(PAGE)));
#define BUFFER ((u32)buffer)

static void start_rng(void)
{
	find_device(RNG, &dev);
	start_device(&dev, 0);
}

/* What was written is inside [from, to) of the buffer. */
static void check_touched(u32 from, u32 to)
{
	for (u32 i = 0; i < sizeof(buffer); i++)
		demand(!buffer[i] || (i >= from && i < to));
}

static void go(u16 head)
{
	make_available(q, head);
	kick(q);
}

static void chain_of(u32 num)
{
	for (u32 i = 0; i < num; i++)
		set_desc(q, i, BUFFER + i, 1,
			 i + 1 < num ? DESC_WRITE | DESC_NEXT : DESC_WRITE,
			 i + 1);
}

CASE(ring_works, "--rng", HARMLESS)
{
	start_rng();
	offer(q, BUFFER + 100, 1000, DESC_WRITE);
	demand(wait_used(q) == 1000);
	check_touched(100, 1100);
}

CASE(ring_self_loop, "--rng", RNG("chain 0 is looped: more than 256 descriptors"))
{
	start_rng();
	offer(q, BUFFER, 16, DESC_WRITE | DESC_NEXT);
	wait_for_death();
}

CASE(ring_long_loop, "--rng", RNG("chain 0 is looped: more than 256 descriptors"))
{
	start_rng();
	chain_of(256);
	q->desc[255].flags = DESC_WRITE | DESC_NEXT;
	q->desc[255].next = 0;
	go(0);
	wait_for_death();
}

CASE(ring_loop_of_nothing, "--rng", RNG("chain 0 is looped: *"))
{
	start_rng();
	offer(q, BUFFER, 0, DESC_WRITE | DESC_NEXT);
	wait_for_death();
}

CASE(ring_chain_of_256, "--rng", HARMLESS)
{
	start_rng();
	chain_of(256);
	go(0);
	demand(wait_used(q) == 256);
	check_touched(0, 256);
}

CASE(ring_chain_of_257, "--rng", RNG("chain 0: next 256 is outside the table of 256"))
{
	start_rng();
	chain_of(256);
	q->desc[255].flags = DESC_WRITE | DESC_NEXT;
	q->desc[255].next = 256;
	go(0);
	wait_for_death();
}

CASE(ring_next_outside, "--rng", RNG("chain 7: next 65535 is outside the table of 256"))
{
	start_rng();
	set_desc(q, 7, BUFFER, 16, DESC_WRITE | DESC_NEXT, 65535);
	go(7);
	wait_for_death();
}

CASE(ring_head_256, "--rng", RNG("head 256 is outside the table of 256"))
{
	start_rng();
	go(256);
	wait_for_death();
}

CASE(ring_head_65535, "--rng", RNG("head 65535 is outside the table of 256"))
{
	start_rng();
	go(65535);
	wait_for_death();
}

CASE(ring_same_head_twice, "--rng", HARMLESS)
{
	start_rng();
	set_desc(q, 3, BUFFER, 16, DESC_WRITE, 0);
	for (u32 i = 0; i < 256; i++)
		make_available(q, 3);
	kick(q);
	for (u32 i = 0; i < 256; i++)
		demand(wait_used(q) == 16);
	check_touched(0, 16);
}

CASE(ring_index_forward, "--rng", RNG("available index went from 0 to 257, the ring has 256 slots"))
{
	start_rng();
	q->avail->idx = 257;
	kick(q);
	wait_for_death();
}

CASE(ring_index_back, "--rng", RNG("available index went from 1 to 0, the ring has 256 slots"))
{
	start_rng();
	offer(q, BUFFER, 16, DESC_WRITE);
	wait_used(q);
	q->avail->idx = 0;
	kick(q);
	wait_for_death();
}

/* Sixteen at a time, all the way round and a bit. */
CASE(ring_index_wraps, "--rng", HARMLESS)
{
	start_rng();
	set_desc(q, 0, BUFFER, 1, DESC_WRITE, 0);
	for (u32 i = 0; i < 65536 + 512; i += 256) {
		for (u32 j = 0; j < 256; j++)
			make_available(q, 0);
		kick(q);
		for (u32 j = 0; j < 256; j++)
			demand(wait_used(q) == 1);
	}
	check_touched(0, 1);
}

CASE(ring_jump_at_wrap, "--rng", RNG("available index went from 65280 to 1, the ring has 256 slots"))
{
	start_rng();
	set_desc(q, 0, BUFFER, 1, DESC_WRITE, 0);
	for (u32 i = 0; i < 65280; i += 256) {
		q->avail->idx += 256;
		kick(q);
		for (u32 j = 0; j < 256; j++)
			wait_used(q);
	}
	q->avail->idx = 1;
	kick(q);
	wait_for_death();
}

CASE(ring_flags_garbage, "--rng", HARMLESS)
{
	start_rng();
	q->avail->flags = 0xfffe;
	offer(q, BUFFER, 16, DESC_WRITE | 0xfff8);
	demand(wait_used(q) == 16);
	check_touched(0, 16);
}

CASE(ring_used_scribbled, "--rng", HARMLESS)
{
	start_rng();
	for (u32 i = 0; i < 300; i++) {
		fill((void *)q->used, 0xff, PAGE);
		q->seen = i - 1;
		offer(q, BUFFER, 16, DESC_WRITE);
		while (q->used->idx != (u16)(i + 1))
			sleep_ms(1);
	}
	check_touched(0, 16);
}

/* Randomness over its own ring may or may not look like a request. */
CASE(ring_over_itself, "--rng", "? *")
{
	start_rng();
	offer(q, q->addr, 3 * PAGE, DESC_WRITE);
	sleep_ms(50);
	kick(q);
	sleep_ms(50);
}

CASE(ring_over_descriptors, "--rng", HARMLESS)
{
	start_rng();
	offer(q, memory_end(), PAGE, DESC_WRITE);
	demand(wait_used(q) == PAGE);
}

CASE(ring_over_another_queue, "--rng", "? *")
{
	static struct device console;

	start_rng();
	find_device(CONSOLE, &console);
	start_device(&console, 0);
	offer(q, console.vq[1].addr, 3 * PAGE, DESC_WRITE);
	wait_used(q);
	kick(&console.vq[1]);
	sleep_ms(50);
}

CASE(ring_over_page_tables, "--rng", "? *")
{
	start_rng();
	programs_on();
	offer(q, (u32)page_directory, PAGE, DESC_WRITE);
	wait_used(q);
	hcall(FLUSH_TLB, 1, 0, 0, 0);
}

CASE(ring_over_code, "--rng", "? *")
{
	start_rng();
	offer(q, 0x100000, 2 * PAGE, DESC_WRITE);
	wait_used(q);
}

CASE(ring_kicked_a_lot, "--rng --block=DISK", HARMLESS)
{
	static struct device block;

	start_rng();
	find_device(BLOCK, &block);
	start_device(&block, 0);
	for (u32 i = 0; i < 20000; i++) {
		kick(q);
		kick(&block.vq[0]);
	}
	offer(q, BUFFER, 16, DESC_WRITE);
	demand(wait_used(q) == 16);
}

/* ---- Descriptors; the numbers come from the runner ---- */

CASE(_descriptor, "--rng", "")
{
	begin();
	start_rng();
	offer(q, (u64)argument(0) << 32 | argument(1), argument(2), DESC_WRITE);
	wait_used(q);
}

CASE(descriptor_last_byte, "--rng", HARMLESS)
{
	start_rng();
	offer(q, limit() - 1, 1, DESC_WRITE);
	demand(wait_used(q) == 1);
}

CASE(descriptor_one_past, "--rng", RNG("buffer of 1 bytes at 0x100a000 is outside the Guest's memory (limit 0x100a000)"))
{
	/* A length of zero would be good even there. */
	start_rng();
	demand(limit() == 0x100a000);
	offer(q, limit(), 1, DESC_WRITE);
	wait_for_death();
}

CASE(descriptor_last_byte_and_one, "--rng", RNG("buffer of 2 bytes at 0x*fff is outside *"))
{
	start_rng();
	offer(q, limit() - 1, 2, DESC_WRITE);
	wait_for_death();
}

CASE(descriptor_null, "--rng", HARMLESS)
{
	start_rng();
	offer(q, 0, 1, DESC_WRITE);
	demand(wait_used(q) == 1);
}

CASE(descriptor_total_over_4g, "--rng", RNG("chain 0 is looped: *"))
{
	start_rng();
	for (u32 i = 0; i < 256; i++)
		set_desc(q, i, 0, limit(), DESC_WRITE | DESC_NEXT,
			 (i + 1) % 256);
	go(0);
	wait_for_death();
}

CASE(descriptor_readable, "--rng", RNG("chain 0 has 1 readable and 0 writable buffers, only writable ones belong here"))
{
	start_rng();
	offer(q, BUFFER, 16, 0);
	wait_for_death();
}

CASE(descriptor_readable_after, "--rng", RNG("chain 0: readable buffer after a writable one"))
{
	start_rng();
	set_desc(q, 1, BUFFER, 16, 0, 0);
	set_desc(q, 0, BUFFER, 16, DESC_WRITE | DESC_NEXT, 1);
	go(0);
	wait_for_death();
}

CASE(descriptor_empty, "--rng", RNG("chain 0 has 0 readable and 0 writable buffers, *"))
{
	start_rng();
	offer(q, BUFFER, 0, DESC_WRITE);
	wait_for_death();
}

CASE(descriptor_empty_outside, "--rng", RNG("buffer of 0 bytes at 0xfffffffffffffff0 is outside *"))
{
	start_rng();
	offer(q, 0xfffffffffffffff0ull, 0, DESC_WRITE);
	wait_for_death();
}

/* A second of asking for other people's chairs while they're being moved: the
 * descriptor is good and bad in turns, and the device may see any mixture.  The
 * four fields change one after the other, so that the mixtures are many. */
static void juggle(u64 addr, u32 len, u16 flags, u16 next)
{
	for (u32 i = 0; i < 3000000; i++) {
		bool good = random32() & 15;

		q->desc[0].addr = good ? BUFFER : addr;
		q->desc[0].len = good ? 16 : len;
		q->desc[0].flags = good ? DESC_WRITE : flags;
		q->desc[0].next = good ? 0 : next;
		if (q->used->idx != q->avail->idx)
			continue;
		make_available(q, 0);
		if (!q->used->flags)
			kick(q);
	}
}

CASE(race_address, "--rng", "? *")
{
	start_rng();
	set_desc(q, 0, BUFFER, 16, DESC_WRITE, 0);
	juggle(0xfffffff0, 16, DESC_WRITE, 0);
}

CASE(race_length, "--rng", "? *")
{
	start_rng();
	set_desc(q, 0, BUFFER, 16, DESC_WRITE, 0);
	juggle(BUFFER, 0xffffffff, DESC_WRITE, 0);
}

CASE(race_next, "--rng", "? *")
{
	start_rng();
	set_desc(q, 0, BUFFER, 16, DESC_WRITE, 0);
	juggle(BUFFER, 16, DESC_WRITE | DESC_NEXT, 0xffff);
}

CASE(race_flags, "--rng", "? *")
{
	start_rng();
	set_desc(q, 0, BUFFER, 16, DESC_WRITE, 0);
	juggle(BUFFER, 16, DESC_INDIRECT | DESC_NEXT, 0);
}

/* The same with what's in the ring: heads, and how many there are. */
CASE(race_ring, "--rng", "? *")
{
	start_rng();
	chain_of(256);
	for (u32 i = 0; i < 3000000; i++) {
		q->avail->ring[i % RING_SIZE] = random32() & 15 ? 255 : i;
		if (!(random32() & 1023))
			q->avail->idx = q->used->idx + (random32() & 0x1ff);
		if (!(i & 63) && !q->used->flags)
			kick(q);
	}
}

CASE(race_harmless, "--rng", HARMLESS)
{
	start_rng();
	set_desc(q, 0, BUFFER, 16, DESC_WRITE, 0);
	juggle(BUFFER + PAGE, PAGE, DESC_WRITE, 300);
}

/* ---- Indirect tables ---- */

static struct desc table[300] __attribute__((aligned(PAGE)));

static void start_net(u32 features)
{
	find_device(NET, &dev);
	start_device(&dev, features);
}

#define NET_INDIRECT (1u << 28)

static void send_indirect(u64 addr, u32 len, u16 flags)
{
	struct queue *send = &dev.vq[1];

	offer(send, addr, len, DESC_INDIRECT | flags);
}

/* Packets: a header of ten bytes, and a broadcast to nobody. */
static void fill_table(u32 num)
{
	for (u32 i = 0; i < num; i++)
		table[i] = (struct desc){ BUFFER + i, 1, i + 1 < num ?
					  DESC_NEXT : 0, i + 1 };
}

CASE(indirect_refused, "--rng", RNG("indirect descriptor, a feature that was not accepted"))
{
	start_rng();
	offer(q, (u32)table, 16, DESC_INDIRECT);
	wait_for_death();
}

CASE(indirect_not_accepted, NET_CARD, SEND("indirect descriptor, a feature that was not accepted"))
{
	start_net(0);
	send_indirect((u32)table, 16, 0);
	wait_for_death();
}

CASE(indirect_works, NET_CARD, HARMLESS)
{
	start_net(NET_INDIRECT);
	fill_table(100);
	send_indirect((u32)table, 100 * 16, 0);
	wait_used(&dev.vq[1]);
}

CASE(indirect_nested, NET_CARD, SEND("indirect descriptor inside an indirect table"))
{
	start_net(NET_INDIRECT);
	table[0] = (struct desc){ (u32)table, 16, DESC_INDIRECT, 0 };
	send_indirect((u32)table, 16, 0);
	wait_for_death();
}

CASE(indirect_with_next, NET_CARD, HARMLESS)
{
	/* The rest of the chain is never looked at. */
	start_net(NET_INDIRECT);
	fill_table(100);
	send_indirect((u32)table, 100 * 16, DESC_NEXT);
	wait_used(&dev.vq[1]);
}

CASE(indirect_misaligned, NET_CARD, SEND("indirect table at 0x*, not a multiple of 4"))
{
	start_net(NET_INDIRECT);
	send_indirect((u32)table + 2, 32, 0);
	wait_for_death();
}

CASE(indirect_anywhere, NET_CARD, HARMLESS)
{
	struct desc *at = (void *)((u32)table + 4);

	start_net(NET_INDIRECT);
	*at = (struct desc){ BUFFER + 1, 99, 0, 0 };
	send_indirect((u32)at, 16, 0);
	wait_used(&dev.vq[1]);
}

CASE(indirect_of_nothing, NET_CARD, SEND("chain 0: next 0 is outside the table of 0"))
{
	start_net(NET_INDIRECT);
	send_indirect((u32)table, 0, 0);
	wait_for_death();
}

CASE(indirect_17_bytes, NET_CARD, SEND("indirect table of 17 bytes, not a multiple of 16"))
{
	start_net(NET_INDIRECT);
	send_indirect((u32)table, 17, 0);
	wait_for_death();
}

CASE(indirect_of_300, NET_CARD, SEND("chain 0 has more than 256 buffers"))
{
	start_net(NET_INDIRECT);
	fill_table(300);
	send_indirect((u32)table, 300 * 16, 0);
	wait_for_death();
}

CASE(indirect_one_too_many, NET_CARD, SEND("chain 0: next 8 is outside the table of 8"))
{
	start_net(NET_INDIRECT);
	fill_table(9);
	send_indirect((u32)table, 8 * 16, 0);
	wait_for_death();
}

CASE(indirect_outside, NET_CARD, SEND("indirect table of 16 bytes at 0xfffffff0 is outside the Guest's memory (limit *)"))
{
	start_net(NET_INDIRECT);
	send_indirect(0xfffffff0, 16, 0);
	wait_for_death();
}

CASE(indirect_crosses_end, NET_CARD, SEND("indirect table of 32 bytes at *"))
{
	start_net(NET_INDIRECT);
	send_indirect(limit() - 16, 32, 0);
	wait_for_death();
}

CASE(indirect_looped, NET_CARD, SEND("chain 0 is looped: more than 8 descriptors"))
{
	start_net(NET_INDIRECT);
	fill_table(8);
	table[7].flags = DESC_NEXT;
	table[7].next = 0;
	send_indirect((u32)table, 8 * 16, 0);
	wait_for_death();
}

/* A million descriptors; whatever they say, it's soon over. */
CASE(indirect_all_of_memory, NET_CARD, "? *")
{
	start_net(NET_INDIRECT);
	send_indirect(0, memory_end(), 0);
	sleep_ms(100);
}

/* ---- The status byte ---- */

CASE(status_kick_early, "--rng", RNG("notification before setup"))
{
	find_device(RNG, &dev);
	kick(q);
	wait_for_death();
}

CASE(status_kick_after_reset, "--rng", HARMLESS)
{
	start_rng();
	offer(q, BUFFER, 16, DESC_WRITE);
	wait_used(q);
	set_status(&dev, 0);
	demand(!q->avail->idx && !q->used->idx);
	kick(q);
	sleep_ms(20);
	demand(!q->used->idx);
}

/* A reset while the device is at work, again and again. */
CASE(status_reset_at_work, "--rng", HARMLESS)
{
	find_device(RNG, &dev);
	for (u32 i = 0; i < 300; i++) {
		start_device(&dev, 0);
		set_desc(q, 0, BUFFER, 4 * PAGE, DESC_WRITE, 0);
		for (u32 j = 0; j < 200; j++)
			make_available(q, 0);
		offer(q, BUFFER, 4 * PAGE, DESC_WRITE);
		set_status(&dev, 0);
		demand(!q->used->idx);
	}
}

/* The last words are true, or there are none: status 0 and a line don't go
 * together here. */
CASE(status_reset_after_death, "--rng", "? *")
{
	start_rng();
	go(300);
	sleep_ms(1);
	set_status(&dev, 0);
	sleep_ms(10);
}

CASE(status_finalized_twice, "--rng", "1 lguest: device 0 (rng): finalized twice (status 0x3 while it runs)")
{
	start_rng();
	set_status(&dev, 3);
	wait_for_death();
}

CASE(status_bits_cleared, "--rng", "1 lguest: device 0 (rng): finalized twice (status 0x1 while it runs)")
{
	start_rng();
	set_status(&dev, 1);
	wait_for_death();
}

CASE(status_failed_then_kick, "--rng", "0 lguest: device 0 (rng): the Guest's driver has given it up")
{
	start_rng();
	set_status(&dev, 0x83);
	kick(q);
	sleep_ms(20);
}

CASE(status_failed_often, "--rng", "0 lguest: device 0 (rng): *")
{
	for (u32 i = 0; i < 100; i++) {
		start_rng();
		set_status(&dev, 0xff);
	}
}

/* The runner counts the lines. */
CASE(status_failed_and_failed, "--rng", "0 lguest: device 0 (rng): *")
{
	find_device(RNG, &dev);
	for (u32 i = 0; i < 20000; i++)
		set_status(&dev, 0x80);
}

CASE(status_feature_not_offered, "--block=DISK", "1 lguest: device 0 (block *): Guest accepts features 0xffff, offered were *")
{
	find_device(BLOCK, &dev);
	start_device(&dev, 0xffff);
	wait_for_death();
}

CASE(status_page_overwritten, "--rng --block=DISK", HARMLESS)
{
	start_rng();
	fill((void *)memory_end(), 0xff, PAGE);
	dev.desc[DESC_STATUS] = 3;
	offer(q, BUFFER, 16, DESC_WRITE);
	demand(wait_used(q) == 16);
}

CASE(status_lengths_changed, "--block=DISK --rng", HARMLESS)
{
	for (u32 i = 0; i < 256; i++) {
		find_device(RNG, &dev);
		dev.desc[DESC_NUM_VQ] = dev.desc[DESC_FEATURE_LEN] =
			dev.desc[DESC_CONFIG_LEN] = i;
		set_status(&dev, 0);
		set_status(&dev, 3);
		offer(q, BUFFER, 16, DESC_WRITE);
		demand(wait_used(q) == 16);
		dev.desc[DESC_NUM_VQ] = 1;
		dev.desc[DESC_FEATURE_LEN] = dev.desc[DESC_CONFIG_LEN] = 0;
	}
}

CASE(status_queue_moved, "--rng", HARMLESS)
{
	find_device(RNG, &dev);
	*(volatile u32 *)(dev.desc + 5 + 4) = 0x12345;
	start_device(&dev, 0);
	offer(q, BUFFER, 16, DESC_WRITE);
	demand(wait_used(q) == 16);
}
