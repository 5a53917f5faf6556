/* Random instructions that do something.
 *
 * Random bytes would fault at the first memory operand.  So the generator knows
 * what is in a register as long as it has not been overwritten, and makes
 * operands from that: most of them in pages that may be written, some across
 * page boundaries, some where they must not be.  It may be wrong about a
 * register; then both sides get the same fault.
 *
 * What exists is in a table of forms, one line for each row of the manual's
 * opcode maps. */
#define _GNU_SOURCE
#include <string.h>

#include "generate.h"

/* What becomes of operands, to know what registers are worth afterwards. */
enum {
	W = 1,		/* 16 or 32 bits, by operand size prefix */
	B = 2,		/* bytes */
	RM = 4,		/* the register in ModRM.rm changes */
	REG = 8,	/* the one in ModRM.reg */
	OP = 16,	/* the one in the opcode */
	A = 32,		/* eax */
	D = 64,		/* edx */
	LK = 128,	/* may have a lock prefix */
	MEM = 256,	/* only with memory */
	NOMEM = 512,	/* only with registers */
	HASRM = 1024,
	SMALL = 2048,	/* bit offsets: wants a small number in ModRM.reg */
	SP = 4096,	/* esp changes */
};
#define E HASRM

#define Z 0xff			/* immediate of operand size, but not more than 4 */

struct form {
	u8 map, op, count;	/* opcodes op..op+count-1 */
	u8 exts;		/* which values of ModRM.reg; 0: a register */
	u8 prefixes;		/* mask of: none 66 f3 f2; 0: not selected so */
	u8 aligned;		/* for which of these memory must be aligned */
	u8 imm;
	u8 size;		/* of the memory operand */
	u16 flags;
};

#define ARITH(op, lk)                                                          \
	{ 0, op, 1, 0, 0, 0, 0, 1, E | B | RM | lk },                          \
	{ 0, op + 1, 1, 0, 0, 0, 0, 4, E | W | RM | lk },                      \
	{ 0, op + 2, 1, 0, 0, 0, 0, 1, E | B | REG },                          \
	{ 0, op + 3, 1, 0, 0, 0, 0, 4, E | W | REG },                          \
	{ 0, op + 4, 1, 0, 0, 0, 1, 0, B | A },                                \
	{ 0, op + 5, 1, 0, 0, 0, Z, 0, W | A }

