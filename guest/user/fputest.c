/*D:828 Floating point, by several processes at once.  The kernel saves the FPU
 * lazily: it leaves one process's numbers in the registers while another runs,
 * and moves them only if that one touches the FPU too.  So we keep numbers in
 * the registers themselves for as long as we can, let others in between, and
 * look whether the numbers are still ours. */
#include "user.h"

#define PROCESSES 4
#define ROUNDS 200

static void fresh_registers(void)
{
	u16 control;
	u32 mxcsr;

	asm volatile("fnstcw %0" : "=m" (control));
	asm volatile("stmxcsr %0" : "=m" (mxcsr));
	if (control != 0x37f || mxcsr != 0x1f80)
		fail("started with control words %x, %x", control, mxcsr);
}

/* Two x87 registers and two of SSE2 across one sched_yield. */
static void hold_across_yield(u32 seed)
{
	double a = seed * 1.25, b = seed / 8.0, sum;
	u32 in[4] __attribute__((aligned(16)));
	u32 out[4] __attribute__((aligned(16)));
	u32 i;

	for (i = 0; i < 4; i++)
		in[i] = seed * 0x01010101 + i;
	asm volatile("fldl %[a]\n\t"
		     "fldl %[b]\n\t"
		     "movdqa %[in], %%xmm0\n\t"
		     "movdqa %%xmm0, %%xmm7\n\t"
		     "int $0x80\n\t"
		     "faddp\n\t"
		     "fstpl %[sum]\n\t"
		     "paddd %%xmm0, %%xmm7\n\t"
		     "movdqa %%xmm7, %[out]"
		     : [sum] "=m" (sum), [out] "=m" (out), "=a" (i)
		     : [a] "m" (a), [b] "m" (b), [in] "m" (in),
		       "a" (__NR_sched_yield)
		     : "memory");
	if (sum != a + b)
		fail("x87 of %u has somebody else's numbers", seed);
	for (i = 0; i < 4; i++)
		if (out[i] != 2 * in[i])
			fail("SSE2 of %u: %x, not %x", seed, out[i], 2 * in[i]);
}

/* The well-known series for pi, long enough to be interrupted on the way. */
static void long_sum(void)
{
	double sum = 0, sign = 4;
	u32 n;

	for (n = 1; n < 1000000; n += 2) {
		sum += sign / n;
		sign = -sign;
	}
	if (sum < 3.141589 || sum > 3.141592)
		fail("pi is %d millionths", (int)(sum * 1000000));
}

static void one_process(u32 seed)
{
	u32 i;

	fresh_registers();
	for (i = 0; i < ROUNDS; i++)
		hold_across_yield(seed + i);
	long_sum();
	exit(0);
}

/* A child inherits its parent's registers, as they were at the fork. */
static void inheritance(void)
{
	double value = 2.5, got;
	int child;

	asm volatile("fldl %2\n\t"
		     "int $0x80\n\t"
		     "fstpl %1"
		     : "=a" (child), "=m" (got)
		     : "m" (value), "a" (__NR_fork) : "memory");
	if (child == 0)
		exit(got == value ? 0 : 1);
	if (child < 0 || got != value || wait_for(child) != 0)
		fail("fork lost the FPU's registers");
}

int main(void)
{
	int i, status, child[PROCESSES];

	fresh_registers();
	for (i = 0; i < PROCESSES; i++) {
		child[i] = fork();
		if (child[i] == 0)
			one_process(i * 1000);
	}
	for (i = 0; i < PROCESSES; i++) {
		status = wait_for(child[i]);
		if (status != 0)
			fail("process %d left with %d", i, status);
	}
	inheritance();
	return 0;
}
/*:*/
