#include <linux/virtio_blk.h>
#include "drivers.h"
#include "kernel.h"

/*D:780 How fast is all this?  The programs of the benchmark can tell of
 * programs only; what the kernel itself pays for is measured here.  "bench" on
 * the kernel's command line runs it, or in the shell, followed by the name of
 * one test if it's only that.
 *
 * Each test's line is the name, the word "value", and nanoseconds; the
 * programs' lines look the same, and the same script reads both. */
#define CALLS	100000u

static void report(const char *name, u64 value)
{
	printk("%s value %llu\n", name, value);
}

static u64 each(u64 start, u32 count)
{
	return div64(now_ns() - start, count, NULL);
}

static u64 null_hypercall(void)
{
	u64 start = now_ns();
	u32 i;

	for (i = 0; i < CALLS; i++)
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	return each(start, CALLS);
}
/*:*/

/*D:782 What a page table's entry costs to change, where the program has never
 * been: the Host has nothing to forget.  Once with a hypercall for each, and
 * once by way of the ring. */
#define NOWHERE	0x30000000u

static u64 set_pte(void)
{
	u64 start = now_ns();
	u32 i, root = pa(kernel_root());

	for (i = 0; i < CALLS; i++)
		hcall(LHCALL_SET_PTE, root, NOWHERE + i % 1024 * PAGE_SIZE, 0,
		      0);
	return each(start, CALLS);
}

static u64 set_pte_ring(void)
{
	u64 start = now_ns();
	u32 i, root = pa(kernel_root());

	for (i = 0; i < CALLS; i++)
		hcall_later(LHCALL_SET_PTE, root,
			    NOWHERE + i % 1024 * PAGE_SIZE, 0, 0);
	pages_settle();
	return each(start, CALLS);
}
/*:*/

/*D:784 Two threads which do nothing but let each other pass. */
static bool other_may_end;
static struct waitqueue other_ended;
static bool other_has_ended;

static bool has_ended(void *unused)
{
	(void)unused;
	return other_has_ended;
}

static void other(void *unused)
{
	(void)unused;
	while (!other_may_end)
		yield();
	other_has_ended = true;
	wake(&other_ended);
}

static u64 thread_switch(void)
{
	u64 start, took;
	u32 i;

	other_may_end = other_has_ended = false;
	if (!kthread("other", other, NULL))
		return 0;
	start = now_ns();
	for (i = 0; i < CALLS; i++)
		yield();
	took = each(start, 2 * CALLS);
	other_may_end = true;
	wait_on(&other_ended, has_ended, NULL);
	return took;
}
/*:*/

/*D:786 How late is the bell?  Once while we're busy, looking at the clock until
 * the interrupt has come between, and once asleep, with the processor halted.
 * Lateness has no upper end, so it's the middle one of many that counts. */
#define BELLS	51
#define NAP	(NS_PER_MS / 2)

static u64 middle(u64 *values, u32 count)
{
	u32 i, j;

	for (i = 1; i < count; i++) {
		u64 value = values[i];

		for (j = i; j && values[j - 1] > value; j--)
			values[j] = values[j - 1];
		values[j] = value;
	}
	return values[count / 2];
}

static u64 timer_busy(void)
{
	const volatile u32 *timers = &counters.timers;
	u64 late[BELLS], due;
	u32 i, before;

	for (i = 0; i < BELLS; i++) {
		before = *timers;
		due = now_ns() + NAP;
		timer_want(due);
		while (*timers == before)
			;
		late[i] = now_ns() - due;
	}
	return middle(late, BELLS);
}

static u64 timer_halted(void)
{
	u64 late[BELLS], due;
	u32 i;

	for (i = 0; i < BELLS; i++) {
		due = now_ns() + NAP;
		sleep_ns(NAP);
		late[i] = now_ns() - due;
	}
	return middle(late, BELLS);
}
/*:*/

/*D:788 Disks: as many requests per second as it does, in all the ways in which
 * requests come: reads or writes, one behind the other or anywhere, small or
 * large, one at a time or many, and with a flush whenever that many have been
 * written.  "bench=disk", as it writes all over the first disk.
 *
 * Nobody looks at the data, so it's all the same megabyte: that stays in the
 * processor's cache, as it does for the program on the other side (fio) that
 * does the same. */
#define PATTERN_TIME	(100 * NS_PER_MS)
#define FLUSH_TIME	(400 * NS_PER_MS)
#define MOST_IN_FLIGHT	32
#define LARGE		(1u << 20)

struct pattern {
	bool write, random, flush;
	u32 bytes, depth;
};

/* Where request number n goes; the golden ratio never comes to the same place
 * twice in a row, nor to the one next to it. */
static u64 place_of(const struct pattern *pattern, u32 n, u32 places)
{
	u32 place = n % places;

	if (pattern->random)
		place = (u64)(n * 2654435769u) * places >> 32;
	return (u64)place * (pattern->bytes / 512);
}

static void wait_for_all(struct block_request *requests, u32 depth)
{
	u32 i;

	for (i = 0; i < depth; i++)
		if (requests[i].bytes)
			block_wait(&requests[i]);
}

