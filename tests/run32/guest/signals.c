/* Signals that come from outside: masks, restarts, nesting, other stacks, and
 * the FPU through all of it. */
#include "tests.h"

static volatile u32 count __attribute__((used)), depth, deepest;
static volatile u32 sent;
static volatile int last_code;
static volatile int last_status;

static void note(int signal, siginfo_t *info, struct ucontext *uc)
{
	(void)signal;
	(void)uc;
	count++;
	last_code = info->si_code;
	last_status = info->_sifields._sigchld._status;
}

static void send(int signal)
{
	int pid = sys(getpid);

	sys(kill, pid, signal);
}

static u64 mask_now(void)
{
	u64 mask = 0;

	sys(rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8);
	return mask;
}

static void set_mask(int how, u64 mask)
{
	sys(rt_sigprocmask, how, &mask, NULL, 8);
}

static void masks(void)
{
	u64 all = ~0ull;

	on_signal_info(SIGUSR1, note, 0);
	set_mask(SIG_SETMASK, all);
	print("all blocked: %x %x\n", (u32)mask_now(), (u32)(mask_now() >> 32));
	send(SIGUSR1);
	send(SIGUSR1);
	print("blocked, came %u\n", count);
	set_mask(SIG_SETMASK, 0);
	print("unblocked, came %u code %d\n", count, last_code);
	set_mask(SIG_BLOCK, 1ull << (SIGSEGV - 1) | 1ull << 40);
	print("mask %x %x\n", (u32)mask_now(), (u32)(mask_now() >> 32));
	set_mask(SIG_SETMASK, 0);
}

static void nest(int signal, siginfo_t *info, struct ucontext *uc)
{
	(void)info;
	print("in %d, mask %x, was %x\n", signal, (u32)mask_now(),
	      (u32)uc->uc_sigmask);
	if (++depth > deepest)
		deepest = depth;
	if (signal == SIGUSR1)
		send(SIGUSR2);
	if (signal == SIGUSR1 && sent++ < 3)
		send(SIGUSR1);
	depth--;
}

static void nesting(void)
{
	int child;

	on_signal_info(SIGUSR1, nest, 0);
	on_signal_info(SIGUSR2, nest, 0);
	send(SIGUSR1);
	print("deepest %u\n", deepest);
	sent = deepest = 0;
	on_signal_info(SIGUSR1, nest, SA_NODEFER);
	send(SIGUSR1);
	print("deepest %u\n", deepest);
	on_signal_info(SIGUSR2, note, SA_RESETHAND);
	send(SIGUSR2);
	child = fork();
	if (child == 0) {
		send(SIGUSR2);
		exit(1);
	}
	print("reset: %d\n", wait_for(child) - 128);
}

/* A signal 20 ms from now. */
static int alarm_child(int signal)
{
	int parent = sys(getpid), child = fork();

	if (child == 0) {
		sleep_us(20000);
		sys(kill, parent, signal);
		sleep_us(20000);
		exit(7);
	}
	return child;
}

static void restarts(void)
{
	int pipe[2], child, writer;
	char byte = 'x';

	sys(pipe, pipe);
	on_signal_info(SIGUSR1, note, 0);
	child = alarm_child(SIGUSR1);
	print("read: %d\n", sys(read, pipe[0], &byte, 1));
	wait_for(child);
	on_signal_info(SIGUSR1, note, SA_RESTART);
	child = alarm_child(SIGUSR1);
	writer = fork();
	if (writer == 0) {
		sleep_us(60000);
		sys(write, pipe[1], "y", 1);
		exit(0);
	}
	print("read: %d", sys(read, pipe[0], &byte, 1));
	print(" %c\n", byte);
	wait_for(child);
	wait_for(writer);
}

static void suspend(void)
{
	u64 none = 0, usr1 = 1ull << (SIGUSR1 - 1);
	struct timespec second = { 1, 0 };
	u64 set = usr1;
	int child;

	on_signal_info(SIGUSR1, note, 0);
	set_mask(SIG_BLOCK, usr1);
	count = 0;
	child = alarm_child(SIGUSR1);
	print("sigsuspend: %d", sys(rt_sigsuspend, &none, 8));
	print(" came %u, mask %x\n", count, (u32)mask_now());
	wait_for(child);
	send(SIGUSR1);
	print("sigtimedwait: %d\n", sys(rt_sigtimedwait, &set, NULL, &second, 8));
	print("ppoll: %d", (send(SIGUSR1),
			    sys(ppoll, NULL, 0, &second, &none, 8)));
	print(" came %u, mask %x\n", count, (u32)mask_now());
	set_mask(SIG_SETMASK, 0);
}

