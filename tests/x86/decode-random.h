/* Random instructions for the tests of the decoder: bytes that are biased
 * towards prefixes and the longer opcodes, the same ones in every run. */
#ifndef DECODE_RANDOM_H
#define DECODE_RANDOM_H

#include "types.h"

#define RANDOM_INSN 16

static u64 random_state = 0x9e3779b97f4a7c15;

static inline u32 random_number(u32 below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 32) % below;
}

static inline unsigned random_prefixes(u8 *bytes)
{
	static const u8 prefixes[] = { 0x66, 0xf2, 0xf3, 0x66, 0xf2, 0xf3, 0x67,
				       0x67, 0xf0, 0x26, 0x2e, 0x36, 0x3e,
				       0x64, 0x65 };
	unsigned n = random_number(2) ? random_number(4) : 0;

	if (!random_number(64))
		n = random_number(RANDOM_INSN);
	for (unsigned i = 0; i < n; i++)
		bytes[i] = prefixes[random_number(sizeof(prefixes))];
	return n;
}

static inline void random_insn(u8 bytes[RANDOM_INSN])
{
	static const u8 escapes[8][2] = { [0] = { 0x0f }, [1] = { 0x0f },
					  [2] = { 0x0f, 0x38 },
					  [3] = { 0x0f, 0x3a } };
	unsigned n = random_prefixes(bytes), map = random_number(8);

	for (unsigned i = 0; i < 2 && escapes[map][i] && n < RANDOM_INSN; i++)
		bytes[n++] = escapes[map][i];
	while (n < RANDOM_INSN)
		bytes[n++] = random_number(256);
}

#endif
