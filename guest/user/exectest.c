/*D:840 A program becomes another: the same process, the same number, new
 * memory, and arguments that had to be carried across the gap. */
#include "user.h"

static char kept[] = "original";

static int exec(const char *path, const char *first, const char *second)
{
	const char *argv[] = { path, first, second, NULL };
	const char *envp[] = { NULL };

	return sys(execve, path, argv, envp);
}

/* The new program: told its old number, and how often to go on. */
static void reborn(void)
{
	if (strcmp(kept, "original") != 0)
		fail("memory of the former life");
	if (sys(getpid) != (int)number(arg(1)))
		fail("another number after exec");
	if (strcmp(arg(2), "again") == 0) {
		kept[0] = 'X';
		exec(arg(0), arg(1), "enough");
		fail("exec failed the second time");
	}
	exit(77);
}

/* As text, since that's what arguments are. */
static const char *own_number(void)
{
	static char digits[12];
	char *p = &digits[sizeof(digits) - 1];
	u32 pid = sys(getpid);

	do {
		*--p = '0' + pid % 10;
		pid /= 10;
	} while (pid);
	return p;
}

static int run_self(void)
{
	int child = fork();

	if (child == 0) {
		kept[0] = 'Y';
		exec(arg(0), own_number(), "again");
		fail("can't exec %s", arg(0));
	}
	return wait_for(child);
}

int main(void)
{
	int status, i;

	if (arg(1))
		reborn();
	for (i = 0; i < 5; i++) {
		status = run_self();
		if (status != 77)
			fail("exit status %d", status);
	}
	if (exec("/bin/nothing-here", NULL, NULL) != -ENOENT)
		fail("could exec what isn't there");
	return 0;
}
/*:*/
