/* The Host, and Guests of the lguest machine that use it in all wrong ways:
 * hypercalls with any number and arguments, the ring, page tables, gates and
 * segments written over at any time, any instruction in either ring. */
#include "guests.h"

#include <errno.h>
#include <linux/lguest_launcher.h>

#include "host.h"

#define DATA TABLE(8)		/* struct lguest_data */
#define FIRST_TABLE 0xf00u	/* the page tables to begin with, or 0 */

asm(".pushsection .rodata\n"
    ".code32\n"
    "kernel:\n"
    "	mov $0x4000, %esp\n"
    "	mov $1, %eax\n"
    "	mov $0x18000, %ebx\n"
    "	int $0x1f\n"
    "	mov $255, %ebx\n"
    "1:	mov $6, %eax\n"
    "	mov $0x611200, %ecx\n"
    "	mov $0xee00, %edx\n"
    "	int $0x1f\n"
    "	dec %ebx\n"
    "	jns 1b\n"
    "	mov $18, %eax\n"
    "	mov $14, %ebx\n"
    "	mov $0xffff, %ecx\n"
    "	mov $0xcffa00, %edx\n"
    "	int $0x1f\n"
    "	mov $18, %eax\n"
    "	mov $15, %ebx\n"
    "	mov $0xcff200, %edx\n"
    "	int $0x1f\n"
    "	mov $7, %eax\n"
    "	mov $0x69, %ebx\n"
    "	mov $0x4000, %ecx\n"
    "	mov $1, %edx\n"
    "	int $0x1f\n"
    "	mov 0xf00, %ebx\n"
    "	test %ebx, %ebx\n"
    "	jz 2f\n"
    "	mov $4, %eax\n"
    "	int $0x1f\n"
    "2:	mov $0x6000, %eax\n"
    "	jmp *%eax\n"
    ".org kernel + 0x200\n"
    "	mov $0x69, %eax\n"
    "	mov %eax, %ds\n"
    "	mov %eax, %es\n"
    "	mov $0x4000, %esp\n"
    "	cld\n"
    "	movl $0x200, 0x18000\n"
    "	jmp *0xff0\n"
    "kernel_end:\n"
    ".code64\n"
    ".popsection");
extern const u8 kernel[], kernel_end[];

static void emit_hypercall(u32 number)
{
	emit_mov(EAX, number);
	emit(0x1fcd, 2);
}

static void step_hypercall(void)
{
	u8 number = take(1);

	emit_mov(EBX, take_value());
	emit_mov(ECX, take_value());
	emit_mov(EDX, take_value());
	emit_mov(ESI, take_value());
	emit_hypercall(number % 22);
}

static void emit_store(u32 address, u32 value)
{
	emit(0x05c7, 2);
	emit(address, 4);
	emit(value, 4);
}

/* A slot of the ring: status at 24, words at 88. */
static void step_ring(void)
{
	u8 slot = take(1) % 64;

	emit_store(DATA + 88 + slot * 20, take(1) % 22);
	for (u32 i = 1; i < 5; i++)
		emit_store(DATA + 88 + slot * 20 + i * 4, take_value());
	emit(0x05c6, 2);
	emit(DATA + 24 + slot, 4);
	emit(take(1) & 0x80 ? 0xff : 0, 1);
}

/* One of the other words. */
static void step_data(void)
{
	u8 which = take(1) % 12;

	emit_store(DATA + (which < 6 ? which : which + 336) * 4, take_value());
}

static void step_program(void)
{
	emit_iret(0x73, 0x7b);
}

static void step_interrupt(void)
{
	emit_mov(EBX, take(1) * 100);
	emit_hypercall(9);
	emit_mov(ECX, take(1));
	emit(0xfee2, 2);
}

/* A gate that leads somewhere. */
static void step_gate(void)
{
	emit_mov(EBX, take(1));
	emit_mov(ECX, take_value());
	emit_mov(EDX, (take_value() & 0xffff0000) | 0x8e00 | (take(1) & 0x61) << 8);
	emit_hypercall(6);
}

static void (*const kinds[])(void) = {
	step_hypercall, step_hypercall, step_ring, step_data, step_write,
	step_write, step_read, step_code, step_segment, step_string, step_call,
	step_program, step_registers, step_interrupt, step_gate, step_int,
	step_rare, step_rare,
};

static void emit_end(void)
{
	emit_mov(EBX, RESUME + 4);
	emit_mov(ECX, 1);
	emit_hypercall(2);
	emit(0xfeeb, 2);
}

static void prepare(u8 flags)
{
	static const u32 tables[] = { 0, DIRECTORY, PAE_TOP, OTHER_DIRECTORY };

	make_memory(kernel, kernel_end - kernel);
	*word_at(FIRST_TABLE) = tables[flags & 3];
	*word_at(DATA + 1384) = 0xc0000000;
	*word_at(DATA + 1388) = 0x80;
	memset(memory + DATA + 24, 0xff, 64);
	memcpy(memory + RESUME + 4, "Power down", 11);
	if (flags & 4)
		*word_at(DATA + 1376) = PROGRAM;
	if (flags & 8)
		*word_at(DATA + 1380) = PROGRAM_END;
	make_program(kinds, sizeof(kinds) / sizeof(*kinds));
	emit_end();
}

static void run(struct lguest *lg)
{
	const unsigned long raise[] = { LHREQ_IRQ, steps % 32 };
	unsigned long address;
	char why[256];
	long ret = 0;

	for (u32 i = 0; i < 1000 && !out_of_time; i++) {
		ret = host_read(lg, &address, sizeof(address), 0);
		if (ret != sizeof(address) && ret != -EINTR)
			break;
		host_write(lg, raise, sizeof(raise), 0);
	}
	if (ret != -ENOENT)
		return;
	ret = host_read(lg, why, sizeof(why), 0);
	if (ret > 0)
		check_reason(why, ret);
	else if (ret != -ERESTART)
		broken("died without a reason", strerror(-ret));
}

/* A queue's eventfd: device pages begin in the middle of memory. */
static void attach_eventfds(struct lguest *lg)
{
	static int fd = -1;

	if (fd < 0)
		fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (u32 i = 0; i < 3; i++) {
		unsigned long words[] = { LHREQ_EVENTFD, TABLE(16 + i), fd };

		if (host_write(lg, words, sizeof(words), 0))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	unsigned long start[] = { LHREQ_INITIALIZE, 0, PAGES, START };
	struct lguest *lg;

	if (!timer)
		make_timer();
	take_input(data, size);
	prepare(take(1));
	start[1] = (unsigned long)memory;
	lg = host_open();
	if (!lg || host_write(lg, start, sizeof(start), 0) < 0)
		abort();
	attach_eventfds(lg);
	set_timer(MILLISECONDS);
	run(lg);
	set_timer(0);
	check_windows();
	host_close(lg);
	return 0;
}
