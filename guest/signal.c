#include "kernel.h"
#include <asm/siginfo.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>

/*G:640 Signals: interrupts for programs.
 *
 * Somebody sends one, or the program has done what it shouldn't; either way a
 * bit is set in the task's "pending" word, and that is all.  Just before the
 * program would go on, its own registers are put on its own stack, and it goes
 * on in its handler instead. */
#define SIGNALS		32

static u32 bit_of(int signal)
{
	return 1u << (signal - 1);
}

static const u32 harmless = 1u << (SIGCHLD - 1) | 1u << (SIGURG - 1) |
			    1u << (SIGWINCH - 1) | 1u << (SIGCONT - 1) |
			    /* Stopping we can't: there is no job control. */
			    1u << (SIGSTOP - 1) | 1u << (SIGTSTP - 1) |
			    1u << (SIGTTIN - 1) | 1u << (SIGTTOU - 1);
/* Those for which an address is worth telling. */
static const u32 of_memory = 1u << (SIGSEGV - 1) | 1u << (SIGBUS - 1);
static const u32 unstoppable = 1u << (SIGKILL - 1) | 1u << (SIGSTOP - 1);

static bool ignores(const struct task *task, int signal)
{
	__sighandler_t handler = task->actions[signal - 1].sa_handler;

	return handler == SIG_IGN ||
	       (handler == SIG_DFL && (harmless & bit_of(signal)));
}

bool signal_waiting(const struct task *task)
{
	return task->pending & ~task->blocked;
}

void signal_send(struct task *task, int signal)
{
	if (!task->space.root || ignores(task, signal))
		return;
	task->pending |= bit_of(signal);
	if (signal_waiting(task))
		task_interrupt(task);
}

void signal_force(int signal)
{
	if (ignores(current, signal) || (current->blocked & bit_of(signal)))
		current->actions[signal - 1].sa_handler = SIG_DFL;
	current->blocked &= ~bit_of(signal);
	current->pending |= bit_of(signal);
}
/*:*/

/*G:642 What the handler finds on its stack is the ABI's, so the structures are
 * those of Linux's headers.  There are two kinds of frame: the old one is the
 * signal's number and the registers, as if the registers had been passed by
 * value.  If the program asked for SA_SIGINFO it gets the number and two
 * pointers.  Both begin with the handler's return address, where a few
 * instructions ask us to put everything back; a program which doesn't name such
 * a place finds them at the end of the frame.
 *
 * One thing is missing here: the FPU.  A handler that calculates does so at its
 * own program's risk. */
struct old_frame {
	u32 returns_to;
	u32 signal;
	struct sigcontext context;
	u8 code[8];
};

struct info_frame {
	u32 returns_to;
	u32 signal;
	u32 info_at, context_at;
	siginfo_t info;
	struct ucontext context;
	u8 code[8];
};

/* popl %eax; movl $__NR_sigreturn, %eax; int $0x80 */
static const u8 old_code[8] = { 0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80 };
/* movl $__NR_rt_sigreturn, %eax; int $0x80 */
static const u8 info_code[8] = { 0xb8, 173, 0, 0, 0, 0xcd, 0x80 };

static void save_context(struct sigcontext *to, const struct regs *regs)
{
	save_selectors(current);
	*to = (struct sigcontext) {
		.gs = current->gs, .fs = current->fs,
		.es = regs->es, .ds = regs->ds, .cs = regs->cs, .ss = regs->ss,
		.edi = regs->edi, .esi = regs->esi, .ebp = regs->ebp,
		.ebx = regs->ebx, .edx = regs->edx, .ecx = regs->ecx,
		.eax = regs->eax, .esp = regs->esp, .eip = regs->eip,
		.eflags = regs->eflags, .esp_at_signal = regs->esp,
		.trapno = regs->trap, .err = regs->error,
		.cr2 = lguest_data.cr2, .oldmask = current->blocked,
	};
}

/* Never the ring, nor the flags that are the kernel's: the program may have
 * written anything here. */
#define EFLAGS_PROGRAM	0x40dd5u
#define EFLAGS_TF	0x100u
#define EFLAGS_DF	0x400u
#define EFLAGS_ALWAYS	0x00202u

static void restore_context(const struct sigcontext *from, struct regs *regs)
{
	load_selectors(from->fs, from->gs);
	*regs = (struct regs) {
		.es = from->es, .ds = from->ds, .cs = USER_CS, .ss = USER_DS,
		.edi = from->edi, .esi = from->esi, .ebp = from->ebp,
		.ebx = from->ebx, .edx = from->edx, .ecx = from->ecx,
		.eax = from->eax, .esp = from->esp, .eip = from->eip,
		.eflags = (from->eflags & EFLAGS_PROGRAM) | EFLAGS_ALWAYS,
		.trap = SYSCALL_VECTOR,
	};
	current->blocked = from->oldmask & ~unstoppable;
}
/*:*/

/*G:644 Building a frame: here first, then copied to the program's stack in one
 * go, for that may fail.  Returns where it is, or 0. */
