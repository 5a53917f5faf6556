/*H:710 A PC's life.
 *
 * Turned on, it finds itself where a boot loader would have left it (the 32-bit
 * boot protocol, Documentation/x86/boot.rst): paging off, flat segments, boot
 * parameters in esi.  Then it runs, until something comes up for the
 * Launcher. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "machine.h"
#include "patience.h"
#include "raw.h"

#define BOOT_CS 0x10u
#define BOOT_DS 0x18u

u64 pc_now(void)
{
	struct timespec now;

	raw_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0, 0);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

void pc_tell(struct pc *pc, enum pc_event_kind kind)
{
	pc->event.kind = kind;
	pc->has_event = true;
	x86_stop(&pc->cpu);
}

void pc_die(struct pc *pc, const char *fmt, ...)
{
	va_list ap;

	if (pc->has_event && pc->event.kind == PC_DEAD)
		return;
	va_start(ap, fmt);
	vsnprintf(pc->reason, sizeof(pc->reason), fmt, ap);
	va_end(ap);
	pc->event.text = pc->reason;
	pc_tell(pc, PC_DEAD);
}

void pc_note(struct pc *pc, bool *told, const char *fmt, ...)
{
	va_list ap;

	if (*told)
		return;
	*told = true;
	va_start(ap, fmt);
	vsnprintf(pc->note, sizeof(pc->note), fmt, ap);
	va_end(ap);
	pc->has_note = true;
	if (!pc->has_event)
		pc_tell(pc, PC_NOTE);
}
/*:*/

/*H:712 What the processor asks about memory. */
static bool walk(struct x86_cpu *cpu, u32 lin, u32 access,
		 struct guest_page *page, u32 *error)
{
	struct pc *pc = pc_of(cpu);

	return pc_reader.walk(pc, pc->root, lin, access, page, error);
}

static bool peek(struct x86_cpu *cpu, u32 lin, struct guest_page *page)
{
	struct pc *pc = pc_of(cpu);

	return pc_reader.peek(pc, pc->root, lin, page);
}

static bool fill(struct x86_cpu *cpu, u32 lin, u32 access, u32 *error)
{
	return windows_fill(pc_of(cpu)->windows, lin, access, error);
}

static void protect(struct x86_cpu *cpu, u32 pfn)
{
	windows_protect(pc_of(cpu)->windows, pfn);
}

const struct x86_machine pc_machine = {
	.walk = walk,
	.peek = peek,
	.fill = fill,
	.protect = protect,
	.load_segment = pc_load_segment,
	.privileged = pc_privileged,
	.interrupt = pc_software_interrupt,
	.iret = pc_iret,
	.trap = pc_trap,
	.show_eflags = pc_show_eflags,
	.change_eflags = pc_change_eflags,
	.cpuid = pc_cpuid,
	.descriptor = pc_descriptor,
	.has_interrupt_flag = true,
};
/*:*/

/*H:714 Turning it on. */
struct pc *pc_open(void *memory, u32 pages, u32 entry, u32 esi)
{
	struct pc *pc = calloc(1, sizeof(*pc));
	struct x86_cpu *cpu = &pc->cpu;

	if (!pc)
		return NULL;
	cpu->machine = &pc_machine;
	cpu->memory = memory;
	cpu->memory_pages = pages;
	cpu->global_start = PC_KERNEL_START;
	cpu->eip = entry;
	cpu->regs[X86_ESI] = esi;
	for (int seg = X86_ES; seg <= X86_GS; seg++)
		cpu->seg[seg].selector = seg == X86_CS ? BOOT_CS : BOOT_DS;
	x86_set_eflags(cpu, 0);
	pc->cr0 = CR0_PE | CR0_ET;
	pc->root = WINDOWS_LINEAR;
	tsc_start(&pc->first);
	pc->tsc_is_trusted = tsc_is_trusted();
	return pc;
}

bool pc_has_clock(void)
{
	return tsc_is_trusted();
}

int pc_start(struct pc *pc)
{
	int err = x86_init(&pc->cpu);

	if (err)
		return err;
	pc->tsc_khz = tsc_khz(&pc->first);
	pc->task = raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
	pc->tired = begin_patience();
	err = windows_init(&pc->windows, &pc->cpu, &pc_reader, pc);
	if (!err)
		err = pit_init(pc);
	if (!err)
		pc_enter_ring(pc, false);
	return err;
}

void pc_close(struct pc *pc)
{
	pit_exit(pc);
	if (pc->windows)
		windows_exit(pc->windows);
	x86_exit(&pc->cpu);
	free(pc);
}
/*:*/

void pc_watch(struct pc *pc, u32 addr)
{
	pc->watched = addr & PAGE_MASK;
}

/*H:715 hlt.  With interrupts enabled it's the end of a day's work; without, it's
 * the end of everything, since nothing could wake it: that is how a kernel stops
 * a PC whose power it can't switch off.  The user's finger on the button is
 * ours. */
static void halt(struct pc *pc)
{
	if (!pc->cpu.interrupt_flag)
		pc_tell(pc, PC_OFF);
	else if (pc_sleep(pc) == -EINTR)
		pc_tell(pc, PC_INTERRUPTED);
}
/*:*/

/*H:716 And running it.  First we forget the kick, then we look at what it was
 * for; the other way round, one that comes in between would be lost. */
static void run_once(struct pc *pc)
{
	x86_unkick(&pc->cpu);
	pc_try_deliver(pc);
	if (pc->has_event)
		return;
	if (!pc->halted)
		x86_run(&pc->cpu);
	else if (pc->serial.written)
		pc_tell(pc, PC_SERIAL);
	else
		halt(pc);
}

/* Before anything else is told, the Guest finishes its sentence... */
static bool take_output(struct pc *pc, struct pc_event *event)
{
	event->kind = PC_SERIAL;
	event->text = pc->serial.output;
	event->len = pc->serial.written;
	pc->serial.written = 0;
	if (pc->event.kind == PC_SERIAL)
		pc->has_event = false;
	return event->len || pc->event.kind == PC_SERIAL;
}

/* ... and what there was to note may be the cause of what comes next. */
static bool take_note(struct pc *pc, struct pc_event *event)
{
	if (!pc->has_note)
		return false;
	pc->has_note = false;
	event->kind = PC_NOTE;
	event->text = pc->note;
	if (pc->event.kind == PC_NOTE)
		pc->has_event = false;
	return true;
}

void pc_run(struct pc *pc, struct pc_event *event)
{
	x86_load_fpu(&pc->cpu);
	while (!pc->has_event)
		run_once(pc);
	x86_save_fpu(&pc->cpu);
	if (take_output(pc, event) || take_note(pc, event))
		return;
	pc->has_event = false;
	*event = pc->event;
}
/*:*/
