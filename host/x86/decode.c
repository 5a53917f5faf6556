/*S:410 Taking an instruction apart.
 *
 * We copy the Guest's instructions, so we must know where each one ends, which
 * registers and which memory it names, and whether a copy would do at all.
 * That is all we want to know: an "add" and a "xor" are the same to us.
 *
 * So this file is mostly tables.  Every opcode has a 32-bit code, and every
 * code is a sum of the words that follow.  The tables are laid out like the
 * opcode maps of the SDM (volume 2, appendix A), so that one can be held
 * against the other; where the SDM is silent, the answers came from asking the
 * machine, and tests/x86/decode-machine.c goes on asking it.
 *
 * x86_decode() is called for every instruction that is translated and in
 * the middle of the Guest's floating point life: no libc, no vectors. */
#include "x86/decode.h"
/*:*/

/*S:415 The words of a code.
 *
 * First its kind.  It's stored so that zero is X86_UNDEFINED: what a table
 * does not mention, does not exist. */
#define KIND(kind) ((u32)(kind) ^ X86_UNDEFINED)
#define KIND_OF(code) (((code) & 31) ^ X86_UNDEFINED)

/* These four become a public kind once the rest has been looked at. */
enum { POP_SEG = X86_UNDEFINED + 1, MOV_TO_SEG, LOAD_FAR, X87 };

#define COPY KIND(X86_COPY)
#define EMULATE KIND(X86_EMULATE)
#define PRIVILEGED KIND(X86_PRIVILEGED)
/* Kinds fit five bits, and no sum looks like this. */
#define PREFIX (~0u)

/* What follows the opcode, besides ModRM: V is 16 or 32 bits. */
#define IMM(how) ((u32)(how) << 5)
#define IMM_OF(code) ((code) >> 5 & 7)
enum { NO_IMM, ONE, ONE_SIGNED, V, V_SIGNED, TWO, TWO_AND_ONE, V_AND_TWO };
#define IB IMM(ONE)
#define IBS IMM(ONE_SIGNED)
#define IV IMM(V)
#define IVS IMM(V_SIGNED)
#define IW IMM(TWO)

#define MODRM (1u << 8)
/* Where general registers are named, and how wide. */
#define REG_8 (MODRM | X86_REG8 << 9)
#define REG_V (MODRM | X86_REG << 9)
#define REG_OF(code) ((code) >> 9 & 3)
#define RM_8 (MODRM | X86_REG8 << 11)
#define RM_V (MODRM | X86_REG << 11)
#define RM_OF(code) ((code) >> 11 & 3)
#define OP_8 (X86_REG8 << 13)
#define OP_V (X86_REG << 13)
#define OP_OF(code) ((code) >> 13 & 3)

#define FPU (1u << 15)
#define WRITES (1u << 16)	/* memory, whatever ModRM says */
#define STORES (1u << 17)	/* to the memory that ModRM names */
#define LOCKABLE (1u << 18)
#define RMW (STORES | LOCKABLE)
/* #UD for the other form of ModRM.  Both: mod isn't looked at, it's a register
 * (the moves to and from control registers). */
#define MEM_ONLY (1u << 19)
#define REG_ONLY (1u << 20)
#define MOD_IGNORED (MEM_ONLY | REG_ONLY)

/* Which of the prefixes that select an SSE instruction there may be: none, 66,
 * f3, f2.  Where none of the four is mentioned, they don't select anything. */
#define N_ (1u << 21)
#define P_66 (1u << 22)
#define P_F3 (1u << 23)
#define P_F2 (1u << 24)
#define ANY_OF(code) ((code) >> 21 & 15)

/* The code is only half of the story, the other half stands in a row of
 * rows[]: by ModRM.reg; the same in this row for memory and the next one for
 * registers; by the prefix (none, 66, f3, f2). */
#define ROW_OF(code) ((code) >> 25 & 31)
#define HOW_OF(code) ((code) >> 30)
enum { PLAIN, REG_SAYS, FORM_SAYS, PREFIX_SAYS };
#define BY_REG(row) (MODRM | (row) << 25 | (u32)REG_SAYS << 30)
#define BY_FORM(row) (MODRM | (row) << 25 | (u32)FORM_SAYS << 30)
#define BY_PREFIX(row) (MODRM | (row) << 25 | (u32)PREFIX_SAYS << 30)
/*:*/

/*S:420 Rows: one opcode, several instructions.  What they all have in common
 * stands in the opcode maps further down. */
#define SSE (COPY | FPU | MODRM)
#define MMX (SSE | N_ | P_66)		/* each has a twin for xmm with 66 */

enum {
	ROW_80, ROW_F6, ROW_F7, ROW_FE, ROW_FF, ROW_C6, ROW_8F, ROW_8C, ROW_8E,
	ROW_0F00, ROW_0F01, ROW_0F01_REG, ROW_CR, ROW_0F71, ROW_0F73,
	ROW_0FAE, ROW_0FAE_REG, ROW_0FBA, ROW_0FC7, ROW_0FC7_REG,
	ROW_0F12, ROW_0F16, ROW_0F2A, ROW_0F2C, ROW_0F7E, ROW_0FD6,
	ROW_0F38F0, ROW_0F38F1,
};

