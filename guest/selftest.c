#include <linux/virtio_blk.h>
#include "drivers.h"

/*D:700 The self-test: one program that tries everything, in the order in which
 * this kernel needs it.  Not because we expect puppy to have broken overnight,
 * but because somebody has just changed the Host below it.
 *
 * A test returns NULL, or what was wrong, which because() puts into words. */
static char reason[160];

static const char *because(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

static const char *because(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	kvsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	return reason;
}

static unsigned int passed, failed;

static void report(const char *name, const char *why)
{
	if (why) {
		printk("FAIL %s: %s\n", name, why);
		failed++;
	} else {
		printk("PASS %s\n", name);
		passed++;
	}
}
/*:*/

/*D:710 Hypercalls, and the ring: more calls than it has room for, and after the
 * next ordinary one there must be none left. */
static const char *test_ring(void)
{
	u32 i, before = counters.ring_full;

	for (i = 0; i < LHCALL_RING_SIZE + 3; i++)
		hcall_later(LHCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	if (counters.ring_full == before)
		return because("%u calls fit in", i);
	hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	for (i = 0; i < LHCALL_RING_SIZE; i++)
		if (lguest_data.hcall_status[i] != LHCALL_RING_DONE)
			return because("slot %u is still waiting", i);
	return NULL;
}
/*:*/

/*D:712 Pages: all different, all empty, and all of them back in the end. */
#define TEST_PAGES	100

static bool is_empty(const u32 *page)
{
	u32 i;

	for (i = 0; i < PAGE_SIZE / sizeof(*page); i++)
		if (page[i])
			return false;
	return true;
}

static const char *test_pages(void)
{
	u32 *pages[TEST_PAGES], i, dirty = 0, before = free_pages();

	for (i = 0; i < TEST_PAGES; i++) {
		pages[i] = alloc_page();
		if (!pages[i])
			return because("only %u pages", i);
		dirty += !is_empty(pages[i]);
		memset(pages[i], 0xff, PAGE_SIZE);
	}
	for (i = 0; i < TEST_PAGES; i++)
		free_page(pages[i]);
	if (dirty)
		return because("%u pages weren't empty", dirty);
	if (free_pages() != before)
		return because("%u pages free, not %u", free_pages(), before);
	return NULL;
}
/*:*/

/*D:714 The accessed and dirty bits: the processor sets them, says the manual.
 * Here it's the Host who must, and a kernel that swaps would believe them. */
static const char *check_bits(const u32 *page, u32 expected, const char *when)
{
	u32 bits = kernel_page_flags(page) & (PTE_ACCESSED | PTE_DIRTY);

	return bits == expected ? NULL :
	       because("%x, not %x, after %s", bits, expected, when);
}

static const char *touch_and_check(volatile u32 *page)
{
	const char *why;

	kernel_page_clear((u32 *)page, PTE_ACCESSED | PTE_DIRTY);
	why = check_bits((u32 *)page, 0, "clearing");
	if (why)
		return why;
	(void)page[0];
	why = check_bits((u32 *)page, PTE_ACCESSED, "a read");
	if (why)
		return why;
	page[0] = 1;
	return check_bits((u32 *)page, PTE_ACCESSED | PTE_DIRTY, "a write");
}

static const char *test_page_bits(void)
{
	u32 *page = alloc_page();
	const char *why;
	int i;

	if (!page)
		return because("no memory");
	for (i = 0, why = NULL; i < 3 && !why; i++)
		why = touch_and_check(page);
	free_page(page);
	return why;
}
/*:*/

/*D:720 Time.  A nap may be longer than asked for, if the machine is busy (with
 * two dozen Guests on two processors, one was of 1.14 s); shorter it may not be,
 * ever.  While we sleep there's nothing to do, so the processor must have been
 * halted, and woken by the timer. */
#define NAP	(5 * NS_PER_MS)
#define TOO_LONG (20 * NS_PER_S)

static const char *test_clock(void)
{
	u64 before = now_ns(), now;
	int i;

	for (i = 0; i < 10000; i++, before = now) {
		now = now_ns();
		if (now < before)
			return because("back by %llu ns", before - now);
	}
	if (wall_seconds() < 1000000000)
		return because("it's the second %llu since 1970",
			       wall_seconds());
	return NULL;
}

static const char *test_timer(void)
{
	u64 start, slept;
	int i;

	for (i = 0; i < 5; i++) {
		start = now_ns();
		sleep_ns(NAP);
		slept = now_ns() - start;
		if (slept < NAP || slept > TOO_LONG)
			return because("slept %llu ns, not %u", slept, NAP);
	}
	return NULL;
}

static const char *test_halt(void)
{
	u32 halts = counters.halts, timers = counters.timers;

	sleep_ns(NAP);
	if (counters.halts == halts)
		return because("the processor didn't halt");
	if (counters.timers == timers)
		return because("it wasn't the timer that woke it");
	return NULL;
}
/*:*/

/*D:722 With interrupts off the bell rings, but isn't heard: it leaves a mark in
 * irq_pending, and is heard when they're on again. */
static bool mark_appears(void)
{
	const volatile u32 *pending = &lguest_data.irq_pending;
	u64 end;

	timer_want(now_ns() + NS_PER_MS);
	for (end = now_ns() + TOO_LONG; now_ns() < end; )
		if (*pending)
			return true;
	return false;
}

static const char *test_pending(void)
{
	u32 flags = irq_save(), timers = counters.timers, unheard;
	bool marked = mark_appears();

	unheard = counters.timers;
	irq_restore(flags);
	if (unheard != timers)
		return because("interrupted with interrupts off");
	if (!marked)
		return because("no mark in irq_pending");
	if (counters.timers == timers)
		return because("the interrupt got lost");
	if (lguest_data.irq_pending)
		return because("the mark in irq_pending stays");
	return NULL;
}
/*:*/

/*D:730 Threads: two of them count together, one the even and one the odd
 * numbers.  Neither can go on before the other has. */
#define COUNT_TO	200

static u32 counted;
static struct waitqueue next_number;

static bool counted_even(void *unused)
{
	(void)unused;
	return counted % 2 == 0;
}

static bool counted_odd(void *unused)
{
	(void)unused;
	return counted % 2 == 1;
}

static void count_on(bool (*turn)(void *))
{
	while (counted < COUNT_TO) {
		wait_on(&next_number, turn, NULL);
		counted++;
		wake(&next_number);
	}
}

static void count_odd_turns(void *unused)
{
	(void)unused;
	count_on(counted_odd);
}

static bool counted_enough(void *unused)
{
	(void)unused;
	return counted >= COUNT_TO;
}

static const char *test_threads(void)
{
	counted = 0;
	kthread("counter", count_odd_turns, NULL);
	count_on(counted_even);
	if (!wait_on_timeout(&next_number, counted_enough, NULL, TOO_LONG))
		return because("they only got to %u", counted);
	return NULL;
}

static bool never(void *unused)
{
	(void)unused;
	return false;
}

static const char *test_timeout(void)
{
	static struct waitqueue nobody_wakes;
	u64 start = now_ns();

	if (wait_on_timeout(&nobody_wakes, never, NULL, NAP))
		return because("what never happens has happened");
	if (now_ns() - start < NAP)
		return because("gave up after %llu ns", now_ns() - start);
	return NULL;
}
/*:*/

/*D:740 All that can be tested without a device or a program. */
static const struct {
	const char *name;
	const char *(*run)(void);
} kernel_tests[] = {
	{ "asynchronous hypercalls", test_ring },
	{ "page allocator", test_pages },
	{ "accessed and dirty bits", test_page_bits },
	{ "clock", test_clock },
	{ "timer", test_timer },
	{ "halt", test_halt },
	{ "pending interrupts", test_pending },
	{ "threads", test_threads },
	{ "timeouts", test_timeout },
};

static void test_kernel(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kernel_tests); i++)
		report(kernel_tests[i].name, kernel_tests[i].run());
}
/*:*/

