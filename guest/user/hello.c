/*D:820 The first program anybody runs, and here the first one ever to run on
 * this kernel. */
#include "user.h"

int main(void)
{
	struct new_utsname name;

	if (sys(uname, &name) < 0)
		fail("no uname");
	print("Hello from process %d, child of %d, on %s %s\n",
	      sys(getpid), sys(getppid), name.sysname, name.release);
	return 0;
}
/*:*/
