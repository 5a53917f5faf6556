/* Hostile Guests of the PC.  It has no Host to call: what it does is done by
 * ports and tables, and it comes to a good end by stopping for good. */
#include "guest.h"

#define LINE ((const char *)0x11000)
#define RINGS 0x200000u
#define BUFFER 0x300000u
#define END 0x1000000u
#define COM1 0x3f8

enum {
	HOST_FEATURES = 0, GUEST_FEATURES = 4, QUEUE_PFN = 8, QUEUE_SIZE = 12,
	QUEUE_SELECT = 14, QUEUE_NOTIFY = 16, STATUS = 18, ISR = 19,
};
#define DRIVER_OK 7u
#define RNG_LINE(text) "1 lguest: device 0 (rng): input queue: " text

static u8 stack[4 * PAGE] __attribute__((aligned(PAGE), used));

asm(".section .start, \"ax\"\n"
    ".globl _start\n"
    "_start:\n"
    "	mov $stack + 4 * 4096, %esp\n"
    "	call run_case\n"
    "	.text");

/* ---- The machine ---- */

static void outb(u16 port, u8 value)
{
	asm volatile("outb %0, %1" : : "a"(value), "d"(port));
}

static void outw(u16 port, u16 value)
{
	asm volatile("outw %0, %1" : : "a"(value), "d"(port));
}

static void outl(u16 port, u32 value)
{
	asm volatile("outl %0, %1" : : "a"(value), "d"(port));
}

static u8 inb(u16 port)
{
	u8 value;

	asm volatile("inb %1, %0" : "=a"(value) : "d"(port));
	return value;
}

static u32 inl(u16 port)
{
	u32 value;

	asm volatile("inl %1, %0" : "=a"(value) : "d"(port));
	return value;
}

struct pointer {
	u16 limit;
	u32 base;
} __attribute__((packed));

static void load_idt(u32 base, u16 limit)
{
	struct pointer pointer = { limit, base };

	asm volatile("lidt %0" : : "m"(pointer));
}

void good_bye(void)
{
	for (;;)
		asm volatile("cli; hlt");
}

/* On the serial port, and then it's the end: whoever expected another sees where. */
void fail(const char *why)
{
	while (*why)
		outb(COM1, *why++);
	outb(COM1, '\n');
	load_idt(0, 0);
	for (;;)
		asm volatile("ud2");
}

extern const struct hostile_case __start_cases[], __stop_cases[];

/* The machine may have put words of its own in front. */
static bool is_named(const char *name)
{
	const char *word = LINE, *c;

	for (c = LINE; *c; c++)
		if (*c == ' ')
			word = c + 1;
	for (c = word; *name && *c == *name; c++)
		name++;
	return !*name && !*c;
}

void run_case(void);
void run_case(void)
{
	for (const struct hostile_case *c = __start_cases; c < __stop_cases; c++)
		if (is_named(c->name)) {
			c->run();
			good_bye();
		}
	fail("no such case");
}

/* ---- A device ---- */

static u16 ports;
static struct queue queue;

static u32 slot_register(u32 slot, u32 reg)
{
	outl(0xcf8, 0x80000000 | slot << 11 | reg);
	return inl(0xcfc);
}

static void set_slot_register(u32 slot, u32 reg, u32 value)
{
	outl(0xcf8, 0x80000000 | slot << 11 | reg);
	outl(0xcfc, value);
}

/* Whatever is in the first slot. */
static void find_ports(void)
{
	demand((slot_register(1, 0) & 0xffff) == 0x1af4);
	set_slot_register(1, 4, 1);
	ports = slot_register(1, 0x10) & ~3u;
	queue.desc = (void *)RINGS;
	queue.avail = (void *)(RINGS + PAGE);
	queue.used = (void *)(RINGS + 2 * PAGE);
}

static void start_at(u32 pfn)
{
	outb(ports + STATUS, 0);
	memset((void *)RINGS, 0, 3 * PAGE);
	queue.seen = 0;
	outw(ports + QUEUE_SELECT, 0);
	outl(ports + QUEUE_PFN, pfn);
	outb(ports + STATUS, DRIVER_OK);
}

static void ask(u32 addr, u32 len)
{
	queue.desc[0].addr = addr;
	queue.desc[0].len = len;
	queue.desc[0].flags = DESC_WRITE;
	queue.avail->ring[queue.avail->idx % RING_SIZE] = 0;
	asm volatile("" : : : "memory");
	queue.avail->idx++;
	outw(ports + QUEUE_NOTIFY, 0);
}

static void wait_for_used(void)
{
	for (u32 i = 0; queue.used->idx == queue.seen; i++) {
		demand(i < 3000000);
		inb(ports + STATUS);
	}
	queue.seen++;
}