static const struct form forms[] = {
	ARITH(0x00, LK), ARITH(0x08, LK), ARITH(0x10, LK), ARITH(0x18, LK),
	ARITH(0x20, LK), ARITH(0x28, LK), ARITH(0x30, LK), ARITH(0x38, 0),
	{ 0, 0x27, 1, 0, 0, 0, 0, 0, A }, { 0, 0x2f, 1, 0, 0, 0, 0, 0, A },
	{ 0, 0x37, 1, 0, 0, 0, 0, 0, A }, { 0, 0x3f, 1, 0, 0, 0, 0, 0, A },
	{ 0, 0x40, 16, 0, 0, 0, 0, 0, W | OP },
	{ 0, 0x62, 1, 0, 0, 0, 0, 8, E | W | MEM },
	{ 0, 0x63, 1, 0, 0, 0, 0, 2, E | RM },
	{ 0, 0x69, 1, 0, 0, 0, Z, 4, E | W | REG },
	{ 0, 0x6b, 1, 0, 0, 0, 1, 4, E | W | REG },
	{ 0, 0x80, 1, 0x7f, 0, 0, 1, 1, E | B | RM | LK },
	{ 0, 0x81, 1, 0x7f, 0, 0, Z, 4, E | W | RM | LK },
	{ 0, 0x82, 1, 0x7f, 0, 0, 1, 1, E | B | RM | LK },
	{ 0, 0x83, 1, 0x7f, 0, 0, 1, 4, E | W | RM | LK },
	{ 0, 0x83, 1, 0x80, 0, 0, 1, 4, E | W },
	{ 0, 0x84, 1, 0, 0, 0, 0, 1, E | B }, { 0, 0x85, 1, 0, 0, 0, 0, 4, E | W },
	{ 0, 0x86, 1, 0, 0, 0, 0, 1, E | B | RM | REG | LK },
	{ 0, 0x87, 1, 0, 0, 0, 0, 4, E | W | RM | REG | LK },
	{ 0, 0x88, 1, 0, 0, 0, 0, 1, E | B | RM },
	{ 0, 0x89, 1, 0, 0, 0, 0, 4, E | W | RM },
	{ 0, 0x8a, 1, 0, 0, 0, 0, 1, E | B | REG },
	{ 0, 0x8b, 1, 0, 0, 0, 0, 4, E | W | REG },
	{ 0, 0x8d, 1, 0, 0, 0, 0, 4, E | W | REG | MEM },
	{ 0, 0x8c, 1, 0x3f, 0, 0, 0, 2, E | W | RM },
	{ 0, 0x90, 1, 0, 0, 0, 0, 0, W }, { 0, 0x91, 7, 0, 0, 0, 0, 0, W | OP | A },
	{ 0, 0x98, 1, 0, 0, 0, 0, 0, W | A }, { 0, 0x99, 1, 0, 0, 0, 0, 0, W | D },
	{ 0, 0x9e, 1, 0, 0, 0, 0, 0, 0 }, { 0, 0x9f, 1, 0, 0, 0, 0, 0, A },
	{ 0, 0xa8, 1, 0, 0, 0, 1, 0, 0 }, { 0, 0xa9, 1, 0, 0, 0, Z, 0, W },
	{ 0, 0xb0, 8, 0, 0, 0, 1, 0, B | OP }, { 0, 0xb8, 8, 0, 0, 0, Z, 0, W | OP },
	{ 0, 0xc0, 1, 0xff, 0, 0, 1, 1, E | B | RM },
	{ 0, 0xc1, 1, 0xff, 0, 0, 1, 4, E | W | RM },
	{ 0, 0xc6, 1, 1, 0, 0, 1, 1, E | B | RM },
	{ 0, 0xc7, 1, 1, 0, 0, Z, 4, E | W | RM },
	{ 0, 0xd0, 1, 0xff, 0, 0, 0, 1, E | B | RM },
	{ 0, 0xd1, 1, 0xff, 0, 0, 0, 4, E | W | RM },
	{ 0, 0xd2, 1, 0xff, 0, 0, 0, 1, E | B | RM },
	{ 0, 0xd3, 1, 0xff, 0, 0, 0, 4, E | W | RM },
	{ 0, 0xd4, 2, 0, 0, 0, 1, 0, A }, { 0, 0xd6, 1, 0, 0, 0, 0, 0, A },
	{ 0, 0xf5, 1, 0, 0, 0, 0, 0, 0 }, { 0, 0xf8, 2, 0, 0, 0, 0, 0, 0 },
	{ 0, 0xfc, 2, 0, 0, 0, 0, 0, 0 },
	{ 0, 0xf6, 1, 0x03, 0, 0, 1, 1, E | B },
	{ 0, 0xf7, 1, 0x03, 0, 0, Z, 4, E | W },
	{ 0, 0xf6, 1, 0x0c, 0, 0, 0, 1, E | B | RM | LK },
	{ 0, 0xf7, 1, 0x0c, 0, 0, 0, 4, E | W | RM | LK },
	{ 0, 0xf6, 1, 0xf0, 0, 0, 0, 1, E | B | A },
	{ 0, 0xf7, 1, 0xf0, 0, 0, 0, 4, E | W | A | D },
	{ 0, 0xfe, 1, 3, 0, 0, 0, 1, E | B | RM | LK },
	{ 0, 0xff, 1, 3, 0, 0, 0, 4, E | W | RM | LK },
	/* System, where ring 3 may. */
	{ 1, 0x00, 1, 0x30, 0, 0, 0, 2, E | W | RM },
	{ 1, 0x00, 1, 0x03, 0, 0, 0, 2, E | W | RM | NOMEM },
	{ 1, 0x02, 2, 0, 0, 0, 0, 2, E | W | REG },
	{ 1, 0x0b, 1, 0, 0, 0, 0, 0, 0 },
	{ 1, 0x0d, 1, 3, 0, 0, 0, 1, E | MEM }, { 1, 0x18, 1, 0x0f, 0, 0, 0, 1, E | MEM },
	{ 1, 0x1f, 1, 1, 0, 0, 0, 4, E | W }, { 1, 0x19, 6, 0, 1, 0, 0, 4, E | W },
	{ 1, 0x40, 16, 0, 0, 0, 0, 4, E | W | REG },
	{ 1, 0x90, 16, 0xff, 0, 0, 0, 1, E | B | RM },
	{ 1, 0xa3, 1, 0, 0, 0, 0, 4, E | W | SMALL },
	{ 1, 0xab, 1, 0, 0, 0, 0, 4, E | W | SMALL | RM | LK },
	{ 1, 0xb3, 1, 0, 0, 0, 0, 4, E | W | SMALL | RM | LK },
	{ 1, 0xbb, 1, 0, 0, 0, 0, 4, E | W | SMALL | RM | LK },
	{ 1, 0xba, 1, 0x10, 0, 0, 1, 4, E | W },
	{ 1, 0xba, 1, 0xe0, 0, 0, 1, 4, E | W | RM | LK },
	{ 1, 0xa4, 1, 0, 0, 0, 1, 4, E | W | RM }, { 1, 0xa5, 1, 0, 0, 0, 0, 4, E | W | RM },
	{ 1, 0xac, 1, 0, 0, 0, 1, 4, E | W | RM }, { 1, 0xad, 1, 0, 0, 0, 0, 4, E | W | RM },
	{ 1, 0xaf, 1, 0, 0, 0, 0, 4, E | W | REG },
	{ 1, 0xb0, 1, 0, 0, 0, 0, 1, E | B | RM | A | LK },
	{ 1, 0xb1, 1, 0, 0, 0, 0, 4, E | W | RM | A | LK },
	{ 1, 0xb6, 1, 0, 0, 0, 0, 1, E | W | REG }, { 1, 0xb7, 1, 0, 0, 0, 0, 2, E | W | REG },
	{ 1, 0xbe, 1, 0, 0, 0, 0, 1, E | W | REG }, { 1, 0xbf, 1, 0, 0, 0, 0, 2, E | W | REG },
	{ 1, 0xbc, 2, 0, 0, 0, 0, 4, E | W | REG },
	{ 1, 0xc0, 1, 0, 0, 0, 0, 1, E | B | RM | REG | LK },
	{ 1, 0xc1, 1, 0, 0, 0, 0, 4, E | W | RM | REG | LK },
	{ 1, 0xc3, 1, 0, 1, 0, 0, 4, E | MEM },
	{ 1, 0xc7, 1, 2, 0, 0, 0, 8, E | MEM | A | D | LK },
	{ 1, 0xc8, 8, 0, 0, 0, 0, 0, OP },
	{ 1, 0xae, 1, 0xe0, 1, 0, 0, 0, E | NOMEM }, { 1, 0xae, 1, 0x80, 1, 0, 0, 1, E | MEM },
	/* x87: memory forms, but for those that store where they came from. */
	{ 0, 0xd8, 1, 0xff, 0, 0, 0, 4, E | MEM }, { 0, 0xd9, 1, 0xad, 0, 0, 0, 4, E | MEM },
	{ 0, 0xda, 1, 0xff, 0, 0, 0, 4, E | MEM }, { 0, 0xdb, 1, 0xaf, 0, 0, 0, 10, E | MEM },
	{ 0, 0xdc, 1, 0xff, 0, 0, 0, 8, E | MEM }, { 0, 0xdd, 1, 0x8f, 0, 0, 0, 8, E | MEM },
	{ 0, 0xde, 1, 0xff, 0, 0, 0, 2, E | MEM }, { 0, 0xdf, 1, 0xff, 0, 0, 0, 10, E | MEM },
	{ 0, 0xd8, 8, 0xff, 0, 0, 0, 0, E | NOMEM | A }, { 0, 0x9b, 1, 0, 0, 0, 0, 0, 0 },
	{ 0, 0xd8, 4, 0xff, 0, 0, 0, 0, E | NOMEM },
	/* SSE and MMX. */
	{ 1, 0x10, 2, 0, 15, 0, 0, 16, E }, { 1, 0x12, 1, 0, 13, 4, 0, 16, E },
	{ 1, 0x12, 2, 0, 3, 0, 0, 8, E | MEM }, { 1, 0x14, 2, 0, 3, 3, 0, 16, E },
	{ 1, 0x16, 1, 0, 5, 4, 0, 16, E }, { 1, 0x16, 2, 0, 3, 0, 0, 8, E | MEM },
	{ 1, 0x28, 2, 0, 3, 3, 0, 16, E }, { 1, 0x2a, 1, 0, 15, 0, 0, 8, E },
	{ 1, 0x2b, 1, 0, 3, 3, 0, 16, E | MEM }, { 1, 0x2c, 2, 0, 12, 0, 0, 8, E | REG },
	{ 1, 0x2c, 2, 0, 3, 2, 0, 16, E }, { 1, 0x2e, 2, 0, 3, 0, 0, 8, E },
	{ 1, 0x50, 1, 0, 3, 0, 0, 0, E | NOMEM | REG }, { 1, 0x51, 1, 0, 15, 3, 0, 16, E },
	{ 1, 0x52, 2, 0, 5, 1, 0, 16, E }, { 1, 0x54, 4, 0, 3, 3, 0, 16, E },
	{ 1, 0x58, 3, 0, 15, 3, 0, 16, E }, { 1, 0x5b, 1, 0, 7, 7, 0, 16, E },
	{ 1, 0x5c, 4, 0, 15, 3, 0, 16, E }, { 1, 0x60, 12, 0, 3, 2, 0, 16, E },
	{ 1, 0x6c, 2, 0, 2, 2, 0, 16, E }, { 1, 0x6e, 1, 0, 3, 0, 0, 4, E },
	{ 1, 0x6f, 1, 0, 7, 2, 0, 16, E }, { 1, 0x70, 1, 0, 15, 14, 1, 16, E },
	{ 1, 0x71, 2, 0x54, 3, 0, 1, 0, E | NOMEM }, { 1, 0x73, 1, 0x44, 3, 0, 1, 0, E | NOMEM },
	{ 1, 0x73, 1, 0x88, 2, 0, 1, 0, E | NOMEM }, { 1, 0x74, 3, 0, 3, 2, 0, 16, E },
	{ 1, 0x77, 1, 0, 1, 0, 0, 0, 0 }, { 1, 0x7c, 2, 0, 10, 10, 0, 16, E },
	{ 1, 0x7e, 1, 0, 7, 0, 0, 8, E | RM }, { 1, 0x7f, 1, 0, 7, 2, 0, 16, E },
	{ 1, 0xc2, 1, 0, 15, 3, 1, 16, E }, { 1, 0xc4, 1, 0, 3, 0, 1, 2, E },
	{ 1, 0xc5, 1, 0, 3, 0, 1, 0, E | NOMEM | REG }, { 1, 0xc6, 1, 0, 3, 3, 1, 16, E },
	{ 1, 0xd0, 1, 0, 10, 10, 0, 16, E }, { 1, 0xd1, 5, 0, 3, 2, 0, 16, E },
	{ 1, 0xd6, 1, 0, 2, 0, 0, 8, E }, { 1, 0xd6, 1, 0, 12, 0, 0, 0, E | NOMEM },
	{ 1, 0xd7, 1, 0, 3, 0, 0, 0, E | NOMEM | REG }, { 1, 0xd8, 14, 0, 3, 2, 0, 16, E },
	{ 1, 0xe6, 1, 0, 14, 10, 0, 16, E }, { 1, 0xe7, 1, 0, 3, 2, 0, 16, E | MEM },
	{ 1, 0xe8, 8, 0, 3, 2, 0, 16, E }, { 1, 0xf0, 1, 0, 8, 0, 0, 16, E | MEM },
	{ 1, 0xf1, 6, 0, 3, 2, 0, 16, E }, { 1, 0xf8, 7, 0, 3, 2, 0, 16, E },
	{ 2, 0x00, 12, 0, 3, 2, 0, 16, E }, { 2, 0x1c, 3, 0, 3, 2, 0, 16, E },
	{ 3, 0x0f, 1, 0, 3, 2, 1, 16, E }, { 1, 0xae, 1, 0x08, 1, 0, 0, 4, E | MEM },
};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

