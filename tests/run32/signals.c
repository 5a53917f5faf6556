/* Signals: the machine's in, the program's out.
 *
 * The program's handlers can't run in the middle of a translation.  So our own
 * handler takes the signal down, blocks all others, and kicks the processor; at
 * the next instruction boundary the frame that an i386 program expects is built
 * on its stack.  As only one signal is on its way at a time, everything about
 * queues and masks is the kernel's business. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "run32.h"

#define SYS64_RT_SIGPROCMASK 14
#define FLAG_RESTORER 0x04000000u
#define MAX_SIGNAL 64
#define BIT(sig) (1ull << ((sig) - 1))
/* The processor needs these whatever the program thinks of them. */
#define FAULTS (BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGILL) | BIT(SIGFPE) | \
		BIT(SIGTRAP))
#define UNBLOCKABLE (BIT(SIGKILL) | BIT(SIGSTOP))

struct signals signals;
volatile int interrupted;
static struct sigaction processor[MAX_SIGNAL + 1];
static u32 trampolines;

/* pop eax; mov eax, sigreturn; int 0x80; and the same for rt_sigreturn */
static const u8 trampoline_code[] = {
	0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80, 0, 0, 0, 0, 0, 0, 0, 0,
	0xb8, 0xad, 0, 0, 0, 0xcd, 0x80,
};
#define RT_TRAMPOLINE 16

static bool is_fault(int sig)
{
	return FAULTS & BIT(sig);
}

static void set_mask(u64 mask)
{
	raw_syscall(SYS64_RT_SIGPROCMASK, SIG_SETMASK, (long)&mask, 0,
		    sizeof(mask), 0, 0);
}

void signals_hold(void)
{
	set_mask(~FAULTS);
}

/* As long as one is on its way, no other may arrive. */
void signals_release(void)
{
	signals_hold();
	if (!interrupted)
		set_mask(signals.mask & ~FAULTS);
}

void signals_forget_arrived(void)
{
	interrupted = 0;
	x86_unkick(&cpu);
}

/*
 * In.
 */

/* The union of siginfo_t begins 4 bytes later in ours, and clock_t is longer. */
static void take_down(struct delivery *d, const siginfo_t *info)
{
	const u32 *from = (const u32 *)info;

	zero_bytes(d, sizeof(*d));
	copy_bytes(d->info, from, 12);
	copy_bytes(d->info + 3, from + 4, 12);
	if (info->si_signo == SIGCHLD) {
		d->info[6] = from[8];
		d->info[7] = from[10];
	}
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *rip = &uc->uc_mcontext.gregs[REG_RIP];

	if (is_fault(sig) && info->si_code > 0) {
		processor[sig].sa_sigaction(sig, info, context);
		return;
	}
	if (interrupted)
		return;
	take_down(&signals.arrived, info);
	interrupted = 1;
	x86_kick(&cpu);
	*(u64 *)&uc->uc_sigmask = ~FAULTS;
	if (*rip >= (greg_t)int80_start && *rip < (greg_t)int80_end)
		*rip = (greg_t)int80_abort;
}

void signals_fault(int sig, int code, u32 address, u8 vector, u32 error)
{
	struct delivery *d = &signals.fault;

	zero_bytes(d, sizeof(*d));
	d->info[0] = sig;
	d->info[2] = code;
	d->info[3] = address;
	d->trapno = vector;
	d->error = error;
	d->cr2 = vector == X86_PF ? address : 0;
	signals.faulted = true;
	x86_stop(&cpu);
}

/* What the machine shall do when @sig comes. */
static void install(int sig)
{
	const struct action *a = &signals.actions[sig];
	struct sigaction act;

	memset(&act, 0, sizeof(act));
	sigfillset(&act.sa_mask);
	act.sa_sigaction = on_signal;
	act.sa_flags = SA_SIGINFO |
		       (a->flags & (SA_RESTART | SA_NOCLDSTOP | SA_NOCLDWAIT));
	if (!is_fault(sig) && a->handler < 2) {
		act.sa_handler = a->handler ? SIG_IGN : SIG_DFL;
		act.sa_flags &= ~SA_SIGINFO;
	}
	sigaction(sig, &act, NULL);
}

void signals_after_init(void)
{
	for (int sig = 1; sig <= MAX_SIGNAL; sig++) {
		if (!is_fault(sig))
			continue;
		sigaction(sig, NULL, &processor[sig]);
		install(sig);
	}
}