static void children(void)
{
	int child;

	on_signal_info(SIGCHLD, note, SA_RESTART);
	child = fork();
	if (child == 0)
		exit(42);
	wait_for(child);
	print("child: code %d status %d\n", last_code, last_status);
	child = fork();
	if (child == 0)
		send(SIGKILL);
	wait_for(child);
	print("child: code %d status %d\n", last_code, last_status);
	on_signal(SIGCHLD, SIG_IGN);
	child = fork();
	if (child == 0)
		exit(0);
	print("ignored: %d\n", sys(waitpid, -1, NULL, 0));
	on_signal(SIGCHLD, SIG_DFL);
}

static u8 elsewhere[16384];
static volatile u32 there;

static void where(int signal, siginfo_t *info, struct ucontext *uc)
{
	u8 here;

	(void)signal;
	(void)info;
	there = (u32)&here - (u32)elsewhere < sizeof(elsewhere);
	print("other stack: %u, flags %x\n", there,
	      uc->uc_stack.ss_flags);
}

static void stacks(void)
{
	stack_t stack = { .ss_sp = elsewhere, .ss_size = sizeof(elsewhere) };
	stack_t old;

	print("sigaltstack: %d\n", sys(sigaltstack, NULL, &old));
	print("flags %x size %u\n", old.ss_flags, (u32)old.ss_size);
	print("sigaltstack: %d\n", sys(sigaltstack, &stack, NULL));
	on_signal_info(SIGUSR1, where, SA_ONSTACK);
	send(SIGUSR1);
	on_signal_info(SIGUSR1, where, 0);
	send(SIGUSR1);
}

static void spoil(int signal)
{
	static const u32 zero[4];

	(void)signal;
	count++;
	asm volatile("fninit; fldz; fldz; movups %0, %%xmm0; movups %0, %%xmm7"
		     : : "m" (zero));
}

/* A timer that hits a loop which keeps everything in the FPU. */
static void floating(void)
{
	struct { struct { int sec, usec; } every, first; } timer = {
		{ 0, 1000 }, { 0, 1000 } };
	static const u32 ones[4] = { 0x3f800000, 0x3f800000, 0x3f800000,
				     0x3f800000 };
	static double x87;
	static u32 sum[4];

	on_signal(SIGALRM, spoil);
	count = 0;
	sys(setitimer, 0, &timer, NULL);
	asm volatile("fninit; fldz; movups %2, %%xmm7; xorps %%xmm0, %%xmm0\n"
		     "1:\tmov $10000, %%ecx\n"
		     "2:\tfld1\n\tfaddp\n\tdec %%ecx\n\tjnz 2b\n\t"
		     "maxps %%xmm7, %%xmm0\n\t"
		     "cmpl $50, count\n\tjb 1b\n\t"
		     "movups %%xmm0, %1\n\tfstl %0\n\tfistpl %1"
		     : "=m" (x87), "+m" (sum[0]) : "m" (ones[0])
		     : "ecx", "memory", "cc");
	timer.every.usec = timer.first.usec = 0;
	sys(setitimer, 0, &timer, NULL);
	print("fpu: a multiple of 10000: %u, xmm0 %x %x\n",
	      sum[0] % 10000 == 0 && sum[0] > 0, sum[1], sum[3]);
}

static void jump_out(int signal, siginfo_t *info, struct ucontext *uc)
{
	(void)signal;
	(void)info;
	uc->uc_mcontext.eax = 5;
	uc->uc_mcontext.eflags |= 1;
	uc->uc_sigmask |= 1u << (SIGUSR2 - 1);
}

static void contexts(void)
{
	int eax, pid = sys(getpid);
	u8 carry;

	on_signal_info(SIGUSR1, jump_out, 0);
	asm volatile("clc\n\tint $0x80\n\tsetc %1"
		     : "=a" (eax), "=q" (carry)
		     : "0" (__NR_kill), "b" (pid), "c" (SIGUSR1) : "memory");
	print("changed by the handler: eax %d carry %u mask %x\n", eax, carry,
	      (u32)mask_now());
	set_mask(SIG_SETMASK, 0);
}

static void errors(void)
{
	struct sigaction action;

	print("sigaction 0: %d, KILL: %d, bad pointer: %d\n",
	      sys(sigaction, 0, NULL, &action),
	      sys(sigaction, SIGKILL, &action, NULL),
	      sys(sigaction, SIGUSR1, 16, NULL));
	print("rt_sigprocmask: %d %d %d\n",
	      sys(rt_sigprocmask, 7, elsewhere, NULL, 8),
	      sys(rt_sigprocmask, 0, elsewhere, NULL, 5),
	      sys(rt_sigprocmask, 0, NULL, 16, 8));
}

int main(void)
{
	masks();
	nesting();
	restarts();
	suspend();
	children();
	stacks();
	floating();
	contexts();
	errors();
	return 0;
}