struct generator {
	u64 random;
	struct program *program;
	u32 value[8];		/* of registers that are ... */
	u8 known;		/* ... in this mask */
	u8 spared;		/* mask of registers not to be changed */
	bool no_low;
	u8 place;		/* where all operands shall lie, or ANYWHERE */
};

/* Where an operand is in trouble, or just isn't. */
enum { ANYWHERE, IN_A_HOLE, READ_ONLY_PAGE, INTO_A_HOLE, INTO_READ_ONLY,
       OUT_OF_A_HOLE, READ_ONLY_TO_HOLE, MISALIGNED, PLACES };

static u32 random_number(struct generator *g, u32 below)
{
	g->random ^= g->random << 13;
	g->random ^= g->random >> 7;
	g->random ^= g->random << 17;
	return (g->random >> 32) % below;
}

static bool percent(struct generator *g, u32 chance)
{
	return random_number(g, 100) < chance;
}

static bool traced(const struct generator *g)
{
	return g->program->start.eflags & X86_FLAG_TF;
}

static u32 random_value(struct generator *g)
{
	static const u32 edges[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
				     0x7fffffff, 0x80000000, ~0u, 0x99, 0x1234 };
	u32 value = (u32)random_number(g, 0x10000) << 16 | random_number(g, 0x10000);

	if (percent(g, 40))
		return edges[random_number(g, sizeof(edges) / 4)];
	return percent(g, 50) ? value : value >> random_number(g, 32);
}

static struct text *new_text(struct generator *g)
{
	struct program *p = g->program;
	struct text *text = &p->text[p->n < MAX_TEXT - 1 ? p->n++ : MAX_TEXT - 1];

	memset(text, 0, sizeof(*text));
	return text;
}

static void put(struct text *text, u32 value, int len)
{
	memcpy(text->bytes + text->len, &value, len);
	text->len += len;
}

static void forget(struct generator *g, u32 reg)
{
	g->known &= ~(1u << reg);
}

static void set_reg(struct generator *g, int reg, u32 value)
{
	struct text *text = new_text(g);

	put(text, 0xb8 + reg, 1);
	put(text, value, 4);
	g->value[reg] = value;
	g->known |= 1u << reg;
}

/* A register that may be overwritten: rather not one that points somewhere. */
static int any_reg(struct generator *g, bool changes)
{
	static const u8 mostly[] = { X86_EAX, X86_ECX, X86_EDX };
	int reg, tries;

	for (tries = 0; tries < 20; tries++) {
		reg = changes && percent(g, 75) ? mostly[random_number(g, 3)] :
						  (int)random_number(g, 8);
		if (!changes)
			return reg;
		if (!(g->spared >> reg & 1) &&
		    (reg != X86_ESP || percent(g, 20)))
			return reg;
	}
	return g->spared & 1 ? X86_EDX : X86_EAX;
}

/* @size bytes, half of them on this side of a page's boundary. */
static u32 across(u32 boundary, u32 size)
{
	return boundary - (size < 2 ? size : size / 2);
}

static u32 target_in_place(struct generator *g, u32 size)
{
	u32 at = 16 * random_number(g, 0xe0);

	switch (g->place) {
	case IN_A_HOLE: return DATA + 0x4000 + at;
	case READ_ONLY_PAGE: return DATA + 0x3000 + at;
	case INTO_A_HOLE: return across(DATA + 0x6000, size);
	case INTO_READ_ONLY: return across(DATA + 0x3000, size);
	case OUT_OF_A_HOLE: return across(DATA + 0x5000, size);
	case READ_ONLY_TO_HOLE: return across(DATA + 0x4000, size);
	}
	return DATA + 0x1001 + at;
}

/* Where a memory operand might lie. */
static u32 any_target(struct generator *g, u32 size, bool aligned)
{
	u32 dice, at;

	if (g->place)
		return target_in_place(g, size);
	dice = random_number(g, 100);

	if (dice < 70)
		at = DATA + 0x1000 + random_number(g, 0x1fc0);
	else if (dice < 78)
		at = DATA + 0x2000 - random_number(g, size + 1);
	else if (dice < 82)
		at = DATA + 0x3000 + random_number(g, 0xfc0);
	else if (dice < 85)
		at = DATA + 0x3000 - random_number(g, size + 1);
	else if (dice < 88)
		at = DATA + 0x4000 - random_number(g, size + 1);
	else if (dice < 91)
		at = DATA + 0x5000 - random_number(g, size + 1);
	else if (dice < 93)
		at = DATA + 0x6000 - random_number(g, size + 1);
	else if (dice < 95)
		at = DATA + random_number(g, 0x1000);
	else
		at = DATA + 0x5000 + random_number(g, 0xfc0);
	return aligned && !percent(g, 5) ? at & ~15u : at;
}

/* Operands that hang over the end of a segment are a #GP which the processor
 * doesn't care for. */
static u32 not_at_the_end(u32 target)
{
	if (target - GS_BASE >= -32u || target - FS_BASE >= -32u)
		target -= 64;
	return target;
}

/* A ModRM memory operand, ready but for ModRM.reg. */
struct operand {
	u8 prefixes[2];
	u8 n;			/* of them */
	u8 bytes[6];
	u8 len;
};

static void operand_bytes(struct operand *o, u32 value, int len)
{
	memcpy(o->bytes + o->len, &value, len);
	o->len += len;
}

static const s8 pair16[8][2] = {
	{ X86_EBX, X86_ESI }, { X86_EBX, X86_EDI }, { X86_EBP, X86_ESI },
	{ X86_EBP, X86_EDI }, { X86_ESI, -1 }, { X86_EDI, -1 },
	{ X86_EBP, -1 }, { X86_EBX, -1 },
};

static bool known(const struct generator *g, int reg)
{
	return reg < 0 || g->known >> reg & 1;
}

static void operand16(struct generator *g, struct operand *o, u16 offset)
{
	int rm = random_number(g, 8), i;
	u16 sum = 0, disp;

	o->prefixes[o->n++] = 0x67;
	if (percent(g, 30) || !known(g, pair16[rm][0]) || !known(g, pair16[rm][1])) {
		operand_bytes(o, 6, 1);
		operand_bytes(o, offset, 2);
		return;
	}
	for (i = 0; i < 2; i++)
		if (pair16[rm][i] >= 0)
			sum += g->value[pair16[rm][i]];
	disp = offset - sum;
	if (disp == 0 && rm != 6) {
		operand_bytes(o, rm, 1);
	} else if ((u16)(s8)disp == disp) {
		operand_bytes(o, 0x40 | rm, 1);
		operand_bytes(o, disp, 1);
	} else {
		operand_bytes(o, 0x80 | rm, 1);
		operand_bytes(o, disp, 2);
	}
}

static int some_known(struct generator *g)
{
	int reg, tries;

	for (tries = 0; tries < 10; tries++) {
		reg = random_number(g, 8);
		if (known(g, reg))
			return reg;
	}
	return -1;
}