static void map_trampolines(void)
{
	void *page = mmap(at(0xf7fff000), PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	trampolines = (u32)(uintptr_t)page;
	memcpy(page, trampoline_code, sizeof(trampoline_code));
	mprotect(page, PAGE_SIZE, PROT_READ | PROT_EXEC);
	memory_mapped(trampolines, PAGE_SIZE, PROT_READ | PROT_EXEC);
}

/* Ignored and blocked signals are inherited. */
void signals_init(void)
{
	struct sigaction old;

	raw_syscall(SYS64_RT_SIGPROCMASK, SIG_SETMASK, 0, (long)&signals.mask,
		    8, 0, 0);
	for (int sig = 1; sig <= MAX_SIGNAL; sig++)
		if (sigaction(sig, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			signals.actions[sig].handler = 1;
	map_trampolines();
}

/*
 * Out.
 */

/* struct sigcontext of the i386, in words. */
enum {
	SC_GS, SC_FS, SC_ES, SC_DS, SC_EDI, SC_ESI, SC_EBP, SC_ESP, SC_EBX,
	SC_EDX, SC_ECX, SC_EAX, SC_TRAPNO, SC_ERR, SC_EIP, SC_CS, SC_EFLAGS,
	SC_ESP_AT_SIGNAL, SC_SS, SC_FPSTATE, SC_OLDMASK, SC_CR2, SC_WORDS
};
static const u8 sc_of_reg[8] = { SC_EAX, SC_ECX, SC_EDX, SC_EBX,
				 SC_ESP, SC_EBP, SC_ESI, SC_EDI };
static const u8 sc_of_seg[6] = { SC_ES, SC_CS, SC_SS, SC_DS, SC_FS, SC_GS };

/* return address, signal, sigcontext, upper half of the mask */
struct old_frame {
	u32 back, sig;
	u32 sc[SC_WORDS];
	u32 mask_high;
};

struct rt_frame {
	u32 back, sig, info_at, context_at;
	u32 info[32];
	u32 flags, link;	/* ucontext */
	struct altstack alt;
	u32 sc[SC_WORDS];
	u32 mask[2];
};

/* Behind the frame: fsave's 112 bytes, which nobody reads, then fxsave's 512, of
 * which the upper half belongs to us. */
#define FSAVE_SIZE 112
#define FXSAVE_32BIT 288
#define FX_MXCSR 24

static void fill_sigcontext(u32 *sc, const struct delivery *d, u32 fpstate)
{
	for (int i = 0; i < 8; i++)
		sc[sc_of_reg[i]] = cpu.regs[i];
	for (int i = 0; i < 6; i++)
		sc[sc_of_seg[i]] = cpu.seg[i].selector;
	sc[SC_TRAPNO] = d->trapno;
	sc[SC_ERR] = d->error;
	sc[SC_EIP] = cpu.eip;
	sc[SC_EFLAGS] = x86_eflags(&cpu) | SHOWN_EFLAGS;
	sc[SC_ESP_AT_SIGNAL] = cpu.regs[X86_ESP];
	sc[SC_FPSTATE] = fpstate;
	sc[SC_OLDMASK] = signals.mask;
	sc[SC_CR2] = d->cr2;
}

static bool on_altstack(u32 esp)
{
	return esp - signals.alt.sp < signals.alt.size;
}

static u32 stack_for(const struct action *a)
{
	u32 esp = cpu.regs[X86_ESP];

	if (a->flags & SA_ONSTACK && signals.alt.size && !on_altstack(esp))
		return signals.alt.sp + signals.alt.size;
	return esp;
}

static u32 return_address(const struct action *a, bool rt)
{
	if (a->flags & FLAG_RESTORER)
		return a->restorer;
	return trampolines + (rt ? RT_TRAMPOLINE : 0);
}

static bool put_fpstate(u32 fpstate)
{
	u8 zero[FSAVE_SIZE] = { 0 };

	memset(cpu.fpu + FXSAVE_32BIT, 0, sizeof(cpu.fpu) - FXSAVE_32BIT);
	return put_user(fpstate, zero, FSAVE_SIZE) &&
	       put_user(fpstate + FSAVE_SIZE, cpu.fpu, sizeof(cpu.fpu));
}

/* A handler is called with esp + 4 aligned to 16, as after a call. */
static u32 frame_below(u32 fpstate, u32 size)
{
	return ((fpstate - size + 4) & ~15u) - 4;
}

static bool put_rt_frame(const struct action *a, const struct delivery *d,
			 u32 fpstate)
{
	u32 where = frame_below(fpstate, sizeof(struct rt_frame));
	struct rt_frame f = {
		.back = return_address(a, true),
		.sig = d->info[0],
		.info_at = where + offsetof(struct rt_frame, info),
		.context_at = where + offsetof(struct rt_frame, flags),
		.alt = signals.alt,
		.mask = { signals.mask, signals.mask >> 32 },
	};

	memcpy(f.info, d->info, sizeof(f.info));
	fill_sigcontext(f.sc, d, fpstate);
	if (!put_user(where, &f, sizeof(f)))
		return false;
	cpu.regs[X86_ESP] = where;
	cpu.regs[X86_EAX] = f.sig;
	cpu.regs[X86_EDX] = f.info_at;
	cpu.regs[X86_ECX] = f.context_at;
	return true;
}

static bool put_old_frame(const struct action *a, const struct delivery *d,
			  u32 fpstate)
{
	u32 where = frame_below(fpstate, sizeof(struct old_frame));
	struct old_frame f = {
		.back = return_address(a, false),
		.sig = d->info[0],
		.mask_high = signals.mask >> 32,
	};

	fill_sigcontext(f.sc, d, fpstate);
	if (!put_user(where, &f, sizeof(f)))
		return false;
	cpu.regs[X86_ESP] = where;
	cpu.regs[X86_EAX] = f.sig;
	cpu.regs[X86_EDX] = cpu.regs[X86_ECX] = 0;
	return true;
}

static void fresh_fpu(void)
{
	static const u16 control = 0x37f;
	static const u32 mxcsr = 0x1f80;

	memset(cpu.fpu, 0, sizeof(cpu.fpu));
	memcpy(cpu.fpu, &control, sizeof(control));
	memcpy(cpu.fpu + FX_MXCSR, &mxcsr, sizeof(mxcsr));
}

static bool put_frame(const struct action *a, const struct delivery *d)
{
	u32 fpstate = ((stack_for(a) - 512) & ~63u) - FSAVE_SIZE;

	return put_fpstate(fpstate) &&
	       (a->flags & SA_SIGINFO ? put_rt_frame(a, d, fpstate) :
					put_old_frame(a, d, fpstate));
}

static void enter_handler(struct action *a, int sig)
{
	cpu.eip = a->handler;
	x86_set_eflags(&cpu, x86_eflags(&cpu) &
				     ~(X86_FLAG_TF | X86_FLAG_DF));
	segments_init_data();
	fresh_fpu();
	signals.mask |= a->mask & ~UNBLOCKABLE;
	if (!(a->flags & SA_NODEFER))
		signals.mask |= BIT(sig);
	if (a->flags & SA_RESETHAND) {
		a->handler = 0;
		install(sig);
	}
}

/* The default action is the kernel's to carry out. */
static void default_action(int sig)
{
	struct sigaction act;
	u64 mask = ~BIT(sig);

	memset(&act, 0, sizeof(act));
	act.sa_handler = SIG_DFL;
	sigaction(sig, &act, NULL);
	kill(getpid(), sig);
	set_mask(mask);
	install(sig);
}

static void die_of(const struct delivery *d)
{
	fprintf(stderr, "run32: %s: signal %u, trap %u, address %#x, eip %#x\n",
		program_path, d->info[0], d->trapno, d->info[3], cpu.eip);
	default_action(d->info[0]);
	_exit(1);
}

static void deliver(const struct delivery *d, bool fault)
{
	int sig = d->info[0];
	struct action *a = &signals.actions[sig];

	if (fault && (a->handler < 2 || signals.mask & BIT(sig)))
		die_of(d);
	if (a->handler == 1)
		return;
	if (a->handler == 0)
		default_action(sig);
	else if (put_frame(a, d))
		enter_handler(a, sig);
	else
		die_of(d);
}

void signals_deliver(void)
{
	struct delivery d;

	if (!signals.faulted && !interrupted)
		return;
	x86_save_fpu(&cpu);
	if (signals.faulted) {
		signals.faulted = false;
		d = signals.fault;
		deliver(&d, true);
	} else {
		d = signals.arrived;
		signals_forget_arrived();
		deliver(&d, false);
	}
	signals_release();
	x86_load_fpu(&cpu);
}

/*
 * And back.
 */
static void take_fpstate(u32 fpstate)
{
	u8 image[512];

	fresh_fpu();
	if (!fpstate || !get_user(image, fpstate + FSAVE_SIZE, sizeof(image)))
		return;
	memcpy(cpu.fpu, image, FXSAVE_32BIT);
	cpu.fpu[FX_MXCSR + 2] = cpu.fpu[FX_MXCSR + 3] = 0;
}

static void take_sigcontext(const u32 *sc)
{
	for (int i = 0; i < 8; i++)
		cpu.regs[i] = sc[sc_of_reg[i]];
	cpu.eip = sc[SC_EIP];
	x86_set_eflags(&cpu, (x86_eflags(&cpu) & ~USER_EFLAGS) |
				     (sc[SC_EFLAGS] & USER_EFLAGS));
	for (int seg = X86_DS; seg <= X86_GS; seg++)
		if (!segments_load(&cpu, seg, sc[sc_of_seg[seg]]))
			return;
	segments_load(&cpu, X86_ES, sc[SC_ES]);
	x86_save_fpu(&cpu);
	take_fpstate(sc[SC_FPSTATE]);
	x86_load_fpu(&cpu);
}

static bool return_rt(void)
{
	struct rt_frame f;

	if (!get_user(&f, (u32)cpu.regs[X86_ESP] - 4, sizeof(f)))
		return false;
	signals.mask = f.mask[0] | (u64)f.mask[1] << 32;
	signals.alt = f.alt;
	take_sigcontext(f.sc);
	return true;
}

static bool return_old(void)
{
	struct old_frame f;

	if (!get_user(&f, (u32)cpu.regs[X86_ESP] - 8, sizeof(f)))
		return false;
	signals.mask = f.sc[SC_OLDMASK] | (u64)f.mask_high << 32;
	take_sigcontext(f.sc);
	return true;
}

void signals_return(bool rt)
{
	if (!(rt ? return_rt() : return_old()))
		signals_fault(SIGSEGV, SI_KERNEL, 0, X86_GP, 0);
	signals.mask &= ~UNBLOCKABLE;
	signals_release();
}

/*
 * The calls.
 */
struct rt_action32 {
	u32 handler, flags, restorer, mask[2];
};

struct old_action32 {
	u32 handler, mask, flags, restorer;
};

static bool get_action(struct action *a, u32 from, bool rt)
{
	struct rt_action32 r = { 0 };
	struct old_action32 o;

	if (rt ? !get_user(&r, from, sizeof(r)) : !get_user(&o, from, sizeof(o)))
		return false;
	if (!rt)
		r = (struct rt_action32){ o.handler, o.flags, o.restorer,
					  { o.mask, 0 } };
	*a = (struct action){ r.handler, r.flags, r.restorer,
			      r.mask[0] | (u64)r.mask[1] << 32 };
	return true;
}

static bool put_action(const struct action *a, u32 to, bool rt)
{
	struct rt_action32 r = { a->handler, a->flags, a->restorer,
				 { a->mask, a->mask >> 32 } };
	struct old_action32 o = { a->handler, a->mask, a->flags, a->restorer };

	return rt ? put_user(to, &r, sizeof(r)) : put_user(to, &o, sizeof(o));
}

u32 signals_action(u32 sig, u32 new, u32 old, bool rt)
{
	struct action action, before;

	if (sig < 1 || sig > MAX_SIGNAL || (new && BIT(sig) & UNBLOCKABLE))
		return -EINVAL;
	before = signals.actions[sig];
	if (new && !get_action(&action, new, rt))
		return -EFAULT;
	if (new) {
		signals.actions[sig] = action;
		x86_save_fpu(&cpu);
		install(sig);
		x86_load_fpu(&cpu);
	}
	return old && !put_action(&before, old, rt) ? -EFAULT : 0;
}

u32 signals_mask(u32 how, u32 new, u32 old, u32 size)
{
	u64 set = 0, before = signals.mask;

	if (size != 4 && size != 8)
		return -EINVAL;
	if (new && !get_user(&set, new, size))
		return -EFAULT;
	if (new && how > SIG_SETMASK)
		return -EINVAL;
	if (new && how == SIG_BLOCK)
		signals.mask |= set;
	else if (new && how == SIG_UNBLOCK)
		signals.mask &= ~set;
	else if (new)
		signals.mask = set;
	signals.mask &= ~UNBLOCKABLE;
	if (new)
		signals_release();
	return old && !put_user(old, &before, size) ? -EFAULT : 0;
}

u32 signals_altstack(u32 new, u32 old)
{
	struct altstack now = signals.alt, alt;
	bool busy = on_altstack(cpu.regs[X86_ESP]);

	now.flags = busy ? SS_ONSTACK : now.size ? 0 : SS_DISABLE;
	if (new && !get_user(&alt, new, sizeof(alt)))
		return -EFAULT;
	if (new && busy)
		return -EPERM;
	if (new && alt.flags & SS_DISABLE)
		alt.sp = alt.size = 0;
	if (new)
		signals.alt = alt;
	return old && !put_user(old, &now, sizeof(now)) ? -EFAULT : 0;
}