static u64 disk_rate(const struct pattern *pattern, u8 *data)
{
	static struct block_request requests[MOST_IN_FLIGHT];
	u32 places = div64(block_sectors(0), pattern->bytes / 512, NULL);
	u64 time = pattern->flush ? FLUSH_TIME : PATTERN_TIME;
	u64 start = now_ns(), end;
	u32 n;

	memset(requests, 0, sizeof(requests));
	for (n = 0; now_ns() - start < time; n++) {
		struct block_request *request = &requests[n % pattern->depth];

		if (request->bytes)
			block_wait(request);
		if (pattern->flush && n && n % pattern->depth == 0) {
			wait_for_all(requests, pattern->depth);
			block_flush(0);
		}
		request->type = pattern->write ? VIRTIO_BLK_T_OUT :
						 VIRTIO_BLK_T_IN;
		request->sector = place_of(pattern, n, places);
		request->bytes = pattern->bytes;
		request->data = data + n * pattern->bytes % LARGE;
		block_queue(request);
		block_kick(0);
	}
	wait_for_all(requests, pattern->depth);
	end = now_ns();
	return div64((u64)n * NS_PER_S, end - start, NULL);
}

static void disk_pattern(const struct pattern *pattern, u8 *data)
{
	char name[40];

	ksnprintf(name, sizeof(name), "disk_%s_%s_%s_%u%s",
		  pattern->write ? "write" : "read",
		  pattern->random ? "random" : "sequential",
		  pattern->bytes == LARGE ? "1m" : "4k", pattern->depth,
		  pattern->flush ? "_flush" : "");
	report(name, disk_rate(pattern, data));
}

static void bench_disk(void)
{
	u8 *data = alloc_run(LARGE / PAGE_SIZE, 1);
	u32 i;

	if (!data || block_sectors(0) < LARGE / 512) {
		printk("no memory, or no disk\n");
		return;
	}
	for (i = 0; i < 32; i++) {
		struct pattern pattern = {
			.write = i & 1,
			.random = i & 2,
			.bytes = i & 4 ? LARGE : PAGE_SIZE,
			.depth = i & 8 ? MOST_IN_FLIGHT : 1,
			.flush = i & 16,
		};

		if (pattern.write || !pattern.flush)
			disk_pattern(&pattern, data);
	}
}
/*:*/

/*D:792 The network: "bench=net", and a partner at the other end of the wire
 * (bench/host/wire.c).  He begins by sending things for us to repeat.  When he
 * has had enough of that he says that it's our turn, and we send as much as fits,
 * in small frames and in large ones; then he does.  "Your turn" is a datagram to
 * port 9, for both of us.
 *
 * There are no large packets until somebody wants to send one.  As we measure
 * sending and not making them, the first hundred don't count. */
#define PARTNER		0xc0a81301	/* 192.168.19.1 */
#define TURN		9
#define NOBODY		10
#define SMALL_FRAMES	60000u
#define LARGE_FRAMES	12000u
#define FIRST_FRAMES	100u
#define WINDOW		(250 * NS_PER_MS)
#define BEGINNING	20		/* frames, not somebody's ARP */

struct arrived {
	u64 frames, bytes, ns;
};

static void wait_for_turn(u32 turn)
{
	while (net_counts(0).sunk_packets < turn)
		sleep_ns(NS_PER_MS);
}

static void partners_turn(void)
{
	net_flood(PARTNER, TURN, 1, 1);
}

/* Until there have been enough, when it's the partner's turn to stop. */
static struct arrived listen(void)
{
	struct net_counts first, counts;
	u64 begin = net_counts(0).frames_in + BEGINNING, start;

	while (net_counts(0).frames_in < begin)
		sleep_ns(NS_PER_MS);
	first = net_counts(0);
	start = now_ns();
	sleep_ns(WINDOW);
	counts = net_counts(0);
	start = now_ns() - start;
	partners_turn();
	return (struct arrived){
		.frames = counts.frames_in - first.frames_in,
		.bytes = counts.bytes_in - first.bytes_in,
		.ns = start,
	};
}

static u64 per_second(u64 count, u64 ns)
{
	u32 us = div64(ns, 1000, NULL);

	return us ? div64(count * 1000000, us, NULL) : 0;
}

static u64 kb_per_second(u64 bytes, u64 ns)
{
	return div64(per_second(bytes, ns), 1000, NULL);
}

static void bench_net(void)
{
	struct arrived arrived;
	u64 start, sent;

	if (!net_cards()) {
		printk("no network\n");
		return;
	}
	wait_for_turn(1);
	start = now_ns();
	sent = net_flood(PARTNER, NOBODY, 1472, SMALL_FRAMES);
	report("net_out_1500", per_second(sent, now_ns() - start));
	net_flood_large(PARTNER, NOBODY, FIRST_FRAMES);
	start = now_ns();
	sent = net_flood_large(PARTNER, NOBODY, LARGE_FRAMES);
	report("net_out_gso", kb_per_second(sent, now_ns() - start));
	partners_turn();
	arrived = listen();
	report("net_in_1500", per_second(arrived.frames, arrived.ns));
	wait_for_turn(2);
	arrived = listen();
	report("net_in_gso", kb_per_second(arrived.bytes, arrived.ns));
}
/*:*/

/*D:798 All of it that needs no devices, or one, or a device. */
static const struct {
	const char *name;
	u64 (*measure)(void);
} tests[] = {
	{ "null_hypercall", null_hypercall },
	{ "set_pte", set_pte },
	{ "set_pte_ring", set_pte_ring },
	{ "thread_switch", thread_switch },
	{ "timer_busy", timer_busy },
	{ "timer_halted", timer_halted },
};

static const struct {
	const char *name;
	void (*measure)(void);
} devices[] = {
	{ "disk", bench_disk },
	{ "net", bench_net },
};

bool bench(const char *name)
{
	unsigned int i;
	bool found = false;

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		if (*name && strcmp(name, tests[i].name) != 0)
			continue;
		report(tests[i].name, tests[i].measure());
		found = true;
	}
	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		if (strcmp(name, devices[i].name) != 0)
			continue;
		devices[i].measure();
		found = true;
	}
	return found;
}
/*:*/
