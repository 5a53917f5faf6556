/* run32 [--root=DIR] [--argv0=NAME] [--paged] PROGRAM [ARGS]
 *
 * Runs an i386 program of Linux on the processor of host/x86/.  See
 * run32/run32.h for how; here is the machine around the processor.
 *
 *	--root=DIR	look for the program's interpreter (ld-linux.so.2) there
 *			first; also $RUN32_ROOT
 *	--argv0=NAME	the program's own name, if it isn't PROGRAM
 *	--paged		chain translations only within a page, as for a Guest
 *			that has page tables */
#define _GNU_SOURCE
#include <err.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "run32/run32.h"

struct x86_cpu cpu;
const char *root = "";
bool paged;
char program_path[PATH_MAX];
static struct x86_view view;

/*
 * What the processor asks of its machine.
 */
static void privileged(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	(void)insn;
	x86_trap(cpu, X86_GP, 0, 0);
}

/* A system call costs a single-stepped program its step. */
static bool step_lost;

static void interrupt(struct x86_cpu *cpu, u8 vector, unsigned len)
{
	if (vector == 0x80) {
		step_lost = cpu->eflags_kept & X86_FLAG_TF;
		system_call(cpu, len);
	} else if (vector == X86_BP) {
		cpu->eip += len;
		signals_fault(SIGTRAP, SI_KERNEL, 0, X86_BP, 0);
	} else if (vector == X86_OF) {
		cpu->eip += len;
		signals_fault(SIGSEGV, SI_KERNEL, 0, X86_OF, 0);
	} else {
		x86_trap(cpu, X86_GP, vector * 8 + 2, 0);
	}
}

/* Why the FPU is unhappy: x87's status and control words, or mxcsr, which has
 * the same six bits twice. */
static int fpu_code(u8 vector)
{
	u16 control, status;
	u32 mxcsr, raised;

	__asm__ volatile("fnstcw %0; fnstsw %1; stmxcsr %2"
			 : "=m"(control), "=m"(status), "=m"(mxcsr));
	raised = vector == X86_MF ? status & ~control : mxcsr & ~(mxcsr >> 7);
	if (raised & 1)
		return FPE_FLTINV;
	if (raised & 4)
		return FPE_FLTDIV;
	if (raised & 8)
		return FPE_FLTOVF;
	return raised & 0x12 ? FPE_FLTUND : FPE_FLTRES;
}

static void page_fault(u32 error, u32 address)
{
	if (memory_bus_error(address))
		signals_fault(SIGBUS, BUS_ADRERR, address, X86_PF, error);
	else
		signals_fault(SIGSEGV,
			      memory_is_mapped(address) ? SEGV_ACCERR :
							  SEGV_MAPERR,
			      address, X86_PF, error);
}

static void trap(struct x86_cpu *cpu, u8 vector, u32 error, u32 address)
{
	switch (vector) {
	case X86_DE:
		signals_fault(SIGFPE, FPE_INTDIV, cpu->eip, vector, 0);
		break;
	case X86_DB:
		if (step_lost) {
			step_lost = false;
			break;
		}
		signals_fault(SIGTRAP, TRAP_TRACE, cpu->eip, vector, 0);
		break;
	case X86_UD:
		signals_fault(SIGILL, ILL_ILLOPN, cpu->eip, vector, 0);
		break;
	case X86_MF:
	case X86_XM:
		signals_fault(SIGFPE, fpu_code(vector), cpu->eip, vector, 0);
		break;
	case X86_PF:
		page_fault(error, address);
		break;
	default:
		signals_fault(SIGSEGV, SI_KERNEL, 0, vector, error);
	}
}

static u32 show_eflags(struct x86_cpu *cpu, u32 eflags)
{
	(void)cpu;
	return eflags | SHOWN_EFLAGS;
}

static void change_eflags(struct x86_cpu *cpu, u32 eflags, u32 mask)
{
	mask &= USER_EFLAGS;
	x86_set_eflags(cpu, (x86_eflags(cpu) & ~mask) | (eflags & mask));
}

