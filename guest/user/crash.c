/*D:846 Dies, in the way its argument names.  The kernel should bury it with the
 * right signal, and nobody else should notice. */
#include "user.h"

/* The compiler knows as well as we do that nothing is there, so we don't let it
 * know which pointer it is. */
static u32 *volatile nowhere = (u32 *)4;

static void null_pointer(void)
{
	*nowhere = 1;
}

/* What's written in stone: the program's own code. */
static void write_code(void)
{
	*(volatile u8 *)null_pointer = 0;
}

static void kernel_memory(void)
{
	*(volatile u32 *)0xc0000000 += 1;
}

static void divide(void)
{
	asm volatile("xorl %%ecx, %%ecx\n\t"
		     "divl %%ecx" : : : "eax", "ecx", "edx");
}

static void undefined(void)
{
	asm volatile("ud2");
}

static void privileged(void)
{
	asm volatile("hlt");
}

static void hypercall(void)
{
	asm volatile("int $0x1f" : : "a" (0));
}

static void segment(void)
{
	asm volatile("mov %0, %%gs" : : "r" (0x7f3));
}

static void stack(void)
{
	asm volatile("xorl %esp, %esp\n\tpushl $1");
}

static const struct {
	const char *name;
	void (*act)(void);
} ways[] = {
	{ "null", null_pointer },
	{ "code", write_code },
	{ "kernel", kernel_memory },
	{ "divide", divide },
	{ "undefined", undefined },
	{ "privileged", privileged },
	{ "hypercall", hypercall },
	{ "segment", segment },
	{ "stack", stack },
};

int main(void)
{
	const char *way = arg(1) ? arg(1) : "null";
	u32 i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(way, ways[i].name) == 0)
			ways[i].act();
	fail("survived \"%s\"", way);
}
/*:*/