static u32 frame_place(const struct regs *regs, u32 size)
{
	/* The return address is what the ABI doesn't align. */
	return ((regs->esp - size) & ~15u) - 4;
}

static u32 return_place(const struct sigaction *action, u32 code)
{
	return action->sa_flags & SA_RESTORER ? (u32)action->sa_restorer : code;
}

static u32 push_old_frame(const struct sigaction *action, int signal,
			  const struct regs *regs)
{
	u32 at = frame_place(regs, sizeof(struct old_frame));
	u32 code = at + offsetof(struct old_frame, code);
	struct old_frame frame = {
		.returns_to = return_place(action, code),
		.signal = signal,
	};

	save_context(&frame.context, regs);
	memcpy(frame.code, old_code, sizeof(old_code));
	return copy_to_program(at, &frame, sizeof(frame)) ? at : 0;
}

static u32 push_info_frame(const struct sigaction *action, int signal,
			   const struct regs *regs)
{
	u32 at = frame_place(regs, sizeof(struct info_frame));
	u32 code = at + offsetof(struct info_frame, code);
	struct info_frame frame = {
		.returns_to = return_place(action, code),
		.signal = signal,
		.info_at = at + offsetof(struct info_frame, info),
		.context_at = at + offsetof(struct info_frame, context),
		.info.si_signo = signal,
		.context.uc_sigmask = current->blocked,
	};

	if (bit_of(signal) & of_memory)
		frame.info.si_addr = (void *)lguest_data.cr2;
	save_context(&frame.context.uc_mcontext, regs);
	memcpy(frame.code, info_code, sizeof(info_code));
	return copy_to_program(at, &frame, sizeof(frame)) ? at : 0;
}

static void enter_handler(int signal, struct regs *regs)
{
	const struct sigaction *action = &current->actions[signal - 1];
	bool info = action->sa_flags & SA_SIGINFO;
	u32 at = info ? push_info_frame(action, signal, regs) :
			push_old_frame(action, signal, regs);

	if (!at)
		task_exit(SIGSEGV);
	regs->esp = at;
	regs->eip = (u32)action->sa_handler;
	regs->eax = signal;
	regs->edx = info ? at + offsetof(struct info_frame, info) : 0;
	regs->ecx = info ? at + offsetof(struct info_frame, context) : 0;
	regs->ds = regs->es = regs->ss = USER_DS;
	/* Neither backwards nor step by step. */
	regs->eflags &= ~(EFLAGS_DF | EFLAGS_TF);
	current->blocked |= (action->sa_mask | bit_of(signal)) & ~unstoppable;
}

void signal_deliver(struct regs *regs)
{
	int signal = __builtin_ctz(current->pending & ~current->blocked) + 1;

	current->pending &= ~bit_of(signal);
	if (ignores(current, signal))
		return;
	if (current->actions[signal - 1].sa_handler == SIG_DFL)
		task_exit(signal);
	enter_handler(signal, regs);
}

/* When we're called, the handler has popped its return address, and the old
 * code has popped the number too. */
int signal_return(struct regs *regs, bool info)
{
	u32 at = info ? regs->esp - 4 + offsetof(struct info_frame,
						 context.uc_mcontext)
		      : regs->esp;
	struct sigcontext context;

	if (copy_from_program(&context, at, sizeof(context)))
		restore_context(&context, regs);
	else
		signal_force(SIGSEGV);
	return regs->eax;
}
/*:*/

/*G:646 Choosing what is to happen.  Here, too, there are two layouts of the
 * same thing: the newer one has a mask of 64 bits, and has it at the end. */
struct rt_action {
	u32 handler, flags, restorer, mask[2];
};

static bool read_action(struct sigaction *action, u32 from, bool real_time)
{
	struct rt_action rt;

	if (!real_time)
		return copy_from_program(action, from, sizeof(*action));
	if (!copy_from_program(&rt, from, sizeof(rt)))
		return false;
	action->sa_handler = (__sighandler_t)rt.handler;
	action->sa_flags = rt.flags;
	action->sa_restorer = (void (*)(void))rt.restorer;
	action->sa_mask = rt.mask[0];
	return true;
}

static bool write_action(const struct sigaction *action, u32 to, bool real_time)
{
	struct rt_action rt = {
		.handler = (u32)action->sa_handler,
		.flags = action->sa_flags,
		.restorer = (u32)action->sa_restorer,
		.mask = { action->sa_mask },
	};

	return real_time ? copy_to_program(to, &rt, sizeof(rt)) :
			   copy_to_program(to, action, sizeof(*action));
}

int signal_action(u32 signal, u32 action, u32 old, bool real_time)
{
	struct sigaction new, *slot;

	if (signal < 1 || signal > SIGNALS ||
	    (action && (bit_of(signal) & unstoppable)))
		return -EINVAL;
	slot = &current->actions[signal - 1];
	if (action && !read_action(&new, action, real_time))
		return -EFAULT;
	if (old && !write_action(slot, old, real_time))
		return -EFAULT;
	if (action)
		*slot = new;
	return 0;
}
/*:*/
