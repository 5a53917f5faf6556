/*H:700 The second machine: a PC small enough to read.
 *
 * lguest kernels ended with Linux 4.13.  But a kernel that knows nothing of
 * lguest runs on the same processor and in the same windows, if it finds what
 * kernels look for on an old PC: two interrupt controllers, a timer, a clock, a
 * serial port, a PCI bus.  None of it is much more than a handful of registers,
 * and one 80386 manual from 1986 still describes most of it.
 *
 * Seen from the Launcher, it's a machine that it turns on, runs until something
 * comes up that only the Launcher can do, and runs again. */
#ifndef LGUEST_PC_H
#define LGUEST_PC_H

#include "types.h"

struct pc;

/* Why pc_run() came back. */
enum pc_event_kind {
	PC_INTERRUPTED,	/* by a signal */
	PC_SERIAL,	/* bytes to print: @text, @len */
	PC_UNPACKED,	/* the kernel has got to where pc_watch() said */
	PC_STATUS,	/* a device's driver has set its status byte */
	PC_RESET,	/* the Guest wants to start again */
	PC_OFF,		/* it has stopped for good, and meant to */
	PC_DEAD,	/* it has stopped for good: @text says why */
	PC_NOTE,	/* it goes on, but the user should know: @text */
};

#define PC_QUEUES 2

struct pc_event {
	enum pc_event_kind kind;
	const char *text;
	u32 len;
	/* PC_STATUS: which device, what its driver agreed to, and in which
	 * Guest pages its queues are; 0: not used. */
	unsigned device;
	u8 status;
	u32 features;
	u32 queue_pfn[PC_QUEUES];
};

/* A device for the PCI bus: legacy virtio (virtio 1.0, 4.1.4.8). */
struct pc_device {
	u16 id;			/* virtio's number for its kind */
	u32 features;
	u16 queue_size;
	unsigned queues;
	const u8 *config;
	u32 config_len;
};

/* NULL if there is no memory for it; one per process.  The kernel has been
 * loaded into @memory (MAP_SHARED | MAP_ANONYMOUS) of @pages pages; it starts
 * at @entry with @esi in esi. */
struct pc *pc_open(void *memory, u32 pages, u32 entry, u32 esi);
void pc_close(struct pc *pc);
/* Sets up what needs the kernel's help: 0 or -errno.  From now on the PC is
 * this thread's. */
int pc_start(struct pc *pc);

/* Plugs a device in; its number, or -1 if all slots are taken.  The eventfds,
 * one for each queue, are written to when the Guest notifies the queue. */
int pc_add_device(struct pc *pc, const struct pc_device *device,
		  const int eventfds[PC_QUEUES]);

/* May a kernel rely on the time stamp counter ("tsc=reliable")? */
bool pc_has_clock(void);

/* Tell me once, when a kernel that unpacks itself to @addr has done so and begins
 * there, but hasn't changed anything yet. */
void pc_watch(struct pc *pc, u32 addr);

/* Runs until something comes up. */
void pc_run(struct pc *pc, struct pc_event *event);

/* From any thread, one without thread-local storage included: the interrupt of
 * a device; and up to @len characters typed at the serial port, of which the
 * number that it took is returned (0: it's full, try later). */
void pc_interrupt(struct pc *pc, unsigned device);
u32 pc_type(struct pc *pc, const u8 *bytes, u32 len);
/*:*/

#endif /* LGUEST_PC_H */
