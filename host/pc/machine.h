/*H:705 What makes a PC, all in one place: the processor with the registers that
 * only a kernel sees, and the chips around it. */
#ifndef LGUEST_PC_MACHINE_H
#define LGUEST_PC_MACHINE_H

#include "pc/pc.h"
#include "tsc.h"
#include "windows.h"
#include "x86/x86.h"

#define CR0_PE 0x1u
#define CR0_TS 0x8u
#define CR0_ET 0x10u
#define CR0_WP 0x10000u
#define CR0_PG 0x80000000u
#define CR4_PSE 0x10u
#define CR4_PAE 0x20u
#define CR4_PGE 0x80u

/* The kernel's part of the address space, where all page directories agree.  A
 * PC's processor doesn't know of such a thing; Linux does. */
#define PC_KERNEL_START 0xc0000000u

#define PC_TEXT_LEN 256

/* GDTR, IDTR, LDTR, TR. */
struct pc_table {
	u32 base, limit;
};

/* One 8259A. */
struct pc_pic {
	u8 irr, isr, imr;	/* requested, in service, masked */
	u8 lines;		/* as the devices hold them */
	u8 vector;		/* of the first of its eight lines */
	u8 step;		/* initialisation words still to come, or 0 */
	bool wants_icw4, auto_eoi;
	bool read_isr;		/* what the command port reads */
};

/* One channel of the 8254. */
struct pc_channel {
	u64 start;		/* ns: when it was loaded */
	u32 count;		/* what it was loaded with, 1 to 65536 */
	u8 mode, access;	/* of the control word */
	bool second;		/* byte of a pair, to write... */
	bool second_read;	/* ... or to read */
	bool latched;
	u16 latch;
	u8 low;			/* the first byte written */
	bool loaded;
};

#define PC_INPUT 1024u		/* a power of 2 */
#define PC_OUTPUT 256u

/* The 16550A. */
struct pc_serial {
	u8 ier, lcr, mcr, scratch, fcr;
	u16 divisor;
	bool thre;		/* "you may write" hasn't been heard yet */
	/* Typed characters.  The Launcher's thread adds at the head. */
	u32 head, tail;
	u8 input[PC_INPUT];
	u32 written;
	char output[PC_OUTPUT];
};

#define PC_SLOTS 32u
#define PC_BAR_SIZE 64u
#define PC_CONFIG 32u

/* A virtio device in its slot. */
struct pc_virtio {
	bool present;
	struct pc_device about;
	u8 config[PC_CONFIG];
	int eventfds[PC_QUEUES];
	u16 command;		/* of the PCI header */
	u32 bar;
	u8 line;		/* how it's wired... */
	u8 noted_line;		/* ... and what the kernel has made of it */
	u32 features;		/* the driver's */
	u32 queue_pfn[PC_QUEUES];
	u16 queue;		/* selected */
	u8 status;
	u32 isr;		/* set by other threads */
};

struct pc {
	struct x86_cpu cpu;
	struct windows *windows;
	u64 root;		/* of the page tables, for windows */

	u32 cr0, cr2, cr3, cr4;
	u32 dr[8];
	struct pc_table gdt, idt, ldt, tss;
	/* What gates and the TSS name is looked up when it's another than the
	 * last time; 0: nothing yet. */
	u16 gate_cs, stack_ss;

	struct pc_pic pic[2];
	struct pc_channel channel[3];
	bool beep_gate;		/* of channel 2 */
	bool refresh;		/* a bit that toggles when it's looked at */
	int timer;		/* the kernel's number of it */
	struct pc_serial serial;
	u8 cmos_index;
	u32 pci_address;
	struct pc_virtio virtio[PC_SLOTS];

	/* Interrupt lines pulsed by other threads, one bit each. */
	u32 raised;
	u32 sleeping;		/* a futex: 1 while we may be asleep */
	unsigned tired;		/* see patience.h */
	bool halted;

	u32 watched;		/* a page, or 0 */
	bool has_event;
	struct pc_event event;
	char reason[PC_TEXT_LEN];
	char note[PC_TEXT_LEN];
	bool has_note, told_of_refusal, told_of_limit, told_of_watch;
	int task;		/* whose thread's the PC is */
	struct tsc_clocks first;
	u32 tsc_khz;
	bool tsc_is_trusted;
};

static inline struct pc *pc_of(struct x86_cpu *cpu)
{
	return (struct pc *)cpu;
}

static inline u32 pc_ring(const struct pc *pc)
{
	return pc->cpu.user ? 3 : 0;
}