/*D:750 Disks.  They aren't ours, so what we overwrite we put back: the last few
 * sectors, as many as fit in a page. */
static const char *write_and_compare(unsigned int disk, u64 sector, u8 *buffer,
				     unsigned int sectors)
{
	u32 i, bytes = sectors * 512;

	for (i = 0; i < bytes; i++)
		buffer[i] = i * 13 + (i >> 8);
	if (!block_rw(disk, true, sector, buffer, sectors))
		return because("can't write");
	if (!block_flush(disk))
		return because("can't flush");
	memset(buffer, 0, bytes);
	if (!block_rw(disk, false, sector, buffer, sectors))
		return because("can't read");
	for (i = 0; i < bytes; i++)
		if (buffer[i] != (u8)(i * 13 + (i >> 8)))
			return because("byte %u is different", i);
	return NULL;
}

static const char *test_disk_data(unsigned int disk, u8 *kept, u8 *buffer)
{
	unsigned int sectors = min_u32(block_sectors(disk), PAGE_SIZE / 512);
	u64 sector = block_sectors(disk) - sectors;
	const char *why;

	if (!sectors)
		return NULL;
	if (!block_rw(disk, false, sector, kept, sectors))
		return because("can't read the last sectors");
	why = write_and_compare(disk, sector, buffer, sectors);
	if (!block_rw(disk, true, sector, kept, sectors) || !block_flush(disk))
		why = because("can't restore the last %u sectors", sectors);
	return why;
}
/*:*/