static void operand32(struct generator *g, struct operand *o, u32 offset)
{
	int base = percent(g, 90) ? some_known(g) : -1;
	int index = percent(g, 35) ? some_known(g) : -1;
	u32 scale = random_number(g, 4), disp = offset, mod = 2, sib;

	if (index == X86_ESP)
		index = -1;
	if (base >= 0)
		disp -= g->value[base];
	if (index >= 0)
		disp -= g->value[index] << scale;
	if (base < 0)
		mod = 0;
	else if (disp == 0 && base != X86_EBP)
		mod = 0;
	else if ((u32)(s8)disp == disp && percent(g, 80))
		mod = 1;
	sib = index >= 0 || base == X86_ESP || percent(g, 10);
	operand_bytes(o, mod << 6 | (sib ? 4 : base < 0 ? 5 : base), 1);
	if (sib)
		operand_bytes(o, scale << 6 | (index < 0 ? 4 : index) << 3 |
				 (base < 0 ? 5 : base), 1);
	if (mod == 1)
		operand_bytes(o, disp, 1);
	else if (mod == 2 || base < 0)
		operand_bytes(o, disp, 4);
}

/* Operands near what a register points to have small displacements, as
 * compilers like them. */
static u32 near_target(struct generator *g, u32 size, bool aligned)
{
	int reg = some_known(g);
	u32 value = reg < 0 ? 0 : g->value[reg];

	if (value - DATA - 0x1040 < 0x1f00 || value - STACK - 0x1040 < 0xf00) {
		value += random_number(g, 64) - 32;
		return aligned ? value & ~15u : value;
	}
	return any_target(g, size, aligned);
}

static void any_memory(struct generator *g, struct operand *o, u32 size,
		       bool aligned)
{
	static const u8 flat[] = { 0x26, 0x2e, 0x36, 0x3e };
	u32 dice = random_number(g, 100);
	u32 target = percent(g, 50) && !g->place ?
			     near_target(g, size, aligned) :
			     any_target(g, size, aligned);

	target = not_at_the_end(target);
	memset(o, 0, sizeof(*o));
	if (dice < 6) {
		o->prefixes[o->n++] = 0x64;
		operand32(g, o, target - FS_BASE);
	} else if (dice < 12) {
		o->prefixes[o->n++] = 0x65;
		operand32(g, o, target - GS_BASE);
	} else if (dice < 15) {
		o->prefixes[o->n++] = 0x64;
		operand16(g, o, target - FS_BASE);
	} else if (dice < 19 && !g->no_low && !g->place) {
		target = LOW + (target - DATA) % 0x2ff0;
		operand16(g, o, aligned ? target & ~15u : target);
	} else if (dice < 22) {
		o->prefixes[o->n++] = flat[random_number(g, 4)];
		operand32(g, o, target);
	} else {
		operand32(g, o, target);
	}
}

static void put_prefixes(struct generator *g, struct text *text,
			 const struct operand *o, u8 more)
{
	bool first = percent(g, 50);

	if (more && first)
		put(text, more, 1);
	memcpy(text->bytes + text->len, o->prefixes, o->n);
	text->len += o->n;
	if (more && !first)
		put(text, more, 1);
}

/* A whole instruction with a memory operand at hand. */
static void put_memory_insn(struct generator *g, u32 opcode, int oplen, int reg,
			    u32 target)
{
	struct text *text;
	struct operand o = { .n = 0 };

	operand32(g, &o, target);
	text = new_text(g);
	put(text, opcode, oplen);
	o.bytes[0] |= reg << 3;
	memcpy(text->bytes + text->len, o.bytes, o.len);
	text->len += o.len;
}

static int any_bit(struct generator *g, u32 mask)
{
	int bit;

	do {
		bit = random_number(g, 8);
	} while (!(mask >> bit & 1));
	return bit;
}

static void put_opcode(struct text *text, int map, u32 op)
{
	if (map)
		put(text, 0x0f, 1);
	if (map > 1)
		put(text, map == 2 ? 0x38 : 0x3a, 1);
	put(text, op, 1);
}

static void forget_operands(struct generator *g, const struct form *form, int op,
			    int reg, int rm, bool mem)
{
	u32 mask = form->flags & B ? 3 : 7;

	if (form->flags & REG)
		forget(g, reg & mask);
	if (form->flags & RM && !mem)
		forget(g, rm & mask);
	if (form->flags & OP)
		forget(g, op & mask);
	if (form->flags & A)
		forget(g, X86_EAX);
	if (form->flags & D)
		forget(g, X86_EDX);
}

static bool spared(const struct generator *g, const struct form *form)
{
	return (form->flags & A && g->spared >> X86_EAX & 1) ||
	       (form->flags & D && g->spared >> X86_EDX & 1) ||
	       (form->flags & OP && g->spared);
}

static void put_form(struct generator *g, const struct form *form)
{
	static const u8 selecting[] = { 0, 0x66, 0xf3, 0xf2 };
	struct operand o = { .n = 0 };
	struct text *text;
	u32 prefix = 0, op;
	int reg, rm = 0, select = 0;
	bool mem, aligned, w16;

	if (form->map == 1 && form->op == 0x0b && !percent(g, 10))
		return;
	if (form->map == 1 && form->op == 0x00 && traced(g))
		return;
	if (form->prefixes) {
		select = any_bit(g, form->prefixes);
		prefix = selecting[select];
	}
	w16 = form->flags & W && percent(g, 25);
	mem = form->flags & E && !(form->flags & NOMEM) &&
	      (form->flags & MEM || percent(g, g->place ? 95 : 55));
	aligned = form->aligned >> select & 1;
	reg = form->exts ? any_bit(g, form->exts) :
			   any_reg(g, form->flags & REG);
	if (form->flags & SMALL && mem && percent(g, 90))
		set_reg(g, reg = any_reg(g, true),
			random_number(g, 0x200) - 0x100);
	if (mem)
		any_memory(g, &o, form->size, aligned);
	else
		rm = any_reg(g, form->flags & RM);
	op = form->op + random_number(g, form->count);
	text = new_text(g);
	if (form->flags & LK && mem && percent(g, 20))
		put(text, 0xf0, 1);
	if (w16)
		prefix = 0x66;
	put_prefixes(g, text, &o, prefix);
	put_opcode(text, form->map, op);
	if (!mem && form->flags & E)
		operand_bytes(&o, 0xc0 | rm, 1);
	o.bytes[0] |= reg << 3;
	memcpy(text->bytes + text->len, o.bytes, o.len);
	text->len += o.len;
	if (form->imm)
		put(text, random_value(g), form->imm == Z ? (w16 ? 2 : 4) :
							    form->imm);
	forget_operands(g, form, op, reg, rm, mem);
}

static void any_form(struct generator *g)
{
	const struct form *form;

	do {
		form = &forms[random_number(g, FORMS)];
	} while (spared(g, form));
	put_form(g, form);
}

static void need(struct generator *g, int reg, u32 value)
{
	if (!(g->known >> reg & 1) || percent(g, 30))
		set_reg(g, reg, value);
}

static void need_stack(struct generator *g)
{
	u32 esp = STACK + 0x1080 + random_number(g, 0xf00);

	if (g->place) {
		set_reg(g, X86_ESP, target_in_place(g, 4) + 4 * random_number(g, 3));
		return;
	}
	if (percent(g, 4))
		esp = STACK + 0x1000 + random_number(g, 6);
	if (percent(g, 4))
		esp = STACK + 0x2000 - random_number(g, 6);
	if (!(g->known >> X86_ESP & 1) || g->value[X86_ESP] - STACK - 0x1040 > 0xf80 ||
	    percent(g, 5))
		set_reg(g, X86_ESP, esp);
}

