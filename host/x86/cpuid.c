/*S:820 What the machine's own cpuid says.
 *
 * Asking takes microseconds if the machine is itself a virtual one, and Linux 3.3
 * asks 3,387 times while it patches itself; hence the memory. */
#include <cpuid.h>

#include "x86.h"

#define SLOTS 16

struct slot {
	u32 leaf, subleaf;
	bool known;
	u32 out[4];
};

/* If all are taken, the last one changes hands. */
static struct slot *find_slot(u32 leaf, u32 subleaf)
{
	static struct slot slots[SLOTS];
	struct slot *slot = slots;

	while (slot->known && slot != slots + SLOTS - 1 &&
	       (slot->leaf != leaf || slot->subleaf != subleaf))
		slot++;
	if (slot->leaf != leaf || slot->subleaf != subleaf)
		slot->known = false;
	return slot;
}

void x86_host_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
	struct slot *slot = find_slot(leaf, subleaf);

	if (!slot->known) {
		slot->leaf = leaf;
		slot->subleaf = subleaf;
		__cpuid_count(leaf, subleaf, slot->out[0], slot->out[1],
			      slot->out[2], slot->out[3]);
		slot->known = true;
	}
	for (int i = 0; i < 4; i++)
		out[i] = slot->out[i];
}
/*:*/
