/* What of the instruction set has been run: see coverage.c. */
#ifndef TESTS_X86_COVERAGE_H
#define TESTS_X86_COVERAGE_H

#include "generate.h"

/* Notes what @program is made of. */
void cover_program(const struct program *program);
/* A summary, and what is missing, as comments. */
void show_coverage(void);

/* Is the instruction at @code one that cpuid doesn't offer?  The processor may
 * refuse it where the machine doesn't. */
bool unoffered(const u8 *code);
/* Has it an fs: or gs:? */
bool has_base(const u8 *code);
/* Is it a store of an MMX register to cs:? */
bool mmx_to_code(const u8 *code);

#endif /* TESTS_X86_COVERAGE_H */
