/*D:822 Children, and the children's children: each must come back once, with
 * the exit status it left with, and afterwards there must be none left. */
#include "user.h"

#define CHILDREN 20

/* A child has a child of its own and adds one to what that says. */
static int generation(int depth)
{
	int child;

	if (depth == 0)
		return 1;
	child = fork();
	if (child == 0)
		exit(generation(depth - 1));
	return wait_for(child) + 1;
}

static void many_at_once(void)
{
	int i, status, child[CHILDREN];

	for (i = 0; i < CHILDREN; i++) {
		child[i] = fork();
		if (child[i] == 0)
			exit(i + 100);
	}
	for (i = CHILDREN - 1; i >= 0; i--) {
		status = wait_for(child[i]);
		if (status != i + 100)
			fail("child %d left with %d", i, status);
	}
}

static void parents_are_known(void)
{
	int me = sys(getpid), child = fork();

	if (child == 0)
		exit(sys(getppid) == me ? 0 : 1);
	if (wait_for(child) != 0)
		fail("getppid isn't the parent");
}

int main(void)
{
	int status;

	many_at_once();
	parents_are_known();
	status = generation(6);
	if (status != 7)
		fail("seven generations counted as %d", status);
	if (sys(waitpid, -1, &status, 0) != -ECHILD)
		fail("there is a child left over");
	return 0;
}
/*:*/