static const u32 rows[][8] = {
	/* add or adc sbb and sub xor; cmp */
	[ROW_80] = { [0 ... 6] = COPY | RMW, [7] = COPY },
	/* test, not, neg, mul imul div idiv */
	[ROW_F6] = { COPY | IB, COPY | IB, COPY | RMW, COPY | RMW,
		     COPY, COPY, COPY, COPY },
	[ROW_F7] = { COPY | IV, COPY | IV, COPY | RMW, COPY | RMW,
		     COPY, COPY, COPY, COPY },
	/* inc dec */
	[ROW_FE] = { COPY | RMW, COPY | RMW },
	/* inc dec call, far call, jmp, far jmp, push */
	[ROW_FF] = { COPY | RMW, COPY | RMW,
		     KIND(X86_CALL_RM) | WRITES, EMULATE | MEM_ONLY | WRITES,
		     KIND(X86_JMP_RM), EMULATE | MEM_ONLY,
		     KIND(X86_PUSH_RM) | WRITES },
	/* mov */
	[ROW_C6] = { COPY | STORES },
	/* pop */
	[ROW_8F] = { KIND(X86_POP_RM) | STORES },
	/* es cs ss ds fs gs */
	[ROW_8C] = { [0 ... 5] = KIND(X86_MOV_FROM_SEG) | STORES },
	[ROW_8E] = { [0] = KIND(MOV_TO_SEG), [2 ... 5] = KIND(MOV_TO_SEG) },
	/* sldt str lldt ltr verr verw */
	[ROW_0F00] = { EMULATE | STORES, EMULATE | STORES, PRIVILEGED,
		       PRIVILEGED, EMULATE, EMULATE },
	/* sgdt sidt lgdt lidt smsw lmsw invlpg */
	[ROW_0F01] = { EMULATE | STORES, EMULATE | STORES, PRIVILEGED,
		       PRIVILEGED, EMULATE | STORES, 0, PRIVILEGED,
		       PRIVILEGED },
	/* smsw lmsw; monitor and mwait are undefined where cpuid has none */
	[ROW_0F01_REG] = { [4] = EMULATE | RM_V, [6] = PRIVILEGED | RM_V },
	/* cr0 cr2 cr3 cr4 */
	[ROW_CR] = { PRIVILEGED, 0, PRIVILEGED, PRIVILEGED, PRIVILEGED },
	/* Shifts by imm8: right, arithmetically right, left */
	[ROW_0F71] = { [2] = MMX, [4] = MMX, [6] = MMX },
	/* Whole xmm registers too, by bytes. */
	[ROW_0F73] = { [2] = MMX, [3] = SSE | P_66,
		       [6] = MMX, [7] = SSE | P_66 },
	/* fxsave fxrstor ldmxcsr stmxcsr, clflush */
	[ROW_0FAE] = { EMULATE | FPU | N_ | STORES, EMULATE | FPU | N_,
		       SSE | N_, SSE | N_ | STORES, [7] = COPY | N_ },
	/* lfence mfence sfence */
	[ROW_0FAE_REG] = { [5 ... 7] = COPY | N_ },
	/* bt; bts btr btc */
	[ROW_0FBA] = { [4] = COPY, [5 ... 7] = COPY | RMW },
	/* cmpxchg8b */
	[ROW_0FC7] = { [1] = COPY | RMW },
	/* rdrand */
	[ROW_0FC7_REG] = { [6] = COPY | RM_V | N_ | P_66 },
	/* movlps movhlps, movlpd, movsldup, movddup */
	[ROW_0F12] = { SSE, SSE | MEM_ONLY, SSE, SSE },
	/* movhps movlhps, movhpd, movshdup */
	[ROW_0F16] = { SSE, SSE | MEM_ONLY, SSE },
	/* cvtpi2ps cvtpi2pd, cvtsi2ss cvtsi2sd */
	[ROW_0F2A] = { SSE, SSE, SSE | RM_V, SSE | RM_V },
	/* cvtps2pi cvtpd2pi, cvtss2si cvtsd2si, and truncating */
	[ROW_0F2C] = { SSE, SSE, SSE | REG_V, SSE | REG_V },
	/* movd from mm and xmm, movq */
	[ROW_0F7E] = { SSE | RM_V | STORES, SSE | RM_V | STORES, SSE },
	/* movq, movq2dq, movdq2q */
	[ROW_0FD6] = { 0, SSE | STORES, SSE | REG_ONLY, SSE | REG_ONLY },
	/* movbe, crc32 */
	[ROW_0F38F0] = { COPY | REG_V | MEM_ONLY, COPY | REG_V | MEM_ONLY, 0,
			 COPY | REG_V | RM_8 },
	[ROW_0F38F1] = { COPY | REG_V | MEM_ONLY | STORES,
			 COPY | REG_V | MEM_ONLY | STORES, 0,
			 COPY | REG_V | RM_V },
};
/*:*/

/*S:425 The one-byte opcodes.  The eight arithmetic instructions fill the first
 * quarter, six opcodes each; what is left over there went to segments, decimal
 * arithmetic and prefixes. */
#define ARITHMETIC(op, flags)                                           \
	[op] = COPY | RM_8 | REG_8 | (flags),                           \
	[op + 1] = COPY | RM_V | REG_V | (flags),                       \
	[op + 2] = COPY | RM_8 | REG_8, [op + 3] = COPY | RM_V | REG_V, \
	[op + 4] = COPY | IB, [op + 5] = COPY | IV