static void strings(struct generator *g)
{
	static const u8 ops[] = { 0xa4, 0xa6, 0xaa, 0xac, 0xae };
	static const u8 segs[] = { 0x64, 0x65, 0x26, 0x36 };
	u32 op = ops[random_number(g, 5)] + random_number(g, 2);
	u32 rep = percent(g, 60) ? 0xf2 + random_number(g, 2) : 0;
	u32 seg = percent(g, 15) ? segs[random_number(g, 4)] : 0, base = 0;
	bool low = !g->no_low && percent(g, 10) && !g->place;
	struct text *text;

	if (seg == 0x64)
		base = FS_BASE;
	if (seg == 0x65)
		base = GS_BASE;
	if (rep && percent(g, 90))
		set_reg(g, X86_ECX, random_number(g, percent(g, 20) ? 700 : 12));
	if (low) {
		need(g, X86_ESI, LOW + random_number(g, 0x1f00));
		set_reg(g, X86_EDI, LOW + random_number(g, 0x1f00));
	} else {
		need(g, X86_ESI, any_target(g, 16, false) - base);
		if (percent(g, 40))
			set_reg(g, X86_ESI, any_target(g, 16, false) - base);
		need(g, X86_EDI, any_target(g, 16, false));
	}
	if (seg == 0x65)
		set_reg(g, X86_ESI, random_number(g, 0x1800) + 16);
	text = new_text(g);
	if (low)
		put(text, 0x67, 1);
	if (seg)
		put(text, seg, 1);
	if (percent(g, 20))
		put(text, 0x66, 1);
	if (rep)
		put(text, rep, 1);
	put(text, op, 1);
	forget(g, X86_ESI);
	forget(g, X86_EDI);
	if (rep)
		forget(g, X86_ECX);
	if (op >= 0xac && op < 0xae)
		forget(g, X86_EAX);
}

static void move_esp(struct generator *g, u32 by)
{
	g->value[X86_ESP] += by;
}

static void put_one(struct generator *g, bool w16, u32 op, int len)
{
	struct text *text = new_text(g);

	if (w16)
		put(text, 0x66, 1);
	put(text, op, len);
}

static void stack_memory(struct generator *g, u32 op, int reg, bool w16)
{
	struct operand o;
	struct text *text;

	any_memory(g, &o, 4, false);
	text = new_text(g);
	put_prefixes(g, text, &o, w16 ? 0x66 : 0);
	put(text, op, 1);
	o.bytes[0] |= reg << 3;
	memcpy(text->bytes + text->len, o.bytes, o.len);
	text->len += o.len;
}

static void stack(struct generator *g)
{
	bool w16 = percent(g, 25);
	int size = w16 ? 2 : 4, reg = random_number(g, 8), n;
	static const u16 segs[] = { 0x06, 0x0e, 0x16, 0x1e, 0xa00f, 0xa80f };
	struct text *text;

	need_stack(g);
	switch (random_number(g, 16)) {
	case 0: case 1:
		put_one(g, w16, 0x50 + reg, 1);
		move_esp(g, -size);
		break;
	case 2: case 3:
		reg = any_reg(g, true);
		put_one(g, w16, 0x58 + reg, 1);
		move_esp(g, size);
		forget(g, reg);
		break;
	case 4:
		text = new_text(g);
		if (w16)
			put(text, 0x66, 1);
		put(text, 0x68, 1);
		put(text, random_value(g), size);
		move_esp(g, -size);
		break;
	case 5:
		put_one(g, w16, 0x6a | (random_value(g) & 0xff) << 8, 2);
		move_esp(g, -size);
		break;
	case 6:
		stack_memory(g, 0xff, 6, w16);
		move_esp(g, -size);
		break;
	case 7:
		stack_memory(g, 0x8f, 0, w16);
		move_esp(g, size);
		break;
	case 8:
		put_one(g, w16, 0xf0ff | reg << 8, 2);
		move_esp(g, -size);
		break;
	case 9:
		put_one(g, w16, 0xc08f | any_reg(g, true) << 8, 2);
		g->known &= 1 << X86_ESP;
		move_esp(g, size);
		break;
	case 10:
		put_one(g, w16, 0x9c, 1);
		move_esp(g, -size);
		break;
	case 11:	/* popf of what it may set, TF and AC not among it */
		put_one(g, false, 0x68 | (u32)(random_value(g) & 0xcd5) << 8, 4);
		g->program->text[g->program->n - 1].len = 5;
		put_one(g, w16, 0x9d, 1);
		move_esp(g, w16 ? -2 : 0);
		break;
	case 12:
		put_one(g, w16, 0x60, 1);
		move_esp(g, -8 * size);
		break;
	case 13:
		put_one(g, w16, 0x61, 1);
		g->known &= 1 << X86_ESP;
		move_esp(g, 8 * size);
		break;
	case 14:
		if (percent(g, 70))
			set_reg(g, X86_EBP, STACK + 0x1100 + random_number(g, 0xe00));
		text = new_text(g);
		if (w16)
			put(text, 0x66, 1);
		put(text, 0xc8, 1);
		put(text, percent(g, 80) ? random_number(g, 64) : random_number(g, 0x1800), 2);
		put(text, percent(g, 50) ? 0 : random_number(g, 256), 1);
		forget(g, X86_ESP);
		forget(g, X86_EBP);
		if (percent(g, 50))
			put_one(g, w16, 0xc9, 1);
		break;
	case 15:
		if (percent(g, 50)) {
			n = random_number(g, 6);
			put_one(g, w16, segs[n], n < 4 ? 1 : 2);
			move_esp(g, -size);
			break;
		}
		set_reg(g, X86_EBP, STACK + 0x1100 + random_number(g, 0xe00));
		put_one(g, w16, 0xc9, 1);
		forget(g, X86_EBP);
		forget(g, X86_ESP);
		break;
	}
}

/* Selectors of Linux's GDT, good, null and bad. */
static u32 any_selector(struct generator *g)
{
	static const u16 selectors[] = { 0x2b, 0x2b, 0x23, 0x28, 0x29, 0x0, 0x3,
					 0x10, 0x18, 0x1234, 0x63, 0x6b, 0x73 };

	return selectors[random_number(g, sizeof(selectors) / 2)];
}

/* Segments other than fs and gs get back what they had, so as not to end the
 * case with the next memory operand; fs and gs aren't used with anything else
 * either.  Only failures survive. */
static void segments(struct generator *g)
{
	static const u8 usual[] = { 0x2b, 0, 0x2b, 0x2b, 0x63, 0x6b };
	static const u8 fars[] = { 0xc4, 0, 0xb2, 0xc5, 0xb4, 0xb5 };
	static const u8 pops[] = { 0x07, 0, 0x17, 0x1f, 0xa1, 0xa9 };
	int seg = random_number(g, 6);
	u32 selector = percent(g, 80) ? usual[seg] : 0x1230u + (u32)random_number(g, 16);
	int reg = any_reg(g, true);
	u32 at = DATA + 0x1000 + random_number(g, 0x1f00);
	bool w16 = percent(g, 25);
	struct text *text;

	if (seg == X86_CS)
		return;
	switch (random_number(g, 3)) {
	case 0:
		set_reg(g, reg, selector);
		put_one(g, w16, 0xc08e | seg << 11 | reg << 8, 2);
		break;
	case 1:
		need_stack(g);
		text = new_text(g);
		put(text, 0x68, 1);
		put(text, selector | random_number(g, 0x10000) << 16, 4);
		put_one(g, w16, seg >= X86_FS ? 0x0f | pops[seg] << 8 : pops[seg],
			seg >= X86_FS ? 2 : 1);
		if (w16)
			move_esp(g, -2);
		break;
	case 2:
		set_reg(g, X86_EAX, selector);
		put_memory_insn(g, 0x89, 1, X86_EAX, at + 4);
		if (seg >= X86_FS || seg == X86_SS)
			put_memory_insn(g, 0x0f | fars[seg] << 8, 2, reg, at);
		else
			put_memory_insn(g, fars[seg], 1, reg, at);
		forget(g, reg);
		break;
	}
}

static void selector_queries(struct generator *g)
{
	static const u16 queries[] = { 0xc0, 0xc8, 0xe0, 0xe8, 0xc1, 0xd1 };
	int which = random_number(g, 6), reg = any_reg(g, true);
	struct text *text;

	set_reg(g, X86_EAX, any_selector(g));
	text = new_text(g);
	if (percent(g, 25))
		put(text, 0x66, 1);
	put(text, 0x0f, 1);
	if (which < 2) {
		put(text, 2 + which, 1);
		put(text, 0xc0 | reg << 3, 1);
		forget(g, reg);
	} else {
		put(text, which < 4 ? 0 : 0x63, 1);
		put(text, queries[which], 1);
	}
}

