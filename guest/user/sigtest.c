/*D:832 Signals: handled, ignored, deadly, and the one that a program brings
 * upon itself.  A handler borrows the program's registers; a loop that counts
 * in one of them must not notice. */
#include "user.h"

static volatile int caught;
static u32 *volatile nowhere = (u32 *)8;

static void remember(int signal)
{
	caught = signal;
}

static void leave(int signal)
{
	exit(signal == SIGSEGV ? 42 : 1);
}

static void send(int pid, int signal)
{
	int result = sys(kill, pid, signal);

	if (result < 0)
		fail("kill: error %d", result);
}

static void handled(void)
{
	int i;

	on_signal(SIGUSR1, remember);
	for (i = 0; i < 10; i++) {
		caught = 0;
		send(sys(getpid), SIGUSR1);
		if (caught != SIGUSR1)
			fail("signal %d, time %d", caught, i);
	}
}

static void ignored(void)
{
	on_signal(SIGUSR2, SIG_IGN);
	send(sys(getpid), SIGUSR2);
}

/* The signal arrives while the registers are full of things. */
static void registers_survive(void)
{
	int parent = sys(getpid), child;
	u32 count = 0, check = 0;

	caught = 0;
	child = fork();
	if (child == 0) {
		sleep_us(2000);
		send(parent, SIGUSR1);
		exit(0);
	}
	while (!caught) {
		count++;
		check += 3;
	}
	if (check != count * 3)
		fail("a handler changed our registers");
	wait_for(child);
}

static void deadly(void)
{
	int child = fork(), status;

	if (child == 0)
		for (;;)
			sleep_us(1000000);
	send(child, SIGTERM);
	status = wait_for(child);
	if (status != 128 + SIGTERM)
		fail("SIGTERM's victim left with %d", status);
}

static void own_fault(void)
{
	int child = fork(), status;

	if (child == 0) {
		on_signal(SIGSEGV, leave);
		*nowhere = 1;
		exit(1);
	}
	status = wait_for(child);
	if (status != 42)
		fail("SIGSEGV's handler left with %d", status);
}

int main(void)
{
	handled();
	ignored();
	registers_survive();
	deadly();
	own_fault();
	if (sys(kill, 30000, 0) != -ESRCH)
		fail("there is a process 30000");
	return 0;
}
/*:*/