static const u32 one_byte[256] = {
	ARITHMETIC(0x00, RMW), ARITHMETIC(0x08, RMW),
	ARITHMETIC(0x10, RMW), ARITHMETIC(0x18, RMW),
	ARITHMETIC(0x20, RMW), ARITHMETIC(0x28, RMW),
	ARITHMETIC(0x30, RMW), ARITHMETIC(0x38, 0),
	[0x06] = KIND(X86_PUSH_SEG) | WRITES, [0x07] = KIND(POP_SEG),
	[0x0e] = KIND(X86_PUSH_SEG) | WRITES,
	[0x16] = KIND(X86_PUSH_SEG) | WRITES, [0x17] = KIND(POP_SEG),
	[0x1e] = KIND(X86_PUSH_SEG) | WRITES, [0x1f] = KIND(POP_SEG),
	[0x26] = PREFIX, [0x27] = EMULATE,	/* daa das aaa aas */
	[0x2e] = PREFIX, [0x2f] = EMULATE,
	[0x36] = PREFIX, [0x37] = EMULATE,
	[0x3e] = PREFIX, [0x3f] = EMULATE,

	[0x40 ... 0x4f] = KIND(X86_INC_DEC) | OP_V,
	[0x50 ... 0x57] = KIND(X86_PUSH_REG) | OP_V | WRITES,
	[0x58 ... 0x5f] = KIND(X86_POP_REG) | OP_V,
	[0x60] = EMULATE | WRITES, [0x61] = EMULATE,	/* pusha popa */
	[0x62] = EMULATE | REG_V | MEM_ONLY,		/* bound */
	[0x63] = EMULATE | RM_V | REG_V | STORES,	/* arpl */
	[0x64 ... 0x67] = PREFIX,
	[0x68] = KIND(X86_PUSH_IMM) | IV | WRITES,
	[0x69] = COPY | RM_V | REG_V | IV,		/* imul */
	[0x6a] = KIND(X86_PUSH_IMM) | IBS | WRITES,
	[0x6b] = COPY | RM_V | REG_V | IBS,
	[0x6c ... 0x6d] = PRIVILEGED | WRITES,		/* ins outs */
	[0x6e ... 0x6f] = PRIVILEGED,

	[0x70 ... 0x7f] = KIND(X86_JCC) | IBS,

	[0x80] = BY_REG(ROW_80) | RM_8 | IB,
	[0x81] = BY_REG(ROW_80) | RM_V | IV,
	[0x82] = BY_REG(ROW_80) | RM_8 | IB,
	[0x83] = BY_REG(ROW_80) | RM_V | IBS,
	[0x84] = COPY | RM_8 | REG_8, [0x85] = COPY | RM_V | REG_V, /* test */
	[0x86] = COPY | RM_8 | REG_8 | RMW,		/* xchg */
	[0x87] = COPY | RM_V | REG_V | RMW,
	[0x88] = COPY | RM_8 | REG_8 | STORES,		/* mov */
	[0x89] = COPY | RM_V | REG_V | STORES,
	[0x8a] = COPY | RM_8 | REG_8, [0x8b] = COPY | RM_V | REG_V,
	[0x8c] = BY_REG(ROW_8C) | RM_V,
	[0x8d] = KIND(X86_LEA) | REG_V | MEM_ONLY,
	[0x8e] = BY_REG(ROW_8E) | RM_V,
	[0x8f] = BY_REG(ROW_8F) | RM_V,

	[0x90] = KIND(X86_NOP),
	[0x91 ... 0x97] = COPY | OP_V,			/* xchg eax */
	[0x98 ... 0x99] = COPY,				/* cwde cdq */
	[0x9a] = EMULATE | IMM(V_AND_TWO) | WRITES,	/* far call */
	[0x9b] = COPY | FPU,				/* fwait */
	[0x9c] = KIND(X86_PUSHF) | WRITES, [0x9d] = KIND(X86_POPF),
	[0x9e ... 0x9f] = COPY,				/* sahf lahf */

	[0xa0 ... 0xa1] = KIND(X86_MOFFS),
	[0xa2 ... 0xa3] = KIND(X86_MOFFS) | WRITES,
	[0xa4 ... 0xa5] = KIND(X86_STRING) | WRITES,	/* movs cmps */
	[0xa6 ... 0xa7] = KIND(X86_STRING),
	[0xa8] = COPY | IB, [0xa9] = COPY | IV,		/* test */
	[0xaa ... 0xab] = KIND(X86_STRING) | WRITES,	/* stos lods scas */
	[0xac ... 0xaf] = KIND(X86_STRING),

	[0xb0 ... 0xb7] = COPY | OP_8 | IB,		/* mov */
	[0xb8 ... 0xbf] = COPY | OP_V | IV,

	[0xc0] = COPY | RM_8 | IB | STORES,		/* shifts */
	[0xc1] = COPY | RM_V | IB | STORES,
	[0xc2] = KIND(X86_RET) | IW, [0xc3] = KIND(X86_RET),
	[0xc4 ... 0xc5] = KIND(LOAD_FAR) | REG_V | MEM_ONLY,
	[0xc6] = BY_REG(ROW_C6) | RM_8 | IB,
	[0xc7] = BY_REG(ROW_C6) | RM_V | IV,
	[0xc8] = EMULATE | IMM(TWO_AND_ONE) | WRITES,	/* enter */
	[0xc9] = KIND(X86_LEAVE),
	[0xca] = EMULATE | IW, [0xcb] = EMULATE,	/* far ret */
	[0xcc] = EMULATE | WRITES, [0xcd] = EMULATE | IB | WRITES, /* int */
	[0xce] = EMULATE | WRITES, [0xcf] = EMULATE,	/* into iret */

	[0xd0] = COPY | RM_8 | STORES, [0xd1] = COPY | RM_V | STORES,
	[0xd2] = COPY | RM_8 | STORES, [0xd3] = COPY | RM_V | STORES,
	[0xd4 ... 0xd5] = EMULATE | IB, [0xd6] = EMULATE, /* aam aad salc */
	[0xd7] = KIND(X86_XLAT),
	[0xd8 ... 0xdf] = KIND(X87) | FPU | MODRM,

	[0xe0 ... 0xe3] = KIND(X86_LOOP) | IBS,
	[0xe4 ... 0xe7] = PRIVILEGED | IB,		/* in out */
	[0xe8] = KIND(X86_CALL) | IVS | WRITES, [0xe9] = KIND(X86_JMP) | IVS,
	[0xea] = EMULATE | IMM(V_AND_TWO), [0xeb] = KIND(X86_JMP) | IBS,
	[0xec ... 0xef] = PRIVILEGED,

	[0xf0] = PREFIX, [0xf1] = EMULATE | WRITES,	/* int1 */
	[0xf2 ... 0xf3] = PREFIX,
	[0xf4] = PRIVILEGED, [0xf5] = COPY,		/* hlt cmc */
	[0xf6] = BY_REG(ROW_F6) | RM_8, [0xf7] = BY_REG(ROW_F7) | RM_V,
	[0xf8 ... 0xf9] = COPY,				/* clc stc */
	[0xfa ... 0xfb] = PRIVILEGED,			/* cli sti */
	[0xfc ... 0xfd] = COPY,				/* cld std */
	[0xfe] = BY_REG(ROW_FE) | RM_8, [0xff] = BY_REG(ROW_FF) | RM_V,
};
/*:*/

