/* The PC, and Guests that use it in all wrong ways: its ports, its tables in
 * memory, control and model-specific registers, any instruction in either ring. */
#include "guests.h"

#include "pc/machine.h"

#define GDT TABLE(9)
#define IDT TABLE(10)
#define TSS TABLE(11)
#define POINTERS TABLE(12)	/* GDTR, IDTR; then cr4, cr3 and cr0 */

asm(".pushsection .rodata\n"
    ".code32\n"
    "kernel:\n"
    "	mov $0x4000, %esp\n"
    "	lgdt 0x1c000\n"
    "	lidt 0x1c008\n"
    "	mov $0x20, %eax\n"
    "	ltr %ax\n"
    "	mov 0x1c010, %eax\n"
    "	mov %eax, %cr4\n"
    "	mov 0x1c014, %eax\n"
    "	mov %eax, %cr3\n"
    "	mov 0x1c018, %eax\n"
    "	mov %eax, %cr0\n"
    "	mov $0x6000, %eax\n"
    "	jmp *%eax\n"
    ".org kernel + 0x200\n"
    "	mov $0x18, %eax\n"
    "	mov %eax, %ds\n"
    "	mov %eax, %es\n"
    "	mov $0x4000, %esp\n"
    "	cld\n"
    "	jmp *0xff0\n"
    "kernel_end:\n"
    ".code64\n"
    ".popsection");
extern const u8 kernel[], kernel_end[];

static struct pc *pc;

static const u16 ports[] = {
	0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x64, 0x70, 0x71,
	0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0xcf8, 0xcf9,
	0xcfc, 0xcfd, 0xcff, 0xffff, 0,
};
#define NUM_PORTS (sizeof(ports) / sizeof(*ports))

/* A port of the board's, or one of a device's, by which it has its registers. */
static u32 take_port(void)
{
	u8 which = take(1);

	if (which < 0x80)
		return ports[which % NUM_PORTS];
	return 0xc000 + (1 + (which >> 6 & 1)) * PC_BAR_SIZE +
	       which % PC_BAR_SIZE;
}

static void step_out(void)
{
	u8 size = take(1);

	emit_mov(EDX, take_port());
	emit_mov(EAX, take_value());
	if (size & 2)
		emit(0x66, 1);
	emit(0xee | (size & 1), 1);
}

static void step_in(void)
{
	u8 size = take(1);

	emit_mov(EDX, take_port());
	if (size & 2)
		emit(0x66, 1);
	emit(0xec | (size & 1), 1);
}

/* ins and outs, of one or many. */
static void step_port_string(void)
{
	u8 which = take(1);

	emit_mov(EDX, take_port());
	emit_mov(ECX, take(1));
	emit_mov(ESI, take_value());
	emit_mov(EDI, take_value());
	if (which & 0x80)
		emit(0xf3, 1);
	emit(0x6c | (which & 3), 1);
}

/* A register of a device's header on the PCI bus. */
static void step_pci(void)
{
	emit_mov(EDX, 0xcf8);
	emit_mov(EAX, 0x80000000 | take(2));
	emit(0xef, 1);
	emit_mov(EDX, 0xcfc);
	emit_mov(EAX, take_value());
	emit(take(1) & 1 ? 0xef : 0xed, 1);
}

/* Control and debug registers, from and to eax; and MSRs. */
static void step_control(void)
{
	emit_mov(EAX, take_value());
	emit(0x200f | (take(1) & 3) << 8, 2);
	emit(0xc0 | (take(1) & 0x38), 1);
}

static void step_msr(void)
{
	static const u32 known[] = { 0x10, 0x17, 0x8b, 0x179, 0x17a, 0x1a0,
				     0xc0000080, 0x174 };
	u8 which = take(1);

	emit_mov(ECX, which & 0x40 ? take_value() : known[which & 7]);
	emit(which & 0x80 ? 0x300f : 0x320f, 2);
}

/* All of 0f 00 and 0f 01 with an operand in memory, or in a register. */
static void step_system(void)
{
	u8 which = take(1), modrm = which & 0x38;

	emit_mov(EAX, take_value());
	emit(which & 1 ? 0x010f : 0x000f, 2);
	emit(which & 2 ? 0xc0 | modrm : modrm, 1);
}

static void step_descriptor(void)
{
	u32 table = take(1) & 1 ? GDT : IDT, at = take(1) * 8;

	for (u32 i = 0; i < 8; i += 4) {
		emit(0x05c7, 2);
		emit(table + at + i, 4);
		emit(take_value(), 4);
	}
}

static void step_program(void)
{
	emit_iret(0x2b, 0x33);
}

