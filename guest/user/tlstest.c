/*D:830 Thread-local storage on the i386: the kernel lends a program one of
 * three entries of the segment table, the program loads its number into gs,
 * and from then on gs:0 is its own.  Another process has another gs:0, through
 * the same entry: the kernel must change it with every switch. */
#include "user.h"

#define PROCESSES 3
#define ROUNDS 300

struct storage {
	u32 first;
	u32 second;
};

static void use_as_gs(struct storage *storage)
{
	struct user_desc desc = {
		.entry_number = -1,
		.base_addr = (u32)storage,
		.limit = 0xfffff,
		.seg_32bit = 1,
		.limit_in_pages = 1,
		.useable = 1,
	};
	int result = sys(set_thread_area, &desc);

	if (result < 0)
		fail("set_thread_area: error %d", result);
	asm volatile("mov %0, %%gs" : : "r" (desc.entry_number * 8 + 3));
}

static u32 read_gs(u32 offset)
{
	u32 value;

	asm volatile("movl %%gs:(%1), %0" : "=r" (value) : "r" (offset));
	return value;
}

static void write_gs(u32 offset, u32 value)
{
	asm volatile("movl %0, %%gs:(%1)"
		     : : "r" (value), "r" (offset) : "memory");
}

static void one_process(u32 seed)
{
	struct storage storage[2] = { { 0, 0 }, { seed, 0 } };
	u32 i;

	use_as_gs(&storage[1]);
	for (i = 0; i < ROUNDS; i++) {
		write_gs(4, seed + i);
		sys(sched_yield);
		if (read_gs(0) != seed || storage[1].second != seed + i)
			fail("gs of %u leads to %u", seed, read_gs(0));
	}
	/* Libraries keep things below the pointer: an offset of minus four. */
	write_gs(-4, seed);
	if (storage[0].second != seed)
		fail("negative offsets don't wrap");
	exit(0);
}

int main(void)
{
	int i, child[PROCESSES];

	for (i = 0; i < PROCESSES; i++) {
		child[i] = fork();
		if (child[i] == 0)
			one_process(1000 * (i + 1));
	}
	for (i = 0; i < PROCESSES; i++)
		if (wait_for(child[i]) != 0)
			fail("process %d failed", i);
	return 0;
}
/*:*/