/*S:430 Behind 0f: the 386's second thoughts, then MMX and SSE, which say what
 * they work on with a prefix that meant something else before.  A bare MODRM
 * is an opcode which is undefined, but not without having read its operand. */
#define ALL4 (N_ | P_66 | P_F3 | P_F2)		/* ps pd ss sd */

static const u32 after_0f[256] = {
	[0x00] = BY_REG(ROW_0F00) | RM_V, [0x01] = BY_FORM(ROW_0F01),
	[0x02 ... 0x03] = EMULATE | RM_V | REG_V,	/* lar lsl */
	[0x06] = PRIVILEGED,				/* clts */
	[0x08 ... 0x09] = PRIVILEGED,			/* invd wbinvd */
	[0x0d] = KIND(X86_NOP) | MODRM,			/* prefetchw */

	[0x10] = SSE | ALL4, [0x11] = SSE | ALL4 | STORES,
	[0x12] = BY_PREFIX(ROW_0F12),
	[0x13] = SSE | N_ | P_66 | MEM_ONLY | STORES,
	[0x14 ... 0x15] = SSE | N_ | P_66,
	[0x16] = BY_PREFIX(ROW_0F16),
	[0x17] = SSE | N_ | P_66 | MEM_ONLY | STORES,
	[0x18 ... 0x1f] = KIND(X86_NOP) | MODRM,

	[0x20] = BY_REG(ROW_CR) | RM_V | MOD_IGNORED,
	[0x21] = PRIVILEGED | RM_V | MOD_IGNORED,	/* debug registers */
	[0x22] = BY_REG(ROW_CR) | RM_V | MOD_IGNORED,
	[0x23] = PRIVILEGED | RM_V | MOD_IGNORED,
	[0x28] = SSE | N_ | P_66, [0x29] = SSE | N_ | P_66 | STORES,
	[0x2a] = BY_PREFIX(ROW_0F2A),
	[0x2b] = SSE | N_ | P_66 | MEM_ONLY | STORES,
	[0x2c ... 0x2d] = BY_PREFIX(ROW_0F2C),
	[0x2e ... 0x2f] = SSE | N_ | P_66,

	[0x30] = PRIVILEGED, [0x31] = COPY,		/* wrmsr rdtsc */
	[0x32 ... 0x35] = PRIVILEGED,	/* rdmsr rdpmc sysenter sysexit */

	[0x40 ... 0x4f] = COPY | RM_V | REG_V,		/* cmov */

	[0x50] = SSE | N_ | P_66 | REG_V | REG_ONLY,	/* movmsk */
	[0x51] = SSE | ALL4, [0x52 ... 0x53] = SSE | N_ | P_F3,
	[0x54 ... 0x57] = SSE | N_ | P_66,
	[0x58 ... 0x5a] = SSE | ALL4, [0x5b] = SSE | N_ | P_66 | P_F3,
	[0x5c ... 0x5f] = SSE | ALL4,

	[0x60 ... 0x6b] = MMX, [0x6c ... 0x6d] = SSE | P_66,
	[0x6e] = MMX | RM_V, [0x6f] = MMX | P_F3,	/* movd movq */

	[0x70] = SSE | ALL4 | IB,			/* pshuf */
	[0x71 ... 0x72] = BY_REG(ROW_0F71) | REG_ONLY | IB,
	[0x73] = BY_REG(ROW_0F73) | REG_ONLY | IB,
	[0x74 ... 0x76] = MMX, [0x77] = COPY | FPU | N_, /* pcmpeq emms */
	[0x78 ... 0x7b] = MODRM,
	[0x7c ... 0x7d] = SSE | P_66 | P_F2,		/* hadd hsub */
	[0x7e] = BY_PREFIX(ROW_0F7E), [0x7f] = MMX | P_F3 | STORES,

	[0x80 ... 0x8f] = KIND(X86_JCC) | IVS,
	[0x90 ... 0x9f] = COPY | RM_8 | STORES,		/* setcc */

	[0xa0] = KIND(X86_PUSH_SEG) | WRITES, [0xa1] = KIND(POP_SEG),
	[0xa2] = EMULATE,				/* cpuid */
	[0xa3] = COPY | RM_V | REG_V,			/* bt */
	[0xa4] = COPY | RM_V | REG_V | IB | STORES,	/* shld */
	[0xa5] = COPY | RM_V | REG_V | STORES,
	[0xa6 ... 0xa7] = MODRM,
	[0xa8] = KIND(X86_PUSH_SEG) | WRITES, [0xa9] = KIND(POP_SEG),
	[0xab] = COPY | RM_V | REG_V | RMW,		/* bts */
	[0xac] = COPY | RM_V | REG_V | IB | STORES,	/* shrd */
	[0xad] = COPY | RM_V | REG_V | STORES,
	[0xae] = BY_FORM(ROW_0FAE), [0xaf] = COPY | RM_V | REG_V, /* imul */

	[0xb0] = COPY | RM_8 | REG_8 | RMW,		/* cmpxchg */
	[0xb1] = COPY | RM_V | REG_V | RMW,
	[0xb2] = KIND(LOAD_FAR) | REG_V | MEM_ONLY,	/* lss */
	[0xb3] = COPY | RM_V | REG_V | RMW,		/* btr */
	[0xb4 ... 0xb5] = KIND(LOAD_FAR) | REG_V | MEM_ONLY, /* lfs lgs */
	[0xb6] = COPY | RM_8 | REG_V, [0xb7] = COPY | RM_V | REG_V, /* movzx */
	[0xb8] = COPY | RM_V | REG_V | P_F3,		/* popcnt */
	[0xb9] = MODRM,
	[0xba] = BY_REG(ROW_0FBA) | RM_V | IB,
	[0xbb] = COPY | RM_V | REG_V | RMW,		/* btc */
	[0xbc ... 0xbd] = COPY | RM_V | REG_V,		/* bsf bsr */
	[0xbe] = COPY | RM_8 | REG_V, [0xbf] = COPY | RM_V | REG_V, /* movsx */

	[0xc0] = COPY | RM_8 | REG_8 | RMW,		/* xadd */
	[0xc1] = COPY | RM_V | REG_V | RMW,
	[0xc2] = SSE | ALL4 | IB,			/* cmpps */
	[0xc3] = COPY | N_ | REG_V | MEM_ONLY | STORES,	/* movnti */
	[0xc4] = MMX | RM_V | IB,			/* pinsrw pextrw */
	[0xc5] = MMX | REG_V | REG_ONLY | IB,
	[0xc6] = SSE | N_ | P_66 | IB,			/* shufps */
	[0xc7] = BY_FORM(ROW_0FC7),
	[0xc8 ... 0xcf] = COPY | OP_V,			/* bswap */

	[0xd0] = SSE | P_66 | P_F2, [0xd1 ... 0xd5] = MMX, /* addsub */
	[0xd6] = BY_PREFIX(ROW_0FD6),
	[0xd7] = MMX | REG_V | REG_ONLY,		/* pmovmskb */
	[0xd8 ... 0xe5] = MMX,
	[0xe6] = SSE | P_66 | P_F3 | P_F2,		/* cvt pd dq */
	[0xe7] = MMX | MEM_ONLY | STORES,		/* movntq */
	[0xe8 ... 0xef] = MMX,
	[0xf0] = SSE | P_F2 | MEM_ONLY,			/* lddqu */
	[0xf1 ... 0xf6] = MMX,
	[0xf7] = EMULATE | FPU | N_ | P_66 | REG_ONLY | MODRM | WRITES,
	[0xf8 ... 0xfe] = MMX,
	[0xff] = MODRM,
};
/*:*/