/*D:752 More requests than the queue has room for, all for the same sectors, so
 * that all must bring the same. */
#define MANY	100

static const char *test_disk_queue(unsigned int disk, u8 *first, u8 *others)
{
	static struct block_request requests[MANY];
	bool fine = true;
	u32 i;

	if (!block_sectors(disk))
		return NULL;
	for (i = 0; i < MANY; i++) {
		requests[i] = (struct block_request){
			.disk = disk,
			.type = VIRTIO_BLK_T_IN,
			.data = i ? others : first,
			.bytes = 512,
		};
		block_queue(&requests[i]);
	}
	block_kick(disk);
	for (i = 0; i < MANY; i++)
		fine &= block_wait(&requests[i]);
	if (!fine)
		return because("some of %u requests failed", MANY);
	return memcmp(first, others, 512) ? because("sector 0 has changed") :
	       NULL;
}
/*:*/

/*D:754 What a disk must refuse, and do so politely. */
static u8 odd_request(unsigned int disk, u32 type, u64 sector, void *data,
		      u32 bytes)
{
	struct block_request request = {
		.disk = disk,
		.type = type,
		.sector = sector,
		.data = data,
		.bytes = bytes,
	};

	block_queue(&request);
	block_kick(disk);
	block_wait(&request);
	return request.status;
}

static const char *test_disk_manners(unsigned int disk, u8 *buffer)
{
	u64 size = block_sectors(disk);
	u8 status;

	status = odd_request(disk, VIRTIO_BLK_T_IN, size, buffer, 512);
	if (status != VIRTIO_BLK_S_IOERR)
		return because("status %u for a read past the end", status);
	status = odd_request(disk, VIRTIO_BLK_T_IN, ~0ull, buffer, 512);
	if (status != VIRTIO_BLK_S_IOERR)
		return because("status %u for a read at 2^64 - 1", status);
	status = odd_request(disk, 77, 0, buffer, 512);
	if (status != VIRTIO_BLK_S_UNSUPP)
		return because("status %u for a type of 77", status);
	status = odd_request(disk, VIRTIO_BLK_T_GET_ID, 0, buffer,
			     VIRTIO_BLK_ID_BYTES);
	if (status != VIRTIO_BLK_S_OK)
		return because("status %u for its name", status);
	return NULL;
}

static void test_disk(unsigned int disk)
{
	u8 *a = alloc_page(), *b = alloc_page();
	char name[40];

	if (!a || !b)
		panic("no memory to test a disk");
	ksnprintf(name, sizeof(name), "disk %u keeps data", disk);
	report(name, test_disk_data(disk, a, b));
	ksnprintf(name, sizeof(name), "disk %u does %u things", disk, MANY);
	report(name, test_disk_queue(disk, a, b));
	ksnprintf(name, sizeof(name), "disk %u refuses nonsense", disk);
	report(name, test_disk_manners(disk, a));
	free_page(a);
	free_page(b);
}
/*:*/

/*D:756 Luck can't be tested, but its absence can: two draws of 300 bytes that
 * are equal, or bits of which more than two thirds are alike. */
#define DRAW	300

static u32 count_bits(const u8 *bytes, u32 len)
{
	u32 i, bits = 0;

	for (i = 0; i < len * 8; i++)
		bits += bytes[i / 8] >> i % 8 & 1;
	return bits;
}

static const char *test_rng(void)
{
	static u8 draws[2][DRAW];
	u32 bits;

	rng_read(draws[0], DRAW);
	rng_read(draws[1], DRAW);
	if (memcmp(draws[0], draws[1], DRAW) == 0)
		return because("the same twice");
	bits = count_bits(draws[0], DRAW);
	if (bits < DRAW * 8 / 3 || bits > DRAW * 8 * 2 / 3)
		return because("%u bits of %u are set", bits, DRAW * 8);
	return NULL;
}
/*:*/

/*D:758 The network: whoever is on the other side of the tap should answer.  By
 * custom that's number 1 of our network; "peer=" names another, "peer=none"
 * nobody, if the tap is part of a bridge and the bridge has no address. */
static u32 choose_peer(unsigned int card)
{
	const char *option = cmdline_option("peer");
	u32 address = (net_address(card) & ~255u) | 1;

	if (option && !parse_address(option, &address))
		return 0;
	return address;
}

static const char *test_card(unsigned int card)
{
	u32 peer = choose_peer(card);
	u64 ns;
	int i;

	for (i = 0; i < 3 && peer; i++)
		if (!net_ping(peer, 2ull * NS_PER_S, &ns))
			return because("no answer from %x", peer);
	return NULL;
}

