/* Cases as files: see cases.c. */
#ifndef TESTS_X86_CASES_H
#define TESTS_X86_CASES_H

#include "generate.h"

/* A program that once made a difference. */
struct kept_case {
	struct program program;
	u64 data;	/* the seed of its data pages and FPU images */
	u32 how;	/* the subject ran it */
};

/* Makes bytes of all branches and addresses, as @program has them at @eip. */
void freeze_program(struct program *program, u32 eip);

/* Reads a case, or dies. */
void read_case(struct kept_case *kept, const char *path);
/* Writes one, under a heading.  false: it could not. */
bool write_case(const struct kept_case *kept, const char *path,
		const char *heading);

#endif /* TESTS_X86_CASES_H */