/*S:435 When 0f was full as well, two of its opcodes became doors: 38 for
 * SSSE3 and SSE4 (and movbe and crc32), 3a for those with an immediate.  AES,
 * SHA and carry-less multiplication live here too, but cpuid doesn't offer
 * them, so here they don't. */
static const u32 after_0f38[256] = {
	[0x00 ... 0x0b] = MMX,
	[0x10] = SSE | P_66, [0x14 ... 0x15] = SSE | P_66,
	[0x17] = SSE | P_66, [0x1c ... 0x1e] = MMX,
	[0x20 ... 0x25] = SSE | P_66, [0x28 ... 0x29] = SSE | P_66,
	[0x2a] = SSE | P_66 | MEM_ONLY,			/* movntdqa */
	[0x2b] = SSE | P_66, [0x30 ... 0x35] = SSE | P_66,
	[0x37 ... 0x41] = SSE | P_66,
	[0xf0] = BY_PREFIX(ROW_0F38F0), [0xf1] = BY_PREFIX(ROW_0F38F1),
};

/* An immediate goes without saying. */
static const u32 after_0f3a[256] = {
	[0x08 ... 0x0e] = SSE | P_66, [0x0f] = MMX,	/* palignr */
	[0x14 ... 0x17] = SSE | P_66 | RM_V | STORES,	/* pextr */
	[0x20] = SSE | P_66 | RM_V,			/* pinsr */
	[0x21] = SSE | P_66, [0x22] = SSE | P_66 | RM_V,
	[0x40 ... 0x42] = SSE | P_66, [0x60 ... 0x63] = SSE | P_66,
};
/*:*/

/*S:440 The 8087's opcodes d8 to df are 64 register forms and 8 memory forms
 * each.  To us they differ in whether they exist and whether they store.  The
 * holes are those of the silicon rather than the manual: a few undocumented
 * twins of fcom and fxch have been there ever since. */