/* mod = 0, rm = 5: the address is in the instruction. */
static void put_absolute(struct text *text, u32 opcode, int oplen, int reg, u32 at)
{
	put(text, opcode, oplen);
	put(text, 5 | reg << 3, 1);
	put(text, at, 4);
}

/* Linux answers these in software where the CPU refuses (UMIP), and takes it
 * easy with TF and the rarer prefixes and faults.  smsw shows TS, which the
 * oracle hasn't set, so it comes after something that ends TS. */
static void smsw(struct generator *g, u32 at)
{
	struct text *text = new_text(g);
	int reg = any_reg(g, true);

	put(text, 0xe3db, 2);	/* fninit */
	if (percent(g, 30)) {
		put_absolute(text, 0x010f, 2, 4, at);
		return;
	}
	if (percent(g, 50))
		put(text, 0x66, 1);
	put(text, 0xe0010f | reg << 16, 3);
	forget(g, reg);
}

static void system_tables(struct generator *g)
{
	u32 at = DATA + 0x1000 + random_number(g, 0x1f00);
	int which = random_number(g, 5);

	if (traced(g))
		return;
	if (which == 4)
		smsw(g, at);
	else
		put_absolute(new_text(g), which < 2 ? 0x010f : 0x000f, 2,
			     which & 1, at);
}

/* Branches go forward over a few instructions, which doesn't spoil what we know
 * but for what they change: so knowledge ends here. */
static void any_insn(struct generator *g, int depth);

static struct text *branch(struct generator *g, u32 op, int oplen, int rel)
{
	struct text *text = new_text(g);

	put(text, op, oplen);
	put(text, 0, rel);
	text->rel = rel;
	return text;
}

static void skip(struct generator *g, int depth)
{
	u32 op = 0x70 + random_number(g, 16), before = g->known, n;
	struct text *text;

	switch (random_number(g, 6)) {
	case 0:
		text = branch(g, 0x0f | (op + 0x10) << 8, 2, 4);
		break;
	case 1:
		text = branch(g, 0xe0 + random_number(g, 4), 1, 1);
		if (!(g->spared >> X86_ECX & 1))
			forget(g, X86_ECX);
		break;
	case 2:
		text = branch(g, percent(g, 50) ? 0xeb : 0xe9, 1, 0);
		text->rel = text->bytes[0] == 0xeb ? 1 : 4;
		put(text, 0, text->rel);
		break;
	default:
		text = branch(g, op, 1, 1);
	}
	before &= g->known;
	n = 1 + random_number(g, 3);
	while (n--)
		any_insn(g, depth + 1);
	g->known &= before;
	text->target = g->program->n;
}

/* Writes into an instruction to come: one that adds a number, and gets another
 * one; by way of the code's other address, too. */
static void change_code(struct generator *g)
{
	int reg = any_reg(g, true);
	struct text *patch = new_text(g), *victim;
	u32 between = random_number(g, 3), len = percent(g, 50) ? 4 : 1;

	/* mov byte or dword [...], imm; the immediate's bytes are 1 to 4. */
	put(patch, len == 4 ? 0x05c7 : 0x05c6, 2);
	patch->abs = 2;
	put(patch, 0, 4);
	put(patch, random_value(g), len);
	patch->into = 2 + (len == 1 ? random_number(g, 4) : 0);
	patch->other = percent(g, 30);
	while (between--)
		any_form(g);
	patch->target = g->program->n;
	victim = new_text(g);
	put(victim, 0xc081 | reg << 8, 2);
	put(victim, random_value(g), 4);
	forget(g, reg);
}

static void loop(struct generator *g)
{
	u32 n = 1 + random_number(g, 3), start, op = percent(g, 70) ? 0xe2 : 0xe0;
	bool changing = percent(g, 15);
	u8 spared = g->spared;

	if (g->spared)
		return;
	set_reg(g, X86_ECX, 1 + random_number(g, 9));
	start = g->program->n;
	g->spared |= 1 << X86_ECX;
	forget(g, X86_ECX);
	while (n--)
		changing ? change_code(g) : any_form(g);
	g->spared = spared;
	if (percent(g, 50))
		branch(g, op, 1, 1)->target = start;
	else {
		put_one(g, false, 0x49, 1);
		branch(g, 0x75, 1, 1)->target = start;
	}
	g->known = 0;
}

/* A call to a little function further down, which we jump over. */
static void call(struct generator *g, int depth)
{
	struct text *over, *to;
	u32 n = 1 + random_number(g, 2), extra = random_number(g, 3) * 4;
	int how = random_number(g, 3);

	need_stack(g);
	to = branch(g, 0xe8, 1, 4);
	over = branch(g, 0xeb, 1, 1);
	to->target = g->program->n;
	g->known &= ~(1u << X86_ESP);
	while (n--)
		any_insn(g, depth + 1);
	if (how == 0)
		put_one(g, false, 0xc2 | extra << 8, 3);
	else
		put_one(g, how == 1 && percent(g, 5), 0xc3, 1);
	over->target = g->program->n;
	g->known = 0;
}

/* call, jmp by register and memory: the address is made from one that call
 * pushes. */
static void indirect(struct generator *g)
{
	int reg = any_reg(g, true), op = percent(g, 50) ? 0xd0 : 0xe0;
	u32 add;

	if (reg == X86_ESP)
		reg = X86_EDX;
	need_stack(g);
	branch(g, 0xe8, 1, 4)->target = g->program->n;
	put_one(g, false, 0x58 + reg, 1);
	if (percent(g, 50)) {
		/* add reg, n; jmp reg; int3 */
		add = 1 + 3 + 2 + 1;
		put_one(g, false, 0xc083 | reg << 8 | add << 16, 3);
		put_one(g, false, 0xff | (op | reg) << 8, 2);
	} else {
		/* add reg, n; push reg; jmp [esp]; int3 */
		add = 1 + 3 + 1 + 3 + 1;
		put_one(g, false, 0xc083 | reg << 8 | add << 16, 3);
		put_one(g, false, 0x50 + reg, 1);
		move_esp(g, -4);
		put_one(g, false, op == 0xd0 ? 0x2414ff : 0x2424ff, 3);
	}
	put_one(g, false, 0xcc, 1);
	if (op == 0xd0)
		move_esp(g, -4);
	forget(g, reg);
}

/* The address of the next instruction but one becomes a far pointer at @at. */
static void put_far_pointer(struct generator *g, u32 at)
{
	struct text *text = new_text(g);

	put_absolute(text, 0xc7, 1, 0, at);
	text->abs = text->len;
	put(text, 0, 4);
	text->target = g->program->n + 2;	/* behind the selector and the jump */
	text = new_text(g);
	put_absolute(text, 0xc766, 2, 0, at + 4);
	put(text, percent(g, 90) ? USER_CS : any_selector(g), 2);
}

/* To what comes next: push cs; call next; next: add [esp], n; retf.  Or iret, with
 * the flags in front. */
static void far_back(struct generator *g)
{
	int how = random_number(g, 3);

	if (how == 0)
		put_one(g, false, 0x9c, 1);
	put_one(g, false, 0x0e, 1);
	branch(g, 0xe8, 1, 4)->target = g->program->n;
	put_one(g, false, 0x00240483 | (how == 2 ? 7 : 5) << 24, 4);
	if (how == 2)
		put_one(g, false, 0xca | random_number(g, 16) << 8, 3);
	else
		put_one(g, false, how ? 0xcb : 0xcf, 1);
}