/* May whoever is running use all ports, and change IF? */
static inline bool pc_has_io_privilege(const struct pc *pc)
{
	return pc_ring(pc) <= (pc->cpu.eflags_kept >> 12 & 3);
}
/*:*/

/* core.c */
extern const struct x86_machine pc_machine;
/* The Guest dies of this; the first reason is the one that counts. */
void pc_die(struct pc *pc, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The user may like to know this, unless he has been @told. */
void pc_note(struct pc *pc, bool *told, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Something for the Launcher: pc_run() shall return. */
void pc_tell(struct pc *pc, enum pc_event_kind kind);
u64 pc_now(void);	/* CLOCK_MONOTONIC in ns */

/* system.c */
void pc_privileged(struct x86_cpu *cpu, const struct x86_insn *insn);
void pc_cpuid(struct x86_cpu *cpu, u32 leaf, u32 subleaf, u32 out[4]);
/* To ring 3 or 0, with the windows for it. */
void pc_enter_ring(struct pc *pc, bool user);

/* page_tables.c */
extern const struct page_reader pc_reader;
u64 pc_root(const struct pc *pc);	/* what cr0, cr3 and cr4 say */

/* segments.c */
bool pc_load_segment(struct x86_cpu *cpu, int seg, u16 selector);
bool pc_descriptor(struct x86_cpu *cpu, u16 selector, u32 out[2]);
/* Loads @table (LDTR, TR) from the GDT, if @type says that it is such a thing;
 * else raises a trap and returns false. */
bool pc_load_system(struct pc *pc, struct pc_table *table, u16 selector,
		    u32 type);
/* Which vector would loading @seg with @selector in @ring raise?  0: none. */
u8 pc_segment_fault(struct pc *pc, int seg, u16 selector, u32 ring);
void pc_drop_kernel_segments(struct pc *pc);

/* traps.c */
void pc_trap(struct x86_cpu *cpu, u8 vector, u32 error, u32 address);
void pc_software_interrupt(struct x86_cpu *cpu, u8 vector, unsigned len);
void pc_iret(struct x86_cpu *cpu, const struct x86_insn *insn);
u32 pc_show_eflags(struct x86_cpu *cpu, u32 eflags);
void pc_change_eflags(struct x86_cpu *cpu, u32 eflags, u32 mask);
void pc_set_interrupt_flag(struct pc *pc, bool on);
/* Delivers what the PICs have, if the Guest will have it now. */
void pc_try_deliver(struct pc *pc);
/* Sleeps until somebody has raised a line; -EINTR for other signals. */
int pc_sleep(struct pc *pc);
/* Pulses line @irq: from any thread, and from signal handlers.  Or only makes the
 * PC look whether something was typed. */
#define PC_LOOK_AT_SERIAL 31u
#define PC_TIMER_IRQ 0u
void pc_pulse(struct pc *pc, unsigned irq);

/* ports.c */
u32 pc_in(struct pc *pc, u16 port, unsigned size);
void pc_out(struct pc *pc, u16 port, unsigned size, u32 value);

/* The chips.  Ports are relative to the chip's first. */
u8 pic_in(struct pc *pc, unsigned chip, u16 port);
void pic_out(struct pc *pc, unsigned chip, u16 port, u8 value);
void pic_set_line(struct pc *pc, unsigned irq, bool high);
/* The vector to deliver now, which is in service from now on; -1: none. */
int pic_acknowledge(struct pc *pc);
bool pic_pending(const struct pc *pc);

u8 pit_in(struct pc *pc, u16 port);
void pit_out(struct pc *pc, u16 port, u8 value);
u8 pit_read_speaker(struct pc *pc);
void pit_write_speaker(struct pc *pc, u8 value);
int pit_init(struct pc *pc);
void pit_exit(struct pc *pc);

u8 serial_in(struct pc *pc, u16 port);
void serial_out(struct pc *pc, u16 port, u8 value);
/* Has anything changed that the Guest should be interrupted for? */
void serial_update(struct pc *pc);

u8 cmos_in(struct pc *pc);

u32 pci_config_in(struct pc *pc, u16 port, unsigned size);
void pci_config_out(struct pc *pc, u16 port, unsigned size, u32 value);
/* The device whose I/O ports @port belongs to, and which of them; or NULL. */
struct pc_virtio *pci_find_port(struct pc *pc, u16 port, u16 *offset);

u32 virtio_in(struct pc *pc, struct pc_virtio *dev, u16 offset, unsigned size);
void virtio_out(struct pc *pc, struct pc_virtio *dev, u16 offset, unsigned size,
		u32 value);

#endif /* LGUEST_PC_MACHINE_H */