static const struct {
	u64 missing;		/* by ModRM & 63 */
	u8 missing_mem;		/* by ModRM.reg */
	u8 stores;		/* same */
} x87[8] = {
	/* fadd fmul fcom fcomp fsub fsubr fdiv fdivr of float, int, double,
	 * short: d8 da dc de.  da has fcmov and fucompp, de the popping ones. */
	[0] = { 0, 0, 0 },
	[2] = { 0xfffffdff00000000, 0, 0 },
	[4] = { 0, 0, 0 },
	[6] = { 0x00000000fd000000, 0, 0 },
	/* fld fst fstp fldenv fldcw fstenv fstcw; fchs fabs, constants, sines */
	[1] = { 0x000080cc00fe0000, 0x02, 0xcc },
	/* fild fisttp fist fistp fld fstp; fcmov fclex finit fucomi fcomi */
	[3] = { 0xff0000e000000000, 0x50, 0x8e },
	/* fld fisttp fst fstp frstor fsave fstsw; ffree fst fucom */
	[5] = { 0xffff000000000000, 0x20, 0xce },
	/* fild fisttp fist fistp fbld fild fbstp fistp; fstsw fucomip fcomip */
	[7] = { 0xff0000fe00000000, 0, 0xce },
};
/*:*/

/*S:445 We read the bytes through a cursor which may be moved beyond the end:
 * there it finds zeroes.  Whether that happened is asked once, at the end, and
 * nobody in between has to care. */
struct cursor {
	const u8 *bytes;
	unsigned pos, limit;
};

static inline u8 next_byte(struct cursor *at)
{
	unsigned pos = at->pos++;

	return pos < at->limit ? at->bytes[pos] : 0;
}

static inline u32 next_number(struct cursor *at, unsigned len)
{
	u32 number = 0;

	for (unsigned i = 0; i < len; i++)
		number |= (u32)next_byte(at) << (8 * i);
	return number;
}
/*:*/

/*S:450 Prefixes, in any order and number.  Of a kind, the last one counts. */
static void no_prefixes(struct x86_insn *insn)
{
	insn->prefix66 = false;
	insn->addr16 = false;
	insn->lock = false;
	insn->rep = 0;
	insn->seg = X86_NO_SEG;
}

static void note_prefix(struct x86_insn *insn, u8 prefix)
{
	switch (prefix) {
	case 0x66:
		insn->prefix66 = true;
		break;
	case 0x67:
		insn->addr16 = true;
		break;
	case 0xf0:
		insn->lock = true;
		break;
	case 0xf2:
	case 0xf3:
		insn->rep = prefix;
		break;
	case 0x64:
	case 0x65:
		insn->seg = prefix & 7;
		break;
	default:	/* 26 2e 36 3e: es cs ss ds */
		insn->seg = prefix >> 3 & 3;
	}
}
/*:*/

/*S:455 The opcode, up to three bytes of it, and its code.  All of 0f 38 to
 * 0f 3f are doors, but only two have a room behind them yet.  What the machine
 * finds behind the others is undefined, though it insists on reading it: ModRM,
 * and an immediate where bit 1 is set. */
static u32 third_byte(struct x86_insn *insn, struct cursor *at, u8 door)
{
	bool has_imm = door & 2;
	u32 code = has_imm ? MODRM | IB : MODRM;

	insn->map = has_imm ? 3 : 2;
	insn->opcode = next_byte(at);
	if (door == 0x38)
		code |= after_0f38[insn->opcode];
	else if (door == 0x3a)
		code |= after_0f3a[insn->opcode];
	return code;
}

static u32 second_byte(struct x86_insn *insn, struct cursor *at)
{
	insn->map = 1;
	insn->opcode = next_byte(at);
	if ((insn->opcode & 0xf8) == 0x38)
		return third_byte(insn, at, insn->opcode);
	return after_0f[insn->opcode];
}

static u32 prefixes_and_opcode(struct x86_insn *insn, struct cursor *at)
{
	u32 code;
	u8 byte;

	no_prefixes(insn);
	while ((code = one_byte[byte = next_byte(at)]) == PREFIX)
		note_prefix(insn, byte);
	if (byte == 0x0f)
		return second_byte(insn, at);
	insn->map = 0;
	/* Twins, but 64-bit mode has only one of them. */
	insn->opcode = byte == 0x82 ? 0x80 : byte;
	return code;
}
/*:*/

/*S:460 ModRM, and the half of the code that hangs on it or on a prefix. */
static void modrm_byte(struct x86_insn *insn, struct cursor *at, u32 code)
{
	u8 byte = insn->has_modrm ? next_byte(at) : 0;

	insn->mod = byte >> 6;
	insn->reg = byte >> 3 & 7;
	insn->rm = byte & 7;
	if ((code & MOD_IGNORED) == MOD_IGNORED)
		insn->mod = 3;
	insn->mem = insn->has_modrm && insn->mod != 3;
}

/* f2 and f3 are stronger than 66, which may then be an operand size. */
static unsigned sse_prefix(const struct x86_insn *insn)
{
	if (insn->rep)
		return insn->rep == 0xf3 ? 2 : 3;
	return insn->prefix66;
}

static u32 other_half(const struct x86_insn *insn, u32 code)
{
	const u32 (*row)[8] = &rows[ROW_OF(code)];

	switch (HOW_OF(code)) {
	case REG_SAYS:
		return (*row)[insn->reg];
	case FORM_SAYS:
		return row[!insn->mem][insn->reg];
	case PREFIX_SAYS:
		return (*row)[sse_prefix(insn)];
	}
	return 0;
}
/*:*/