/* To the same segment, in which case it isn't that far. */
static void far(struct generator *g)
{
	u32 which = random_number(g, 4), at;
	struct text *text;

	need_stack(g);
	if (which < 2) {
		text = new_text(g);
		put(text, which ? 0x9a : 0xea, 1);
		text->abs = 1;
		put(text, 0, 4);
		put(text, percent(g, 90) ? USER_CS : any_selector(g), 2);
		text->target = g->program->n;
	} else {
		at = DATA + 0x1000 + random_number(g, 0x1f00);
		put_far_pointer(g, at);
		put_absolute(new_text(g), 0xff, 1, which == 2 ? 3 : 5, at);
	}
	if (percent(g, 30))
		far_back(g);
	forget(g, X86_ESP);
}

static void moffs(struct generator *g)
{
	u32 op = 0xa0 + random_number(g, 4), seg = random_number(g, 8);
	u32 target = not_at_the_end(any_target(g, 4, false));
	struct text *text = new_text(g);

	if (percent(g, 25))
		put(text, 0x66, 1);
	if (seg < 2)
		put(text, 0x64 + seg, 1);
	if (!g->no_low && seg > 6)
		put(text, 0x67, 1);
	put(text, op, 1);
	if (!g->no_low && seg > 6)
		put(text, LOW + target % 0x2000, 2);
	else
		put(text, target - (seg == 0 ? FS_BASE : seg == 1 ? GS_BASE : 0), 4);
	if (op < 0xa2)
		forget(g, X86_EAX);
}

static void xlat(struct generator *g)
{
	u32 seg = random_number(g, 6), base = 0;

	if (seg == 0)
		base = FS_BASE;
	if (seg == 1)
		base = GS_BASE;
	set_reg(g, X86_EBX, any_target(g, 1, false) - base);
	put_one(g, false, seg < 2 ? 0xd764 + seg : 0xd7, seg < 2 ? 2 : 1);
	forget(g, X86_EAX);
}

static void trap_like(struct generator *g)
{
	switch (random_number(g, 5)) {
	case 0:
		put_one(g, false, 0xcc, 1);
		break;
	case 4:
		put_one(g, false, 0xf1, 1);
		break;
	case 1:
		put_one(g, false, 0x03cd, 2);
		break;
	case 2:
		put_one(g, false, 0xce, 1);
		break;
	case 3:
		if (percent(g, 10))
			put_one(g, false, 0x00cd | (random_number(g, 2) ? 0xd00 : 0x2000), 2);
		break;
	}
}

/* Images of the FPU contain the address of its last instruction, and that's
 * the one thing in which a translation differs; so it's overwritten. */
static void fpu_image_saved(struct generator *g, u32 opcode, int oplen, int reg,
			    u32 at, u32 first, u32 end)
{
	struct text *text = new_text(g);

	put_absolute(text, opcode, oplen, reg, at);
	for (; first < end; first += 4)
		put_absolute(text, 0x89, 1, random_number(g, 8), at + first);
}

static void fpu_images(struct generator *g)
{
	u32 at = (DATA + 0x1000 + random_number(g, 0x1d00)) & ~15u;

	if (g->place)
		at = target_in_place(g, 28);
	switch (random_number(g, 7)) {
	case 0:
		fpu_image_saved(g, 0xd9, 1, 6, at, 28, 28);	/* fnstenv */
		break;
	case 1:
		fpu_image_saved(g, 0xdd, 1, 6, at, 28, 28);	/* fnsave */
		if (percent(g, 60))
			put_absolute(new_text(g), 0xdd, 1, 4, at);
		break;
	case 2:
		fpu_image_saved(g, 0xae0f, 2, 0, at, 24, 24);	/* fxsave */
		if (percent(g, 60))
			put_absolute(new_text(g), 0xae0f, 2, 1, at);
		break;
	case 3:		/* ldmxcsr, mostly of what isn't forbidden */
		set_reg(g, X86_EAX, percent(g, 70) ? 0x1f80 | (random_value(g) & 0xe07f) :
						     random_value(g) & 0xffff);
		put_absolute(new_text(g), 0x89, 1, X86_EAX, at);
		put_absolute(new_text(g), 0xae0f, 2, 2, at);
		break;
	case 4:		/* fldcw */
		set_reg(g, X86_EAX, percent(g, 70) ? 0x37f | (random_value(g) & 0xf00) :
						     random_value(g) & 0xffff);
		put_absolute(new_text(g), 0x89, 1, X86_EAX, at);
		put_absolute(new_text(g), 0xd9, 1, 5, at);
		break;
	case 5:		/* fldenv */
		put_absolute(new_text(g), 0xd9, 1, 4, at);
		break;
	case 6:		/* fnclex, fninit, mostly after something that got stuck */
		put_one(g, false, 0xe2db + (random_number(g, 2) << 8), 2);
		break;
	}
}

static void maskmov(struct generator *g)
{
	static const u8 bytes[] = { 0x66, 0x0f, 0xf7 };
	bool xmm = percent(g, 50), fs = percent(g, 10);
	struct text *text;

	if (fs)
		set_reg(g, X86_EDI, not_at_the_end(any_target(g, 16, false)) -
				    FS_BASE);
	else
		need(g, X86_EDI, any_target(g, 16, false));
	text = new_text(g);
	if (fs)
		put(text, 0x64, 1);
	memcpy(text->bytes + text->len, bytes + !xmm, 2 + xmm);
	text->len += 2 + xmm;
	put(text, 0xc0 | random_number(g, 64), 1);
}

static void cpuid(struct generator *g)
{
	if (!percent(g, 5))
		return;
	set_reg(g, X86_EAX, percent(g, 50) ? 0 : 0x80000002 + random_number(g, 3));
	put_one(g, false, 0xa20f, 2);
	g->known &= ~0xf;
}

/* sldt and its kin are Linux's, which gives up at too many prefixes (UMIP). */
static bool of_linux(const struct text *text)
{
	return memmem(text->bytes, 4, "\x0f\x00", 2) ||
	       memmem(text->bytes, 4, "\x0f\x01", 2);
}

/* Prefixes that mean nothing, and what the program would do with the wrong
 * length or address. */
static void superfluous_prefixes(struct generator *g, u32 from)
{
	static const u8 some[] = { 0x26, 0x2e, 0x36, 0x3e, 0x67, 0x66, 0xf3, 0xf2 };
	struct text *text;
	u32 n = percent(g, 90) ? 1 : random_number(g, 5);

	if (from >= g->program->n)
		return;
	text = &g->program->text[g->program->n - 1];
	if (text->rel || text->abs || text->len + n > 17 ||
	    memchr(text->bytes, 0xae, 4) || of_linux(text))
		return;
	memmove(text->bytes + n, text->bytes, text->len);
	text->len += n;
	while (n--)
		text->bytes[n] = some[random_number(g, percent(g, 90) ? 4 : 8)];
}

static void any_insn(struct generator *g, int depth)
{
	u32 dice = random_number(g, 1000), from = g->program->n;

	if (dice < 620)
		any_form(g);
	else if (dice < 690)
		strings(g);
	else if (dice < 800)
		stack(g);
	else if (dice < 850)
		depth < 2 ? skip(g, depth) : any_form(g);
	else if (dice < 865)
		depth < 1 ? loop(g) : any_form(g);
	else if (dice < 890)
		depth < 2 ? call(g, depth) : any_form(g);
	else if (dice < 910)
		indirect(g);
	else if (dice < 925)
		segments(g);
	else if (dice < 933)
		selector_queries(g);
	else if (dice < 935)
		system_tables(g);
	else if (dice < 955)
		moffs(g);
	else if (dice < 960)
		xlat(g);
	else if (dice < 963)
		far(g);
	else if (dice < 967)
		trap_like(g);
	else if (dice < 970)
		change_code(g);
	else if (dice < 985)
		traced(g) ? any_form(g) : fpu_images(g);
	else if (dice < 995)
		maskmov(g);
	else
		cpuid(g);
	if (percent(g, 4))
		superfluous_prefixes(g, from);
}