/* A program may, as long as it stays where it is. */
static void iret(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	u32 frame[3] = { 0 }, size = insn->opsize16 ? 2 : 4;

	for (u32 i = 0; i < 3; i++)
		if (!x86_read(cpu, (u32)cpu->regs[X86_ESP] + i * size,
			      &frame[i], size))
			return;
	if (!segments_load(cpu, X86_CS, frame[1]))
		return;
	cpu->eip = frame[0];
	cpu->regs[X86_ESP] = (u32)(cpu->regs[X86_ESP] + 3 * size);
	change_eflags(cpu, frame[2], size == 2 ? 0xffff : ~0u);
}

static const struct x86_machine machine = {
	.walk = memory_walk,
	.peek = memory_peek,
	.fill = memory_fill,
	.protect = memory_protect,
	.load_segment = segments_load,
	.privileged = privileged,
	.interrupt = interrupt,
	.iret = iret,
	.trap = trap,
	.show_eflags = show_eflags,
	.change_eflags = change_eflags,
	.cpuid = answer_cpuid,
	.descriptor = segments_descriptor,
};

/*
 * The processor's life.
 */
static void start_cpu(void)
{
	int error;

	cpu.machine = &machine;
	cpu.memory = NULL;
	cpu.memory_pages = 1u << 20;
	cpu.user = true;
	error = x86_init(&cpu);
	if (error)
		errx(1, "the processor: %s", strerror(-error));
	signals_after_init();
	view.jumps->generation = 0;
	x86_use_view(&cpu, &view);
}

void renew_cpu(void)
{
	u64 flags = cpu.flags;
	u8 fpu[sizeof(cpu.fpu)];

	x86_save_fpu(&cpu);
	memcpy(fpu, cpu.fpu, sizeof(fpu));
	x86_exit(&cpu);
	start_cpu();
	memcpy(cpu.fpu, fpu, sizeof(fpu));
	x86_load_fpu(&cpu);
	cpu.flags = flags;
	x86_stop(&cpu);
}

void run_program(void)
{
	for (;;) {
		x86_run(&cpu);
		signals_deliver();
	}
}

static void *map_or_die(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "memory");
	return p;
}

static void make_view(void)
{
	view.jumps = map_or_die(sizeof(*view.jumps));
	view.user = true;
	view.linear = !paged;
	cpu.global_start = ~0u & PAGE_MASK;
}

/* The program's addresses must not be taken by ourselves. */
static void check_place(void)
{
	int on_stack;

	if ((uintptr_t)&cpu >> 32 == 0 || (uintptr_t)check_place >> 32 == 0 ||
	    (uintptr_t)&on_stack >> 32 == 0)
		errx(1, "lies below 4 GiB: link it with -pie");
}

static char *option(char *arg, const char *name)
{
	size_t len = strlen(name);

	return strncmp(arg, name, len) == 0 ? arg + len : NULL;
}

static char **parse(char **argv, char **argv0)
{
	char *value;

	if (getenv("RUN32_ROOT"))
		root = getenv("RUN32_ROOT");
	for (argv++; *argv && option(*argv, "--"); argv++) {
		if ((value = option(*argv, "--root=")))
			root = value;
		else if ((value = option(*argv, "--argv0=")))
			*argv0 = value;
		else if (strcmp(*argv, "--paged") == 0)
			paged = true;
		else
			errx(1, "%s: no such option", *argv);
	}
	if (!*argv)
		errx(1, "usage: run32 [--root=DIR] [--argv0=NAME] [--paged] "
			"PROGRAM [ARGS]");
	return argv;
}

int main(int argc, char **argv)
{
	char *argv0 = NULL, *path;

	(void)argc;
	check_place();
	argv = parse(argv, &argv0);
	path = argv[0];
	if (!realpath(path, program_path))
		err(127, "%s", path);
	if (argv0)
		argv[0] = argv0;
	make_view();
	start_cpu();
	segments_init();
	signals_init();
	load_program(path, argv, environ);
	x86_load_fpu(&cpu);
	run_program();
}