static void __attribute__((noreturn)) wait_for_the_end(void)
{
	for (u32 i = 0; i < 3000000; i++)
		inb(ports + STATUS);
	fail("still alive");
}

#define PC_RNG "--machine=pc --rng"

CASE(pc_works, PC_RNG, HARMLESS)
{
	find_ports();
	start_at(RINGS / PAGE);
	ask(BUFFER, 64);
	wait_for_used();
	demand(queue.used->ring[0].len == 64);
}

static void bad_rings(u32 pfn)
{
	find_ports();
	start_at(pfn);
	wait_for_the_end();
}

CASE(pc_rings_outside, PC_RNG, RNG_LINE("rings in page 0x1000 are outside the Guest's memory (limit 0x1000000)"))
{
	bad_rings(END / PAGE);
}

CASE(pc_rings_in_last_page, PC_RNG, RNG_LINE("rings in page 0xfff are outside *"))
{
	bad_rings(END / PAGE - 1);
}

CASE(pc_rings_wrap, PC_RNG, RNG_LINE("rings in page 0xffffffff are outside *"))
{
	bad_rings(~0u);
}

CASE(pc_rings_at_end, PC_RNG, HARMLESS)
{
	find_ports();
	start_at(END / PAGE - 3);
	outw(ports + QUEUE_NOTIFY, 0);
}

CASE(pc_rings_over_code, PC_RNG, "? *")
{
	find_ports();
	start_at(0x100);
	outw(ports + QUEUE_NOTIFY, 0);
	wait_for_the_end();
}

CASE(pc_buffer_outside, PC_RNG, RNG_LINE("buffer of 2 bytes at 0xffffff is outside *"))
{
	find_ports();
	start_at(RINGS / PAGE);
	ask(END - 1, 2);
	wait_for_the_end();
}

CASE(pc_no_rings, PC_RNG, HARMLESS)
{
	find_ports();
	start_at(0);
	for (u32 i = 0; i < 1000; i++)
		outw(ports + QUEUE_NOTIFY, i & 3);
}

/* Where the rings are is asked once. */
CASE(pc_rings_moved, PC_RNG, HARMLESS)
{
	find_ports();
	start_at(RINGS / PAGE);
	for (u32 i = 0; i < 1000; i++) {
		outl(ports + QUEUE_PFN, random32());
		outb(ports + STATUS, DRIVER_OK);
	}
	ask(BUFFER, 64);
	wait_for_used();
}

CASE(pc_reset_at_work, PC_RNG " --block=DISK", HARMLESS)
{
	find_ports();
	for (u32 i = 0; i < 300; i++) {
		start_at(RINGS / PAGE);
		ask(BUFFER, 65536);
		if (i & 1)
			wait_for_used();
	}
}

CASE(pc_statuses, PC_RNG, "0 *")
{
	find_ports();
	for (u32 i = 0; i < 2000; i++) {
		outl(ports + QUEUE_PFN, RINGS / PAGE);
		outb(ports + STATUS, i * 7);
	}
}

CASE(pc_features_not_offered, "--machine=pc --block=DISK", HARMLESS)
{
	find_ports();
	outl(ports + GUEST_FEATURES, ~0u);
	demand(inl(ports + GUEST_FEATURES) == inl(ports + HOST_FEATURES));
	start_at(RINGS / PAGE);
}

CASE(pc_queues_that_are_not_there, PC_RNG, HARMLESS)
{
	find_ports();
	for (u32 i = 0; i < 0x10000; i += 0xff) {
		outw(ports + QUEUE_SELECT, i);
		outl(ports + QUEUE_PFN, RINGS / PAGE);
		demand(!i || !inl(ports + QUEUE_PFN));
		outw(ports + QUEUE_NOTIFY, i);
	}
}

/* On top of the timer, the interrupt controllers, the bus itself. */
CASE(pc_ports_moved, PC_RNG " --block=DISK", HARMLESS)
{
	static const u16 places[] = { 0x20, 0x40, 0x3c0, 0xcc0, 0xffc0, 0 };

	find_ports();
	set_slot_register(2, 4, 1);
	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		set_slot_register(1, 0x10, places[i]);
		set_slot_register(2, 0x10, places[i]);
		for (u32 port = 0; port < 64; port++)
			inb(places[i] + port);
	}
}

/* All but those which end it: the keyboard's, the reset's, the bus's.  Small
 * numbers, since those are queues and pages that there are. */
CASE(pc_ports_at_random, PC_RNG, "? *")
{
	find_ports();
	for (u32 i = 0; i < 300000; i++) {
		u16 port = i & 1 ? random32() & 0x3ff :
				   ports + (random32() & 63);
		u32 value = random32() & 0x7f;

		if (port >= 0x61 && port <= 0x64)
			continue;
		switch (random32() & 3) {
		case 0:
			outb(port, value);
			break;
		case 1:
			outw(port, value);
			break;
		case 2:
			outl(port, value);
			break;
		default:
			inl(port);
		}
	}
}