static void first_state(struct generator *g)
{
	struct test_case *start = &g->program->start;
	int i;

	for (i = 0; i < 8; i++) {
		g->value[i] = i < X86_EBX && !percent(g, 20) ? random_value(g) :
			      any_target(g, 16, percent(g, 30));
		if (i == X86_ESP)
			g->value[i] = STACK + 0x1040 + random_number(g, 0xf80);
		start->regs[i] = g->value[i];
	}
	g->known = 0xff;
	start->eflags = random_value(g) & X86_LIVE_FLAGS;
	if (percent(g, 70))
		start->eflags &= ~X86_FLAG_DF;
	if (percent(g, 10))
		start->eflags |= X86_FLAG_ID;
	if (percent(g, 8))
		start->eflags |= X86_FLAG_TF;
	start->fpu = random_number(g, FPU_IMAGES);
	start->fix = percent(g, 60);
	start->max_events = MAX_EVENTS;
}

/* No program at all, but bytes.  What gives another answer each time is spoiled,
 * and so are system calls and what Linux does for the CPU. */
static void spoil(u8 *bytes, u32 len)
{
	static const u8 fickle[] = { 0x00, 0x01, 0x05, 0x31, 0x34, 0xc7 };

	for (; len > 1; bytes++, len--)
		if (*bytes == 0x0f && memchr(fickle, bytes[1], sizeof(fickle)))
			*bytes = 0x90;
}

static void soup(struct generator *g)
{
	static const u8 starts[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x64, 0x65,
				     0x0f, 0x0f, 0x0f };
	struct text *text = new_text(g);
	u32 n = 1 + random_number(g, 20), i;

	g->program->soup = true;
	for (i = 0; i < n; i++)
		put(text, percent(g, 20) ? starts[random_number(g, 10)] :
					   random_number(g, 256), 1);
	spoil(text->bytes, text->len);
}

void generate(struct program *program, u64 seed, bool no_low)
{
	struct generator g = { .random = (seed + 1) * 0x9e3779b97f4a7c15u,
			       .program = program, .no_low = no_low };
	u32 n;

	memset(program, 0, sizeof(*program));
	for (n = 0; n < 8; n++)
		random_number(&g, 2);
	first_state(&g);
	n = 1 + random_number(&g, 14);
	if (percent(&g, 7)) {
		soup(&g);
		return;
	}
	while (n-- && program->n < MAX_TEXT - 16)
		any_insn(&g, 0);
}

void place_program(struct program *p, u8 *at, u32 eip)
{
	u32 offset[MAX_TEXT + 1], end = 0, i, rel;

	for (i = 0; i < p->n; i++) {
		offset[i] = end;
		end += p->text[i].len;
	}
	offset[i] = end;
	for (i = 0; i < p->n; i++) {
		struct text *text = &p->text[i];

		if (text->rel) {
			rel = offset[text->target] - offset[i] - text->len;
			memcpy(text->bytes + text->len - text->rel, &rel, text->rel);
		}
		if (text->abs) {
			rel = eip + offset[text->target] + text->into;
			if (text->other)
				rel ^= CODE ^ CODE_AGAIN;
			memcpy(text->bytes + text->abs, &rel, 4);
		}
		memcpy(at + offset[i], text->bytes, text->len);
	}
	memcpy(at + end, "\x0f\x0b", 2);
	p->start.eip = eip;
	p->start.end = eip + end;
}

static void fpu_image(struct generator *g, u8 *image, int number)
{
	u16 control = 0x37f;
	u32 mxcsr = 0x1f80;
	int i;

	memset(image, 0, 512);
	for (i = 32; i < 288; i++)
		if (i >= 160 || i % 16 < 10)
			image[i] = random_number(g, 256);
	/* Some with exceptions behind them, which wait if they're not masked. */
	if (number % 4 == 3) {
		control = 0x340 | random_number(g, 64) | random_number(g, 16) << 8;
		image[2] = random_number(g, 64);
		if (image[2] & ~control)
			image[2] |= 0x80;
	}
	/* Half of the numbers within reason. */
	for (i = 0; i < 8; i++)
		if (percent(g, 50))
			image[32 + i * 16 + 9] = 0x3f | (image[32 + i * 16 + 9] & 0x80),
			image[32 + i * 16 + 8] |= 0xf0, image[32 + i * 16 + 7] |= 0x80;
	for (i = 160; i < 288; i += 8)
		if (percent(g, 70))
			image[i + 7] = 0x3f | (image[i + 7] & 0x80);
	for (i = 160; i < 288; i += 8)
		if (percent(g, 50))
			image[i + 3] = 0x3f | (image[i + 3] & 0x80);
	image[4] = number & 1 ? random_number(g, 256) : 0;	/* tags */
	image[3] = number & 1 ? random_number(g, 8) << 3 : 0;	/* top */
	if (number % 8 >= 6)
		mxcsr = 0x1f80 & ~(random_number(g, 64) << 7);
	if (number % 8 == 5)
		mxcsr |= random_number(g, 8) << 13;
	if (number % 8 == 4)
		mxcsr |= 0x8040;
	memcpy(image, &control, 2);
	memcpy(image + 24, &mxcsr, 4);
}

void generate_data(struct test_shared *shared, u64 seed)
{
	struct generator g = { .random = (seed + 1) * 0x9e3779b97f4a7c15u };
	u8 *data = shared->template;
	u32 i, value;

	for (i = 0; i < sizeof(shared->template); i += 8) {
		value = random_value(&g);
		memcpy(data + i, &value, 4);
		value = random_value(&g);
		if (percent(&g, 40))
			value = 0x3f800000 + (value >> 7);
		memcpy(data + i + 4, &value, 4);
	}
	for (i = 0; i < FPU_IMAGES; i++)
		fpu_image(&g, shared->fpu[i], i);
}

/* Classes of instructions: the table's rows from this one to the next class's, or
 * whatever some function makes. */
static const struct {
	const char *name;
	void (*make)(struct generator *);
	u8 map, op;
	bool fpu;
} classes[FAULT_CLASSES] = {
	{ "integer", NULL, 0, 0x00, false },
	{ "system, bits, conditions", NULL, 1, 0x00, false },
	{ "x87", NULL, 0, 0xd8, true },
	{ "MMX and SSE", NULL, 1, 0x10, true },
	{ "strings", strings, 0, 0, false },
	{ "stack", stack, 0, 0, false },
	{ "calls", indirect, 0, 0, false },
	{ "far transfers", far, 0, 0, false },
	{ "segments", segments, 0, 0, false },
	{ "absolute addresses", moffs, 0, 0, false },
	{ "xlat", xlat, 0, 0, false },
	{ "images of the FPU", fpu_images, 0, 0, true },
	{ "masked moves", maskmov, 0, 0, true },
};

static u32 first_form(u32 class)
{
	u32 i = 0;

	while (i < FORMS && (forms[i].map != classes[class].map ||
			     forms[i].op != classes[class].op))
		i++;
	return i;
}

static const struct form *form_of(u32 class, u32 number)
{
	u32 start = first_form(class);
	u32 end = classes[class + 1].make ? FORMS : first_form(class + 1);

	return &forms[start + number % (end - start)];
}

const char *fault_class(u32 class, bool *fpu)
{
	*fpu = classes[class].fpu;
	return classes[class].name;
}

void generate_fault(struct program *program, u32 class, u64 number, bool no_low)
{
	struct generator g = { .random = (number + 1) * 0x9e3779b97f4a7c15u,
			       .program = program, .no_low = no_low };
	struct test_case *start = &program->start;
	u32 n;

	memset(program, 0, sizeof(*program));
	for (n = 0; n < 8; n++)
		random_number(&g, 2);
	first_state(&g);
	g.place = number % PLACES;
	start->fix = number / PLACES % 4 < 3;
	start->eflags &= ~X86_FLAG_TF;
	if (number / PLACES % 4 == 2)
		start->eflags |= X86_FLAG_TF;
	if (classes[class].make)
		classes[class].make(&g);
	else
		put_form(&g, form_of(class, number / PLACES / 4));
}