/*S:465 Memory operands.  32-bit addresses are an orderly affair, if one
 * forgives esp for not being an index, and ebp for not being a base without
 * displacement. */
static void sib_byte(struct x86_insn *insn, struct cursor *at)
{
	u8 sib = next_byte(at);

	insn->scale = sib >> 6;
	if ((sib >> 3 & 7) != X86_ESP)
		insn->index = sib >> 3 & 7;
	insn->base = sib & 7;
}

static void displacement(struct x86_insn *insn, struct cursor *at,
			 unsigned full)
{
	if (insn->mod == 1)
		insn->disp = (s8)next_byte(at);
	else if (full == 2)
		insn->disp = (s16)next_number(at, 2);
	else
		insn->disp = (s32)next_number(at, 4);
}

static void address32(struct x86_insn *insn, struct cursor *at)
{
	if (insn->rm == X86_ESP)
		sib_byte(insn, at);
	else
		insn->base = insn->rm;
	if (insn->mod == 0 && insn->base == X86_EBP)
		insn->base = -1;
	if (insn->mod != 0 || insn->base < 0)
		displacement(insn, at, 4);
}

/* 16-bit addresses are as the 8086 had them: eight combinations, take one. */
static void address16(struct x86_insn *insn, struct cursor *at)
{
	static const struct {
		s8 base, index;
	} pairs[8] = {
		{ X86_EBX, X86_ESI }, { X86_EBX, X86_EDI },
		{ X86_EBP, X86_ESI }, { X86_EBP, X86_EDI },
		{ X86_ESI, -1 }, { X86_EDI, -1 },
		{ X86_EBP, -1 }, { X86_EBX, -1 },
	};

	insn->base = pairs[insn->rm].base;
	insn->index = pairs[insn->rm].index;
	if (insn->mod == 0 && insn->rm == 6)
		insn->base = -1;
	if (insn->mod != 0 || insn->base < 0)
		displacement(insn, at, 2);
}

static void memory_operand(struct x86_insn *insn, struct cursor *at)
{
	if (insn->addr16)
		address16(insn, at);
	else
		address32(insn, at);
	if (insn->seg == X86_NO_SEG &&
	    (insn->base == X86_ESP || insn->base == X86_EBP))
		insn->mem_seg = X86_SS;
}

static void no_memory_operand(struct x86_insn *insn)
{
	insn->base = -1;
	insn->index = -1;
	insn->scale = 0;
	insn->disp = 0;
	insn->mem_seg = insn->seg == X86_NO_SEG ? X86_DS : insn->seg;
}
/*:*/

/*S:470 Immediates.  Two instructions have two: enter, and everything that
 * names segment and offset. */
static void v_immediate(struct x86_insn *insn, struct cursor *at)
{
	insn->imm_len = insn->opsize16 ? 2 : 4;
	insn->imm = next_number(at, insn->imm_len);
}

static void second_immediate(struct x86_insn *insn, struct cursor *at,
			     unsigned len)
{
	insn->imm_len += len;
	insn->imm2 = next_number(at, len);
}

static void immediate(struct x86_insn *insn, struct cursor *at, unsigned how)
{
	insn->imm_len = 0;
	insn->imm = 0;
	insn->imm2 = 0;
	switch (how) {
	case ONE:
	case ONE_SIGNED:
		insn->imm_len = 1;
		insn->imm = next_byte(at);
		if (how == ONE_SIGNED)
			insn->imm = (u32)(s8)insn->imm;
		break;
	case V:
	case V_SIGNED:
		v_immediate(insn, at);
		if (how == V_SIGNED && insn->opsize16)
			insn->imm = (u32)(s16)insn->imm;
		break;
	case TWO:
	case TWO_AND_ONE:
		insn->imm_len = 2;
		insn->imm = next_number(at, 2);
		if (how == TWO_AND_ONE)
			second_immediate(insn, at, 1);
		break;
	case V_AND_TWO:
		v_immediate(insn, at);
		second_immediate(insn, at, 2);
		break;
	}
}
/*:*/

/*S:475 What the code says straight out. */
static void operands(struct x86_insn *insn, u32 code)
{
	insn->kind = KIND_OF(code);
	insn->reg_is = REG_OF(code);
	insn->rm_is = RM_OF(code);
	insn->opcode_is = OP_OF(code);
	insn->sreg = X86_NO_SEG;
	insn->fpu = code & FPU;
	insn->writes_mem = code & WRITES || (code & STORES && insn->mem);
	/* MMX and SSE take 66 for something else. */
	insn->opsize16 = insn->prefix66 && !(insn->fpu && insn->map);
}

static bool forbidden(const struct x86_insn *insn, u32 code)
{
	u32 wrong_form = insn->mem ? REG_ONLY : MEM_ONLY;

	if (insn->lock && !(code & LOCKABLE && insn->mem))
		return true;
	if (ANY_OF(code) && !(ANY_OF(code) >> sse_prefix(insn) & 1))
		return true;
	return code & wrong_form && (code & MOD_IGNORED) != MOD_IGNORED;
}
/*:*/

