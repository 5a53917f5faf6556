/* The decoder: whatever the bytes, an answer within bounds, the same one each time,
 * and one that doesn't depend on bytes behind the instruction. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "x86/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const u8 *bytes, unsigned avail)
{
	struct x86_insn insn, again;
	u8 copy[32];

	memset(&insn, 0, sizeof(insn));
	memset(&again, 0, sizeof(again));
	if (!x86_decode(&insn, bytes, avail))
		return;
	if (!insn.len || insn.len > avail || insn.len > 15)
		abort();
	memset(copy, 0xa5, sizeof(copy));
	memcpy(copy, bytes, insn.len);
	if (!x86_decode(&again, copy, insn.len) || again.len != insn.len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size && at < 64; at++) {
		unsigned left = size - at < 15 ? size - at : 15;
		u8 *exact = malloc(left);

		memcpy(exact, data + at, left);
		check(exact, left);
		free(exact);
	}
	return 0;
}