static void test_devices(void)
{
	unsigned int i;
	char name[40];
	u8 byte;

	for (i = 0; i < block_disks(); i++)
		test_disk(i);
	for (i = 0; i < net_cards(); i++) {
		ksnprintf(name, sizeof(name), "card %u", i);
		report(name, test_card(i));
	}
	if (rng_read(&byte, 1) == 1)
		report("random numbers", test_rng());
}
/*:*/

/*D:760 Programs, each with the exit status that it should leave with.  Most
 * check something themselves, and the ones that crash check us. */
#define KILLED(signal)	(128 + (signal))
#define SIG_ILL		4
#define SIG_FPE		8
#define SIG_SEGV	11

static const struct {
	const char *path, *argument;
	int status;
} programs[] = {
	{ "bin/forktest", NULL, 0 },
	{ "bin/cowtest", NULL, 0 },
	{ "bin/mallocy", NULL, 0 },
	{ "bin/pipetest", NULL, 0 },
	{ "bin/exectest", NULL, 0 },
	{ "bin/filetest", NULL, 0 },
	{ "bin/sigtest", NULL, 0 },
	{ "bin/fputest", NULL, 0 },
	{ "bin/tlstest", NULL, 0 },
	{ "bin/clocktest", NULL, 0 },
	{ "bin/sieve", "quiet", 0 },
	{ "bin/crash", "null", KILLED(SIG_SEGV) },
	{ "bin/crash", "code", KILLED(SIG_SEGV) },
	{ "bin/crash", "kernel", KILLED(SIG_SEGV) },
	{ "bin/crash", "stack", KILLED(SIG_SEGV) },
	{ "bin/crash", "segment", KILLED(SIG_SEGV) },
	{ "bin/crash", "privileged", KILLED(SIG_SEGV) },
	{ "bin/crash", "hypercall", KILLED(SIG_SEGV) },
	{ "bin/crash", "undefined", KILLED(SIG_ILL) },
	{ "bin/crash", "divide", KILLED(SIG_FPE) },
};

static int run(const char *path, const char *argument)
{
	char *argv[] = { (char *)path, (char *)argument, NULL };

	return run_program(path, argv);
}

static void test_program(unsigned int i)
{
	int status = run(programs[i].path, programs[i].argument);
	char name[40];

	ksnprintf(name, sizeof(name), programs[i].argument ? "%s %s" : "%s",
		  programs[i].path, programs[i].argument);
	report(name, status == programs[i].status ? NULL :
	       because("status %d, not %d", status, programs[i].status));
}
/*:*/

/*D:762 Two programs that never let go of the processor: the timer must take it
 * from them, or the second waits for the first. */
static u32 spinners;
static struct waitqueue spinner_ended;

static void spin(void *unused)
{
	(void)unused;
	run("bin/spin", "60");
	spinners--;
	wake(&spinner_ended);
}

static bool all_ended(void *unused)
{
	(void)unused;
	return spinners == 0;
}

static const char *test_preemption(void)
{
	u32 switches = counters.switches;

	spinners = 2;
	kthread("spin 1", spin, NULL);
	kthread("spin 2", spin, NULL);
	if (!wait_on_timeout(&spinner_ended, all_ended, NULL,
			     10ull * NS_PER_S))
		return because("%u programs still spin", spinners);
	if (counters.switches - switches < 6)
		return because("only %u switches",
			       counters.switches - switches);
	return NULL;
}

/* Everything a program had must be free again once it's gone. */
static const char *test_leaks(void)
{
	u32 before = free_pages();
	int i;

	for (i = 0; i < 3; i++)
		run("bin/cowtest", NULL);
	if (free_pages() < before)
		return because("%u pages are missing", before - free_pages());
	return NULL;
}

static void test_programs(void)
{
	unsigned int i;
	size_t size;

	if (!initrd_find(programs[0].path, &size)) {
		report("programs", because("there is no initrd with %s",
					   programs[0].path));
		return;
	}
	for (i = 0; i < ARRAY_SIZE(programs); i++)
		test_program(i);
	report("preemption", test_preemption());
	report("programs leave no memory behind", test_leaks());
}
/*:*/

/*D:770 And all of it.  The Launcher's exit status tells how it went: a kernel
 * that powers down has done well, one that panics hasn't. */
void selftest(void *unused)
{
	(void)unused;
	test_kernel();
	test_devices();
	test_programs();
	printk("selftest: %u passed, %u failed\n", passed, failed);
	if (failed)
		panic("selftest failed");
	shutdown(POWER_DOWN, LGUEST_SHUTDOWN_POWEROFF);
}
/*:*/

/*D:899 That was the Guest's half of the bargain.  Every notification we've
 * sent, and each buffer we've handed over, went to somebody on the other side
 * of the table.  He isn't a kernel at all, but an ordinary program which
 * somebody has started from a shell, and he's up next: "make Launcher". :*/
