/* An interpreter: one switch, taken all the time, and never twice in a row to
 * the same place.  What it interprets counts the steps of Collatz. */
#include "bench.h"

enum op {
	PUSH, LOAD, STORE, ADD, MUL, SHIFT, AND, SUB, JUMP, JUMP_IF, SWAP, DUP, STOP
};

struct code {
	u8 op;
	int arg;
};

/* Variables: 0 the number, 1 the steps, 2 where to begin, 3 the end. */
static const struct code program[] = {
	{ LOAD, 2 }, { STORE, 0 },			/* 0: next number */
	{ LOAD, 0 }, { PUSH, -1 }, { ADD, 0 },		/* 2: is it 1? */
	{ JUMP_IF, 7 }, { JUMP, 24 },
	{ LOAD, 1 }, { PUSH, 1 }, { ADD, 0 }, { STORE, 1 },	/* 7 */
	{ LOAD, 0 }, { DUP, 0 }, { PUSH, 1 }, { AND, 0 },
	{ JUMP_IF, 19 },
	{ SHIFT, 1 }, { STORE, 0 }, { JUMP, 2 },	/* 16: even */
	{ PUSH, 3 }, { MUL, 0 }, { PUSH, 1 }, { ADD, 0 }, { JUMP, 17 },
	{ LOAD, 2 }, { PUSH, 1 }, { ADD, 0 }, { DUP, 0 }, { STORE, 2 }, /* 24 */
	{ LOAD, 3 }, { SWAP, 0 }, { SUB, 0 }, { JUMP_IF, 0 }, { STOP, 0 },
};

static u32 run(u32 variables[4])
{
	u32 stack[16], *top = stack, value;
	const struct code *at = program;

	for (;;) {
		const struct code *code = at++;

		switch (code->op) {
		case PUSH: *++top = code->arg; break;
		case LOAD: *++top = variables[code->arg]; break;
		case STORE: variables[code->arg] = *top--; break;
		case ADD: top--; *top += top[1]; break;
		case MUL: top--; *top *= top[1]; break;
		case SUB: top--; *top -= top[1]; break;
		case AND: top--; *top &= top[1]; break;
		case SHIFT: *top >>= code->arg; break;
		case DUP: top++; *top = top[-1]; break;
		case SWAP: value = *top; *top = top[-1]; top[-1] = value; break;
		case JUMP: at = program + code->arg; break;
		case JUMP_IF:
			if (*top--)
				at = program + code->arg;
			break;
		case STOP: return variables[1];
		}
	}
}

static u32 work(void)
{
	u32 variables[4] = { 0, 0, 1, 12000 };

	return run(variables);
}

int main(void)
{
	return timed("interpret", work);
}