CASE(pc_serial_flood, "--machine=pc >SLOW", HARMLESS)
{
	for (u32 i = 0; i < 1000000; i++)
		outb(COM1, 'x');
}

/* ---- The processor ---- */

CASE(pc_real_mode, "--machine=pc", "1 lguest: the Guest goes back to 1978: real mode at 0x*")
{
	asm volatile("mov %0, %%cr0" : : "r"(0x10));
}

#define TRIPLE(nr) "1 lguest: triple fault: vector " #nr " at 0x*"

CASE(pc_no_idt, "--machine=pc", TRIPLE(6))
{
	load_idt(0, 0);
	asm volatile("ud2");
}

CASE(pc_idt_outside, "--machine=pc", TRIPLE(6))
{
	load_idt(0xfffffff0, 0xffff);
	asm volatile("ud2");
}

static u64 idt[256];

CASE(pc_idt_at_random, "--machine=pc", "~ *")
{
	for (u32 i = 0; i < 256; i++)
		idt[i] = random32() | (u64)random32() << 32;
	load_idt((u32)idt, sizeof(idt) - 1);
	for (u32 i = 0; i < 8; i++)
		asm volatile("int $0x80; int3; ud2");
}

CASE(pc_gdt_outside, "--machine=pc", TRIPLE(13))
{
	struct pointer pointer = { 0xffff, 0xfffffffc };

	asm volatile("lgdt %0" : : "m"(pointer));
	asm volatile("mov %0, %%ds" : : "r"(0x18));
}

static u32 directory[1024] __attribute__((aligned(PAGE)));

static void paging(u32 cr3, u32 cr4)
{
	asm volatile("mov %0, %%cr4\n"
		     "mov %1, %%cr3\n"
		     "mov %2, %%cr0"
		     : : "r"(cr4), "r"(cr3), "r"(0x80000011) : "memory");
}

CASE(pc_tables_outside, "--machine=pc", TRIPLE(14))
{
	paging(0xfffff000, 0);
}

CASE(pc_pae_tables_outside, "--machine=pc", TRIPLE(14))
{
	paging(0xffffffe0, 0x20);
}

/* The first four megabytes as they are, and all else is the directory itself. */
CASE(pc_pages_of_themselves, "--machine=pc", "? *")
{
	for (u32 i = 1; i < 1024; i++)
		directory[i] = (u32)directory | 7;
	directory[0] = 0x87;
	paging((u32)directory, 0x10);
	for (u32 i = 1; i < 1024; i++)
		(void)*(volatile u32 *)(i << 22);
	for (u32 i = 1; i < 1024; i++)
		*(volatile u32 *)((i << 22) | i << 12) = random32();
}

/* What isn't memory may be mapped, and whatever it reads, nobody is there. */
CASE(pc_pages_beyond_memory, "--machine=pc", "? *")
{
	directory[0] = 0x87;
	for (u32 i = 1; i < 1024; i++)
		directory[i] = i << 22 | 0x87;
	paging((u32)directory, 0x10);
	for (u32 i = 1; i < 1024; i++)
		*(volatile u32 *)(i << 22) += *(volatile u32 *)((i << 22) + 4);
}

CASE(pc_code_beyond_memory, "--machine=pc", TRIPLE(14))
{
	for (u32 i = 0; i < 1024; i++)
		directory[i] = i << 22 | 0x87;
	paging((u32)directory, 0x10);
	((void (*)(void))0xfee00000)();
}

extern u8 just_return[];
asm("just_return:\n"
    "	push %eax\n"
    "	mov $0x20, %al\n"
    "	out %al, $0x20\n"
    "	pop %eax\n"
    "	iret");

/* The timer as fast as it goes: there must be time for something else. */
CASE(pc_timer_floods, "--machine=pc", HARMLESS)
{
	static const u64 gdt[4] = { 0, 0, 0x00cf9a000000ffff,
				    0x00cf92000000ffff };
	const struct pointer pointer = { sizeof(gdt) - 1, (u32)gdt };
	u32 handler = (u32)just_return;

	for (u32 i = 0; i < 256; i++)
		idt[i] = (handler & 0xffff) | 0x10 << 16 |
			 (u64)((handler & 0xffff0000) | 0x8e00) << 32;
	asm volatile("lgdt %0" : : "m"(pointer));
	load_idt((u32)idt, sizeof(idt) - 1);
	outb(0x43, 0x34);
	outb(0x40, 1);
	outb(0x40, 0);
	asm volatile("sti");
	for (u32 i = 0; i < 1000000; i++)
		inb(0x61);
	asm volatile("cli");
}

CASE(pc_sleeps, "--machine=pc", "~ *")
{
	asm volatile("sti; hlt");
}