/*S:480 The exceptions, which make an architecture lovable. */
static void group_x87(struct x86_insn *insn)
{
	unsigned op = insn->opcode & 7;
	bool missing;

	if (insn->mem)
		missing = x87[op].missing_mem >> insn->reg & 1;
	else
		missing = x87[op].missing >> (insn->reg << 3 | insn->rm) & 1;
	insn->kind = missing ? X86_UNDEFINED : X86_COPY;
	if (insn->mem && insn->reg == 6 && (op == 1 || op == 5))
		insn->kind = X86_EMULATE;	/* fstenv fsave */
	if (!insn->mem && insn->reg == 4 && insn->rm == 2 && op == 3)
		insn->kind = X86_EMULATE;	/* fclex */
	insn->writes_mem = insn->mem && x87[op].stores >> insn->reg & 1;
}

static bool uses_source(const struct x86_insn *insn)
{
	return insn->opcode != 0xaa && insn->opcode != 0xab &&
	       insn->opcode != 0xae && insn->opcode != 0xaf;
}

static void string_or_xlat(struct x86_insn *insn)
{
	bool based = insn->seg == X86_FS || insn->seg == X86_GS;

	if (insn->addr16 || (based && uses_source(insn)))
		insn->kind = X86_EMULATE;
}

/* bt and its sisters add a register's worth of bits to a 16-bit address, and
 * the sum wraps at 64k. */
static bool wraps_behind_us(const struct x86_insn *insn)
{
	return insn->map == 1 && insn->mem && insn->addr16 &&
	       (insn->opcode & 0xe7) == 0xa3;
}

static u8 loaded_segment(const struct x86_insn *insn)
{
	if (insn->map == 1)	/* lss lfs lgs */
		return insn->opcode & 7;
	return insn->opcode == 0xc4 ? X86_ES : X86_DS;
}

static void emulate_load(struct x86_insn *insn, u8 sreg)
{
	insn->kind = X86_EMULATE;
	insn->sreg = sreg;
}

/* By kind.  The opcodes that push and pop segments carry their numbers in bits
 * 3 to 5, in both maps. */
static void exceptions(struct x86_insn *insn, struct cursor *at)
{
	switch ((unsigned)insn->kind) {
	case X86_COPY:
		if (wraps_behind_us(insn))
			insn->kind = X86_EMULATE;
		break;
	case X86_MOFFS:
		insn->disp = next_number(at, insn->addr16 ? 2 : 4);
		break;
	case X86_LOOP:
		if (insn->addr16)
			insn->kind = X86_EMULATE;
		/* fall through */
	case X86_JCC:
	case X86_JMP:
	case X86_CALL:
	case X86_JMP_RM:
	case X86_CALL_RM:
	case X86_RET:
	case X86_LEAVE:
		if (insn->opsize16)
			insn->kind = X86_EMULATE;
		break;
	case X86_STRING:
	case X86_XLAT:
		string_or_xlat(insn);
		break;
	case X86_PUSH_SEG:
		insn->sreg = insn->opcode >> 3 & 7;
		break;
	case X86_MOV_FROM_SEG:
		insn->sreg = insn->reg;
		break;
	case POP_SEG:
		emulate_load(insn, insn->opcode >> 3 & 7);
		break;
	case MOV_TO_SEG:
		emulate_load(insn, insn->reg);
		break;
	case LOAD_FAR:
		emulate_load(insn, loaded_segment(insn));
		break;
	case X87:
		group_x87(insn);
		break;
	}
}
/*:*/

/*S:485 Two things are a #GP whatever they do: more than 15 bytes, and a store to
 * cs:, which nobody may write to by that name.  "add" is nothing to emulate, so
 * these can't be mistaken for another one.
 *
 * But the FPU may have a reason not to store at all, and "pop" to trap before it
 * does, so the machine has to try (see translate.c). */
static void is_gp(struct x86_insn *insn)
{
	insn->kind = X86_EMULATE;
	insn->map = 0;
	insn->opcode = 0;
}

static bool stores_to_code(const struct x86_insn *insn, u32 code)
{
	if (insn->kind == X86_MOFFS)
		return insn->writes_mem && insn->seg == X86_CS;
	if (insn->map == 0 && insn->opcode == 0x63)
		return false;	/* arpl thinks about it for a while */
	if ((insn->fpu && insn->kind == X86_COPY) || insn->kind == X86_POP_RM)
		return false;
	return insn->mem && insn->mem_seg == X86_CS &&
	       (code & STORES || (insn->fpu && insn->writes_mem));
}
/*:*/

/*S:490 And the whole, in the order of the bytes. */
static void take_apart(struct x86_insn *insn, struct cursor *at)
{
	u32 code = prefixes_and_opcode(insn, at);

	insn->has_modrm = code & MODRM;
	modrm_byte(insn, at, code);
	code |= other_half(insn, code);
	operands(insn, code);
	no_memory_operand(insn);
	if (insn->mem)
		memory_operand(insn, at);
	immediate(insn, at, IMM_OF(code));
	exceptions(insn, at);
	if (stores_to_code(insn, code))
		is_gp(insn);
	if (forbidden(insn, code))
		insn->kind = X86_UNDEFINED;
}

bool x86_decode(struct x86_insn *insn, const u8 *bytes, unsigned avail)
{
	unsigned limit = avail < X86_MAX_INSN ? avail : X86_MAX_INSN;
	struct cursor at = { bytes, 0, limit };

	take_apart(insn, &at);
	insn->len = at.pos;
	if (at.pos <= limit)
		return true;
	if (limit < X86_MAX_INSN)
		return false;
	insn->len = X86_MAX_INSN;
	is_gp(insn);
	insn->fpu = false;	/* nobody will ever know */
	return true;
}
/*:*/
