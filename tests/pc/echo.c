/* A kernel for a PC that does nothing but say "@" now and then, and "=" and what
 * was typed, until somebody stops it.  For tests/hostile/ends.c. */
#define SERIAL 0x3f8
#define SERIAL_STATUS 0x3fd

static unsigned char in(unsigned short port)
{
	unsigned char value;

	asm volatile("in %%dx, %%al" : "=a"(value) : "d"(port));
	return value;
}

static void say(const char *text)
{
	for (; *text; text++)
		asm volatile("out %%al, %%dx" : : "a"(*text), "d"(SERIAL));
}

/* A GDT of no length first: on lguest's own machine that's the end.  Then a stack
 * where a PC has memory that nobody else needs. */
asm(".globl _start\n"
    "_start:\n"
    "	lgdt 0x500\n"
    "	mov $0x8000, %esp\n"
    "	call run\n");

static void __attribute__((used)) run(void)
{
	char answer[] = "= \n";

	for (;;) {
		say("@\n");
		for (int i = 0; i < 2000; i++) {
			if (!(in(SERIAL_STATUS) & 1))
				continue;
			answer[1] = in(SERIAL);
			say(answer);
		}
	}
}
