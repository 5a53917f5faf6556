/* Random instructions that do something: see generate.c. */
#ifndef TESTS_X86_GENERATE_H
#define TESTS_X86_GENERATE_H

#include "diff.h"

#define MAX_TEXT 48		/* instructions of a case */

/* One instruction, or a few that must stay together.  If it branches, to which
 * other one, and how many of its last bytes say how far.  If it has the address
 * of another one in it: at which byte, and how far into that one. */
struct text {
	u8 bytes[64];
	u8 len;
	u8 rel;
	u8 target;
	u8 abs;
	u8 into;
	bool other;	/* the code's other address */
};

struct program {
	struct text text[MAX_TEXT];
	u32 n;
	bool soup;		/* bytes that nobody has given a thought */
	struct test_case start;	/* eip and end come with place_program() */
};

/* The program that belongs to @seed; @no_low: not below 64k. */
void generate(struct program *program, u64 seed, bool no_low);
/* One instruction of a class that runs into something: its operand lies where it
 * must not be, for one. */
#define FAULT_CLASSES 13
void generate_fault(struct program *program, u32 class, u64 number, bool no_low);
/* The name of a class.  Does it need the FPU? */
const char *fault_class(u32 class, bool *fpu);
/* Puts it to @at, which the processor will see at @eip. */
void place_program(struct program *program, u8 *at, u32 eip);

/* Data pages and FPU images to start from.  Kept cases name their seeds, so these
 * have to stay what they are. */
void generate_data(struct test_shared *shared, u64 seed);

#endif /* TESTS_X86_GENERATE_H */
