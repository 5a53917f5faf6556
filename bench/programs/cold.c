/* Code that runs once, and a lot of it: what a processor made of software has
 * to translate, and never earns back.  Nine hundred functions, alike but not the
 * same, have their pages read first (so that it isn't the page faults that are
 * measured) and are then called, each once.  Prints nanoseconds for a KB.
 * Before it ends it sleeps for a moment, so that somebody may look how much
 * room the translation takes. */
#include "bench.h"

#define IN_SECTION	__attribute__((noinline, section("cold_code")))

struct state {
	u32 values[32];
	u32 (*step)(struct state *state, u32 by);
};

static u32 step_up(struct state *state, u32 by)
{
	return state->values[by % 32] += by;
}

/* Something of everything that programs consist of. */
#define FUNCTION(n)							\
static u32 IN_SECTION cold_##n(struct state *state, u32 value)		\
{									\
	u32 *at = &state->values[value % 16], i;			\
	if (value & 1)							\
		at[1] += at[0] * (n + 3);				\
	else								\
		at[2] ^= at[3] >> (n % 13 + 1);				\
	for (i = 0; i < (value & 3); i++)				\
		at[i] = (at[i + 1] << 3) - n;				\
	if ((u8)at[4] > n % 200 && at[5] != n)				\
		value = state->step(state, at[6] | n);			\
	switch (value % 4) {						\
	case 0: at[7] = value / (n % 17 + 2); break;			\
	case 1: at[8] -= (short)at[9] * n; break;			\
	case 2: at[10] = ~at[11] & (value + n); break;			\
	}								\
	return value + at[n % 12] + n;					\
}
#define TEN(what, n)							\
	what(n##0) what(n##1) what(n##2) what(n##3) what(n##4)		\
	what(n##5) what(n##6) what(n##7) what(n##8) what(n##9)
#define HUNDRED(what, n)						\
	TEN(what, n##0) TEN(what, n##1) TEN(what, n##2) TEN(what, n##3)	\
	TEN(what, n##4) TEN(what, n##5) TEN(what, n##6) TEN(what, n##7)	\
	TEN(what, n##8) TEN(what, n##9)
#define NINE_HUNDRED(what)							\
	HUNDRED(what, 1) HUNDRED(what, 2) HUNDRED(what, 3)		\
	HUNDRED(what, 4) HUNDRED(what, 5) HUNDRED(what, 6)		\
	HUNDRED(what, 7) HUNDRED(what, 8) HUNDRED(what, 9)

NINE_HUNDRED(FUNCTION)

#define ADDRESS(n) cold_##n,
static u32 (*const functions[])(struct state *state, u32 value) = {
	NINE_HUNDRED(ADDRESS)
};

extern const volatile u8 __start_cold_code[], __stop_cold_code[];

static u32 read_code(void)
{
	const volatile u8 *byte;
	u32 sum = 0;

	for (byte = __start_cold_code; byte < __stop_cold_code; byte += 1024)
		sum += *byte;
	return sum;
}

int main(void)
{
	u32 bytes = __stop_cold_code - __start_cold_code, i, start;
	struct state state = { .step = step_up };
	u32 value = 1;

	read_code();
	start = clock_ns();
	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		value = functions[i](&state, value);
	start = clock_ns() - start;
	print("cold result %x\n", value);
	print("cold_bytes value %u\n", bytes);
	report("cold", start / (bytes / 1024));
	sleep_us(100000);
	return 0;
}