static void (*const kinds[])(void) = {
	step_out, step_out, step_out, step_in, step_port_string, step_pci,
	step_control, step_msr, step_system, step_descriptor, step_write,
	step_write, step_code, step_segment, step_string, step_call,
	step_program, step_registers, step_rare, step_rare, step_int, step_read,
};

static void set_descriptor(u32 at, u32 low, u32 high)
{
	word_at(at)[0] = low;
	word_at(at)[1] = high;
}

static void fill_tables(void)
{
	u16 *pointers = (u16 *)word_at(POINTERS);

	set_descriptor(GDT + 0x10, 0xffff, 0xcf9a00);
	set_descriptor(GDT + 0x18, 0xffff, 0xcf9200);
	set_descriptor(GDT + 0x20, (TSS & 0xffff) << 16 | 103,
		       0x8900 | TSS >> 16);
	set_descriptor(GDT + 0x28, 0xffff, 0xcffa00);
	set_descriptor(GDT + 0x30, 0xffff, 0xcff200);
	set_descriptor(GDT + 0x38, (GDT & 0xffff) << 16 | 0xff,
		       0x8200 | GDT >> 16);
	for (u32 i = 0; i < 256; i++)
		set_descriptor(IDT + i * 8, 0x100000 | HANDLER, 0xee00);
	*word_at(TSS + 4) = STACK;
	*word_at(TSS + 8) = 0x18;
	pointers[0] = 0xff;
	memcpy(&pointers[1], &(u32){ GDT }, 4);
	pointers[4] = 0x7ff;
	memcpy(&pointers[5], &(u32){ IDT }, 4);
}

static void prepare(u8 flags)
{
	make_memory(kernel, kernel_end - kernel);
	fill_tables();
	*word_at(POINTERS + 0x10) = (flags & 2 ? CR4_PAE : 0) |
				    (flags & 4 ? CR4_PGE : 0) |
				    (flags & 8 ? CR4_PSE : 0);
	*word_at(POINTERS + 0x14) = flags & 2 ? PAE_TOP : DIRECTORY;
	*word_at(POINTERS + 0x18) = CR0_PE | (flags & 1 ? CR0_PG : 0) |
				    (flags & 16 ? 0 : CR0_WP);
	make_program(kinds, sizeof(kinds) / sizeof(*kinds));
	emit_mov(EAX, 0xfe);
	emit(0x64e6, 2);
	emit(0xfeeb, 2);
}

/* ---- Running it ---- */

static void switch_off(void)
{
	pc_tell(pc, PC_OFF);
	x86_kick(&pc->cpu);
}

static void plug_in_devices(void)
{
	static const u8 config[24] = { 1, 2, 3 };
	static int fds[PC_QUEUES] = { -1 };
	struct pc_device device = { .id = 2, .features = 0x30000244,
				    .queue_size = 256, .queues = 1,
				    .config = config,
				    .config_len = sizeof(config) };

	for (u32 i = 0; i < PC_QUEUES && fds[i] <= 0; i++)
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (pc_add_device(pc, &device, fds) != 1)
		abort();
	device.id = 1;
	device.queues = 2;
	device.config_len = 10;
	if (pc_add_device(pc, &device, fds) != 2)
		abort();
	pc->virtio[1].command = pc->virtio[2].command = 1;	/* has ports */
}

/* What the Launcher does, as far as it can be seen from here. */
static bool obey(const struct pc_event *event)
{
	switch (event->kind) {
	case PC_SERIAL:
		if (event->len > PC_OUTPUT)
			broken("too much output", "");
		pc_type(pc, (const u8 *)event->text, event->len);
		return true;
	case PC_STATUS:
		if (event->device < 1 || event->device > 2)
			broken("no such device", "");
		if (event->features & ~0x30000244u)
			broken("features that weren't offered", "");
		pc_interrupt(pc, event->device);
		return true;
	case PC_NOTE:
		check_reason(event->text, PC_TEXT_LEN);
		return true;
	case PC_DEAD:
		check_reason(event->text, PC_TEXT_LEN);
		return false;
	default:
		return event->kind == PC_INTERRUPTED ||
		       event->kind == PC_UNPACKED;
	}
}

static void run(void)
{
	struct pc_event event;

	for (u32 i = 0; i < 1000 && !out_of_time; i++) {
		pc_run(pc, &event);
		if (!obey(&event))
			break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (!timer)
		make_timer();
	take_input(data, size);
	prepare(take(1));
	pc = pc_open(memory, PAGES, START, 0);
	if (!pc || pc_start(pc))
		abort();
	pc_watch(pc, PROGRAM);
	plug_in_devices();
	tell_machine = switch_off;
	set_timer(MILLISECONDS);
	run();
	set_timer(0);
	tell_machine = NULL;
	check_windows();
	pc_close(pc);
	return 0;
}
