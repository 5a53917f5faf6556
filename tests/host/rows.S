/* Tiny Guests: a row each of what was measured on the real thing.
 *
 * The runner (host.c) puts this image at 1 MB into a Guest of 4 MB, once for
 * each row, starts it at the row's address, and writes down what the Launcher
 * gets to see: the notifies as hex numbers, then the last words.  In what a row
 * expects, @ stands for the address of its label 9.
 *
 * Every row has pages of its own to itself below 1 MB. */
#define PGDIR 0x10000
#define PTABLE 0x11000
#define PAE_PTABLE 0x12000
#define KERNEL_STACK 0x30000
#define USER_STACK 0x38000
#define STACK 0x40000
#define SCRATCH 0x50000

#define INIT 1
#define SHUTDOWN 2
#define NEW_PGTABLE 4
#define FLUSH_TLB 5
#define LOAD_IDT 6
#define SET_STACK 7
#define TS 8
#define CLOCKEVENT 9
#define HALT 10
#define SET_PMD 13
#define SET_PTE 14
#define SET_PGD 15
#define LOAD_TLS 16
#define NOTIFY 17
#define LOAD_GDT 18
#define SEND_INTERRUPTS 19

#define INTERRUPT_GATE 0x8e00
#define TRAP_GATE 0x8f00
#define ANYBODY 0x6000

/* struct lguest_data, at `data' */
#define irq_enabled data
#define blocked data + 4
#define cr2 data + 8
#define seconds data + 12
#define irq_pending data + 20
#define hcall_status data + 24
#define hcalls data + 88
#define reserve_mem data + 1368
#define tsc_khz data + 1372
#define noirq_start data + 1376
#define noirq_end data + 1380
#define kernel_address data + 1384
#define syscall_vec data + 1388

	/* Subsections: 0 the code, 1 the table of rows, 2 strings, 3 data. */
	.text 0
	.long table

	.text 1
table:

	.macro row name:req, expect
	.text 1
	.long code_\@, name_\@, expect_\@, 9f
	.text 2
name_\@: .asciz "\name"
expect_\@: .asciz "\expect"
	.text 0
code_\@:
	.endm

	.macro call_host nr:req, a=0, b=0, c=0, d=0
	mov $\nr, %eax
	mov \a, %ebx
	mov \b, %ecx
	mov \c, %edx
	mov \d, %esi
	int $0x1f
	.endm

	.macro start
	mov $STACK, %esp
	call_host INIT, $data, $0, $0, $0
	.endm

	/* Tells the Launcher, touching nothing but memory below esp. */
	.macro say what:req
	push %eax
	push %ebx
	mov \what, %ebx
	mov $NOTIFY, %eax
	int $0x1f
	pop %ebx
	pop %eax
	.endm

	.macro end
	jmp the_end
	.endm

	.macro gate vector:req, handler:req, kind:req
	mov $\handler, %ecx
	mov %ecx, %edx
	movzwl %cx, %ecx
	or $0x600000, %ecx
	mov $\kind, %dx
	mov $LOAD_IDT, %eax
	mov $\vector, %ebx
	int $0x1f
	.endm

	.macro gdt number:req, low:req, high:req
	call_host LOAD_GDT, $\number, $\low, $\high, $0
	.endm

	/* Changes the entry for @address of PGDIR, and says so. */
	.macro pte address:req, value:req
	movl $\value, PTABLE + (\address >> 10)
	call_host SET_PTE, $PGDIR, $\address, $\value, $0
	.endm

	/* The row is one instruction, and the death of it. */
	.macro dies name:req, trap:req, code:req, insn:vararg
	row "\name", "unhandled trap \trap at 0x@ (\code)"
	start
9:	\insn
	end
	.endm

	.macro runs name:req, insn:vararg
	row "\name", "CRASH: done"
	start
	\insn
	end
	.endm

	.text 0
the_end:
	call_host SHUTDOWN, $done, $1, $0, $0
	.text 2
done:	.asciz "done"
long_text: .fill 200, 1, 'x'
	.byte 0
	.text 0

/* Flat tables: 4 MB one to one, and again at 3 GB. */
page_tables:
	push %eax
	mov $7, %eax
	mov $PTABLE, %edi
1:	stosl
	add $0x1000, %eax
	cmp $0x400007, %eax
	jne 1b
	movl $PTABLE + 7, PGDIR
	movl $PTABLE + 7, PGDIR + 0xc00
	pop %eax
	ret

paging_on:
	call page_tables
	call_host NEW_PGTABLE, $PGDIR, $0, $0, $0
	ret

/* The same with entries of 64 bits: a directory of four, one page table. */
pae_on:
	mov $7, %eax
	mov $PTABLE, %edi
1:	stosl
	movl $0, (%edi)
	add $4, %edi
	add $0x1000, %eax
	cmp $0x200007, %eax
	jne 1b
	movl $PTABLE + 7, PAE_PTABLE
	movl $PAE_PTABLE + 1, PGDIR
	movl $PAE_PTABLE + 1, PGDIR + 24
	call_host NEW_PGTABLE, $PGDIR, $0, $0, $0
	ret

/* Another one beside it, with tables of its own below 1 GB. */
pae_sibling:
	mov $PTABLE, %esi
	mov $0x21000, %edi
	mov $1024, %ecx
	rep movsl
	mov $PAE_PTABLE, %esi
	mov $0x22000, %edi
	mov $1024, %ecx
	rep movsl
	movl $0x21067, 0x22000
	movl $0x22001, PGDIR + 0x20
	movl $PAE_PTABLE + 1, PGDIR + 0x38
	ret

/* To ring 3 at the address in ebp. */
to_user:
	gdt 14, 0x0000ffff, 0x00cffa00
	gdt 15, 0x0000ffff, 0x00cff200
	call_host SET_STACK, $0x69, $KERNEL_STACK, $1, $0
	push $0x7b
	push $USER_STACK
	push $0x202
	push $0x73
	push %ebp
	iret

/* What a handler finds on its stack: n words, as notifies. */
	.macro say_frame n:req
	.set i, 0
	.rept \n
	mov i(%esp), %ecx
	say %ecx
	.set i, i + 4
	.endr
	.endm

tell4:	say_frame 4
	end
tell3:	say_frame 3
	end
tell5:	say_frame 5
	end
tell6:	say_frame 6
	end

	/* ---- Reasons ---- */

	row "first hypercall is not LGUEST_INIT", "hypercall 17 before INIT"
	call_host NOTIFY, $1, $0, $0, $0
	row "... nor a negative one", "hypercall -2 before INIT"
	call_host -2, $1, $0, $0, $0
	row "LGUEST_INIT with an address outside memory", "bad guest page 40000000"
	call_host INIT, $0x40000000, $0, $0, $0
	row "... or that reaches out of it", "bad guest page 003ffff0"
	call_host INIT, $0x3ffff0, $0, $0, $0
	row "... or wraps around", "bad guest page fffffff0"
	call_host INIT, $0xfffffff0, $0, $0, $0
	row "LGUEST_INIT twice", "already have lguest_data"
	start
	start
	row "unknown hypercall", "Bad hypercall 99"
	start
	call_host 99, $0, $0, $0, $0
	row "unknown hypercall, negative", "Bad hypercall -1"
	start
	call_host -1, $0, $0, $0, $0
	.irp nr, 3, 11, 12, 20
	row "hypercall \nr", "Bad hypercall \nr"
	start
	call_host \nr, $0, $0, $0, $0
	.endr
	row "unknown hypercall in the ring", "Bad hypercall 77"
	start
	movl $77, hcalls
	movb $0, hcall_status
	call_host 0, $0, $0, $0, $0
	end
	row "SHUTDOWN, power off", "CRASH: done"
	start
	end
	row "SHUTDOWN, some other reason", "CRASH: done"
	start
	call_host SHUTDOWN, $done, $77, $0, $0
	row "SHUTDOWN, restart", "restart"
	start
	call_host SHUTDOWN, $done, $2, $0, $0
	row "SHUTDOWN, a text without end", "CRASH: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	start
	call_host SHUTDOWN, $long_text, $1, $0, $0
	row "SHUTDOWN, a text outside memory", "bad read address 0x7fffffff len 128"
	start
	call_host SHUTDOWN, $0x7fffffff, $1, $0, $0
	row "LOAD_TLS outside memory", "bad read address 0x3ffff8 len 24"
	start
	call_host LOAD_TLS, $0x3ffff8, $0, $0, $0
	row "a system call vector of nobody", "bad syscall vector"
	movl $0x81, syscall_vec
	start
	row "Plan 9's system call vector", "CRASH: done"
	movl $0x40, syscall_vec
	start
	end
	row "kernel_address in the top 4 MB", "bad kernel address 0xffc00000"
	movl $0xffc00000, kernel_address
	start
	row "page fault without a gate", "unhandled trap 14 at 0x@ (0x12345678)"
	start
	call paging_on
9:	mov 0x12345678, %eax
	end
	row "outside memory in the linear phase", "bad page table entry"
	start
	mov 0x12345678, %eax
	end
	row "PTE beyond memory", "bad page table entry"
	start
	call paging_on
	pte 0x80000, 0x400007
	mov 0x80000, %eax
	end
	row "PTE with PSE", "bad page table entry"
	start
	call paging_on
	pte 0x80000, 0x80087
	mov 0x80000, %eax
	end
	row "PGD with PSE", "bad page directory entry"
	start
	call paging_on
	movl $0x87, PGDIR + 4
	call_host SET_PGD, $PGDIR, $1, $0, $0
	mov 0x400000, %eax
	end
	row "PGD beyond memory", "bad page directory entry"
	start
	call paging_on
	movl $0x400007, PGDIR + 4
	call_host SET_PGD, $PGDIR, $1, $0, $0
	mov 0x400000, %eax
	end
	row "the top 4 MB are nobody's", "unhandled trap 14 at 0x@ (0xffc00000)"
	start
	call paging_on
9:	mov 0xffc00000, %eax
	end
	row "SET_PGD of the top 4 MB is ignored", "CRASH: done"
	start
	call paging_on
	movl $PTABLE + 7, PGDIR + 0xffc
	call_host SET_PGD, $PGDIR, $1023, $0, $0
	call_host SET_PGD, $PGDIR, $1024, $0, $0
	end
	row "SET_STACK in ring 0", "bad stack segment 104"
	start
	call_host SET_STACK, $0x68, $STACK, $1, $0
	row "SET_STACK in ring 3", "bad stack segment 107"
	start
	call_host SET_STACK, $0x6b, $STACK, $1, $0
	row "SET_STACK of 3 pages", "bad stack pages 3"
	start
	call_host SET_STACK, $0x69, $STACK, $3, $0
	row "SET_STACK unmapped", "bad stack page 0x7fffffff"
	start
	call paging_on
	call_host SET_STACK, $0x69, $0x80000000, $1, $0
	row "SET_STACK, second page unmapped", "bad stack page 0xbfffffff"
	start
	call paging_on
	call_host SET_STACK, $0x69, $0xc0001000, $2, $0
	row "IDT entry 256", "Setting idt entry 256"
	start
	gate 256, tell3, INTERRUPT_GATE
	row "GDT entry 32", "too many gdt entries 32"
	start
	gdt 32, 0, 0
	row "a gate of type 5", "bad IDT type 5"
	start
	gate 33, tell3, 0x8500
	row "a gate of type 5 that's not present", "CRASH: done"
	start
	gate 33, tell3, 0x0500
	end
	row "ds made unusable", "unhandled trap 256 at 0x@ (0x68)"
	start
	gdt 13, 0, 0
9:	end
	row "cs made unusable", "unhandled trap 256 at 0x@ (0x60)"
	start
	gdt 12, 0x0000ffff, 0x00cf1a00
9:	end
	row "trap with a stack that isn't there", "bad stack page 0x7ffffff4"
	start
	call paging_on
	gate 6, tell3, TRAP_GATE
	mov $0x80000000, %esp
	ud2
	row "first reason counts", "Bad hypercall 99"
	start
	movl $99, hcalls
	movw $0, hcall_status
	movl $98, hcalls + 20
	call_host 97, $0, $0, $0, $0

	/* ---- One instruction each, in ring 1 ---- */

	dies "hlt", 13, 0, hlt
	dies "sti", 13, 0, sti
	dies "mov from cr0", 13, 0, mov %cr0, %eax
	dies "mov to cr0", 13, 0, mov %eax, %cr0
	dies "mov from cr3", 13, 0, mov %cr3, %eax
	dies "mov to cr3", 13, 0, mov %eax, %cr3
	dies "mov from dr7", 13, 0, mov %dr7, %eax
	dies "mov to dr7", 13, 0, mov %eax, %dr7
	dies "rdmsr", 13, 0, rdmsr
	dies "wrmsr", 13, 0, wrmsr
	dies "lgdt", 13, 0, lgdt data
	dies "lidt", 13, 0, lidt data
	dies "lldt", 13, 0, lldt %ax
	dies "ltr", 13, 0, ltr %ax
	dies "lmsw", 13, 0, lmsw %ax
	dies "invlpg", 13, 0, invlpg data
	dies "clts", 13, 0, clts
	dies "wbinvd", 13, 0, wbinvd
	dies "invd", 13, 0, invd
	dies "sysenter", 13, 0, sysenter
	dies "sysexit", 13, 0, sysexit
	dies "insb", 13, 0, insb
	dies "outsb", 13, 0, outsb
	dies "rep insl", 13, 0, rep insl
	dies "ud2", 6, 0, ud2
	dies "mov to cs", 6, 0, .byte 0x8e, 0xc8
	row "div by zero", "unhandled trap 0 at 0x@ (0)"
	start
	xor %ecx, %ecx
9:	div %ecx
	end
	dies "int3 without a gate", 13, 0x1a, int3
	dies "int 0x80 without a gate", 13, 0x402, int $0x80
	dies "int 14 without a gate", 13, 0x72, int $14
	row "int 14 with a gate of ring 0", "unhandled trap 13 at 0x@ (0x72)"
	start
	gate 14, tell4, INTERRUPT_GATE
9:	int $14
	end
	row "mov of selector 0x1234 to ds", "unhandled trap 13 at 0x@ (0x1234)"
	start
	mov $0x1234, %eax
9:	mov %eax, %ds
	end
	row "an empty entry to ds", "unhandled trap 13 at 0x@ (0xa0)"
	start
	mov $0xa1, %eax
9:	mov %eax, %ds
	end
	row "beyond the table to es", "unhandled trap 13 at 0x@ (0x100)"
	start
	mov $0x103, %eax
9:	mov %eax, %es
	end
	row "the kernel's data with RPL 3 to ds", "unhandled trap 13 at 0x@ (0x68)"
	start
	mov $0x6b, %eax
9:	mov %eax, %ds
	end
	row "a null selector to ss", "unhandled trap 13 at 0x@ (0)"
	start
	xor %eax, %eax
9:	mov %eax, %ss
	end
	row "a null selector to ds", "3 CRASH: done"
	start
	mov $3, %eax
	mov %eax, %ds
	mov %ds, %ecx
	mov $0x69, %eax
	mov %eax, %ds
	say %ecx
	end
	row "the LDT to fs", "unhandled trap 13 at 0x@ (0x64)"
	start
	mov $0x65, %eax
9:	mov %eax, %fs
	end
	row "a segment that's not present to gs", "unhandled trap 11 at 0x@ (0xa0)"
	start
	gdt 20, 0x0000ffff, 0x00cf3200
	mov $0xa1, %eax
9:	mov %eax, %gs
	end
	row "a stack that's not present", "unhandled trap 12 at 0x@ (0xa0)"
	start
	gdt 20, 0x0000ffff, 0x00cf3200
	mov $0xa1, %eax
9:	mov %eax, %ss
	end
	row "cli is skipped", "200 CRASH: done"
	start
	movl $0x200, irq_enabled
	cli
	say irq_enabled
	end
	row "in al", "123456ff CRASH: done"
	start
	mov $0x12345678, %eax
	in $0x60, %al
	say %eax
	end
	row "in ax", "1234ffff CRASH: done"
	start
	mov $0x12345678, %eax
	in $0x60, %ax
	say %eax
	end
	row "in eax", "ffffffff CRASH: done"
	start
	mov $0x12345678, %eax
	in %dx, %eax
	say %eax
	end
	row "out", "12345678 CRASH: done"
	start
	mov $0x12345678, %eax
	out %al, %dx
	out %eax, $0x80
	outw %ax, $0x80
	say %eax
	end
	dies "int 0xf0 without a gate", 13, 0x782, int $0xf0
	row "fninit with TS", "unhandled trap 7 at 0x@ (0)"
	start
	call_host TS, $1, $0, $0, $0
9:	fninit
	end
	row "fninit without TS", "CRASH: done"
	start
	call_host TS, $8, $0, $0, $0
	call_host TS, $0, $0, $0, $0
	fninit
	end
	row "TS stays set when #NM is delivered", "1 unhandled trap 7 at 0x@ (0)"
	start
	gate 7, 5f, TRAP_GATE
	call_host TS, $1, $0, $0, $0
	fninit
5:	say $1
	gate 7, 5b, 0x0f00
9:	fninit
	end
	row "pushf", "202 CRASH: done"
	start
	xor %eax, %eax
	inc %eax
	pushf
	pop %ecx
	say %ecx
	end
	row "popf leaves IOPL and IF alone", "202 CRASH: done"
	start
	push $0x3202
	popf
	pushf
	pop %ecx
	say %ecx
	push $0x1002
	popf
	end
	row "popf sets NT, AC and ID", "244202 244202 204202 CRASH: done"
	start
	push $0x244002
	popf
	pushf
	pop %ecx
	say %ecx
	pushf
	popf
	pushf
	pop %ecx
	say %ecx
	push $0x204002
	popf
	pushf
	pop %ecx
	say %ecx
	end
	row "popf of 16 bits leaves ID alone", "200203 CRASH: done"
	start
	push $0x200002
	popf
	pushw $0x3
	popfw
	pushf
	pop %ecx
	say %ecx
	end
	row "TF: a trap after the next instruction", "@ 61 2 CRASH: done"
	start
	gate 1, tell3_no_tf, TRAP_GATE
	push $0x302
	popf
	mov $1, %eax
9:	mov $2, %eax
	end
tell3_no_tf:
	andl $~0x100, 8(%esp)
	say_frame 3
	end
	row "cs and ss", "61 69 69 69 CRASH: done"
	start
	.irp seg, cs, ss, ds, es
	mov %\seg, %ecx
	say %ecx
	.endr
	end
	row "fs and gs start out null", "CRASH: done"
	start
	mov %fs, %ecx
	say %ecx
	mov %gs, %ecx
	say %ecx
	end
	row "the registers at the start", "CRASH: done"
	or %ecx, %eax
	or %edx, %eax
	or %ebx, %eax
	or %esp, %eax
	or %ebp, %eax
	or %esi, %eax
	or %edi, %eax
	mov %eax, SCRATCH
	start
	say SCRATCH
	end
	row "a GDT entry of ring 0 is one of ring 1, ring 2 stays", "a0 cfb300 cfd300 CRASH: done"
	start
	gdt 20, 0x0000ffff, 0x00cf9200
	mov $0xa0, %eax
	mov %eax, %ds
	mov %ds, %ecx
	mov $0x69, %eax
	mov %eax, %ds
	say %ecx
	mov $0xa0, %eax
	lar %eax, %ecx
	say %ecx
	gdt 20, 0x0000ffff, 0x00cfd200
	mov $0xa0, %eax
	lar %eax, %ecx
	say %ecx
	end
	row "lsl; and what is no entry has neither limit nor rights", "12345fff CRASH: done"
	start
	gdt 20, 0x00002345, 0x00819200
	gdt 21, 0x00012345, 0x00019200
	mov $0xa0, %eax
	lsl %eax, %ecx
	say %ecx
	xor %ecx, %ecx
	.irp selector, 0xa4, 0x100
	mov $\selector, %eax
	lsl %eax, %ecx
	lar %eax, %ecx
	.endr
	say %ecx
	end
	row "GDT entries 10, 11, 16 and 31 are ignored", "CRASH: done"
	start
	.irp n, 10, 11, 16, 31
	gdt \n, 0x0000ffff, 0x00cff200
	mov $\n * 8, %eax
	xor %ecx, %ecx
	lar %eax, %ecx
	say %ecx
	.endr
	end
	row "gates 2, 8, 15 and 31 are ignored", "unhandled trap 13 at 0x@ (0x12)"
	start
	.irp n, 2, 8, 15, 31
	gate \n, tell3, INTERRUPT_GATE + ANYBODY
	.endr
9:	int $2
	row "gates that are ignored may have any type", "CRASH: done"
	start
	gate 8, tell3, 0x8500
	end
	runs "smsw", smsw %eax
	runs "str", str %eax
	runs "sgdt", sgdt SCRATCH
	runs "sidt", sidt SCRATCH
	runs "rdtsc", rdtsc
	runs "cpuid", cpuid
	row "cpuid: highest leaves, and no more than we have", "5 7 80000004 CRASH: done"
	start
	xor %eax, %eax
	cpuid
	say %eax
	mov $1, %eax
	cpuid
	/* Nothing but what abi.md allows; FPU TSC CX8 at least. */
	mov %edx, %ebp
	and $~0x07808111, %edx
	and $~0x201, %ecx
	or %edx, %ecx
	say %ecx
	and $0x111, %ebp
	cmp $0x111, %ebp
	jne 1f
	say $7
1:	mov $0x80000000, %eax
	cpuid
	say %eax
	mov $0x80000001, %eax
	cpuid
	say %edx
	end

	row "cpuid: no processor but this shares its caches, and other leaves are empty", "CRASH: done"
	start
	mov $1, %eax
	cpuid
	mov %ebx, %ebp
	mov $4, %eax
	xor %ecx, %ecx
	cpuid
	and $~0x3fff, %eax
	or %eax, %ebp
	.irp leaf, 3, 5, 6, 7, 0xd, 0x40000000, 0x80000001, 0x80000005, 0x80000008, 0xffffffff
	mov $\leaf, %eax
	xor %ecx, %ecx
	cpuid
	or %eax, %ebp
	or %ebx, %ebp
	or %ecx, %ebp
	or %edx, %ebp
	.endr
	mov $0x80000000, %eax
	cpuid
	or %ebx, %ebp
	or %ecx, %ebp
	or %edx, %ebp
	say %ebp
	end

	/* ---- Traps ---- */

	row "a trap gate with irq_enabled 0", "@ 61 2 CRASH: done"
	start
	gate 0x80, tell3, TRAP_GATE + ANYBODY
	xor %eax, %eax
	inc %eax
	int $0x80
9:	end
	row "a trap gate leaves irq_enabled", "@ 61 202 200 CRASH: done"
	start
	movl $0x200, irq_enabled
	gate 0x80, 5f, TRAP_GATE + ANYBODY
	xor %eax, %eax
	inc %eax
	int $0x80
9:	end
5:	say_frame 3
	say irq_enabled
	end
	row "an interrupt gate clears irq_enabled", "@ 61 202 CRASH: done"
	start
	movl $0x200, irq_enabled
	gate 0x80, 5f, INTERRUPT_GATE + ANYBODY
	xor %eax, %eax
	inc %eax
	int $0x80
9:	end
5:	say_frame 3
	say irq_enabled
	end
	row "a trap clears TF and NT", "@ 61 4202 202 CRASH: done"
	start
	movl $0x200, irq_enabled
	gate 0x80, 5f, TRAP_GATE + ANYBODY
	push $0x4002
	popf
	int $0x80
9:	end
5:	pushf
	pop %ebp
	say_frame 3
	say %ebp
	end
	row "int3 in ring 1", "@ 61 2 CRASH: done"
	start
	gate 3, tell3, TRAP_GATE + ANYBODY
	push $2
	popf
	int3
9:	end
	row "into", "@ 61 802 CRASH: done"
	start
	gate 4, tell3, TRAP_GATE + ANYBODY
	push $0x802
	popf
	into
9:	end
	row "a fault has RF, its error code and its own address", "1234 @ 61 10002 CRASH: done"
	start
	gate 13, tell4, TRAP_GATE
	push $2
	popf
	mov $0x1234, %eax
9:	mov %eax, %ds
	row "a page fault: cr2, error code 2", "2 @ 61 10002 12345678 CRASH: done"
	start
	call paging_on
	gate 14, 5f, INTERRUPT_GATE
	push $2
	popf
9:	movl $0, 0x12345678
	end
5:	say_frame 4
	say cr2
	end
	row "other traps leave cr2 alone", "123 CRASH: done"
	start
	movl $0x123, cr2
	gate 6, 5f, TRAP_GATE
	ud2
5:	say cr2
	end
	row "a page fault that's mended", "77 CRASH: done"
	start
	call paging_on
	pte 0x80000, 0
	movl $0x77, 0xc0081000
	gate 14, 5f, INTERRUPT_GATE
	say 0x80000
	end
5:	movl $0x81007, PTABLE + 0x200
	add $4, %esp
	iret
	row "iret in ring 1", "61 202 CRASH: done"
	start
	pushf
	push %cs
	push $5f
	iret
5:	pushf
	pop %ecx
	mov %cs, %edx
	say %edx
	say %ecx
	end
	row "... takes flags away as well", "202 CRASH: done"
	start
	push $0x200202
	popf
	push $0x202
	push %cs
	push $5f
	iret
5:	pushf
	pop %ecx
	say %ecx
	end
	row "iret of 16 bits", "1234 40000 200202 CRASH: done"
	start
	push $0x200203
	popf
	/* Low addresses only: a jump at 0x1234. */
	movb $0xe9, 0x1234
	movl $5f - 0x1239, 0x1235
	pushw $2
	pushw %cs
	pushw $0x1234
	iretw
5:	pushf
	pop %ebp
	say $0x1234
	mov %esp, %ecx
	say %ecx
	say %ebp
	end
	row "iret to a code segment that isn't one", "unhandled trap 13 at 0x@ (0x68)"
	start
	pushf
	push $0x69
	push $5f
9:	iret
5:	end
	row "iret to ring 0", "unhandled trap 13 at 0x@ (0x60)"
	start
	pushf
	push $0x60
	push $5f
9:	iret
5:	end
	row "iret to nowhere", "unhandled trap 13 at 0x@ (0)"
	start
	pushf
	push $0
	push $5f
9:	iret
5:	end
	row "iret to the kernel's code in ring 3", "unhandled trap 13 at 0x@ (0x60)"
	start
	pushf
	push $0x63
	push $5f
9:	iret
5:	end
	row "iret to ring 3 with the kernel's stack", "unhandled trap 13 at 0x@ (0x68)"
	start
	gdt 14, 0x0000ffff, 0x00cffa00
	push $0x69
	push $USER_STACK
	pushf
	push $0x73
	push $5f
9:	iret
5:	end
	row "iret with NT", "unhandled trap 10 at 0x@ (0)"
	start
	pushf
	push %cs
	push $5f
	push $0x4002
	popf
9:	iret
5:	end
	row "iret where the stack ends", "CRASH: done"
	start
	call paging_on
	pte 0x80000, 0
	mov $0x80000, %esp
	pushf
	push %cs
	push $5f
	iret
5:	mov $STACK, %esp
	end

	/* ---- Ring 3 ---- */

	row "a system call from ring 3", "@ 73 202 38000 7b CRASH: done"
	start
	movl $0x200, irq_enabled
	call paging_on
	gate 0x80, tell5, TRAP_GATE + ANYBODY
	mov $5f, %ebp
	jmp to_user
5:	int $0x80
9:	ud2
	row "... whither iret went with a frame in two pages", "@ 73 202 38000 7b CRASH: done"
	start
	movl $0x200, irq_enabled
	call paging_on
	gate 0x80, tell5, TRAP_GATE + ANYBODY
	mov $5f, %ebp
	mov $STACK + 0x1008, %esp
	jmp to_user
5:	int $0x80
9:	ud2
	row "the stack for traps: where SET_STACK said", "2ffec 61 69 CRASH: done"
	start
	call paging_on
	gate 0x80, 6f, TRAP_GATE + ANYBODY
	mov $5f, %ebp
	jmp to_user
5:	int $0x80
6:	mov %esp, %ecx
	mov %cs, %edx
	mov %ss, %edi
	say %ecx
	say %edx
	say %edi
	end
	row "a fault in ring 3", "5 @ 73 10202 38000 7b CRASH: done"
	start
	movl $0x200, irq_enabled
	call paging_on
	pte 0x80000, 0x80003
	gate 14, tell6, INTERRUPT_GATE
	mov $5f, %ebp
	jmp to_user
5:	mov $0x7b, %eax
	mov %eax, %ds
9:	mov 0x80000, %eax
	ud2
	row "the page tables' say in ring 3: write", "7 @ CRASH: done"
	start
	call paging_on
	pte 0x80000, 0x80005
	gate 14, 6f, INTERRUPT_GATE
	mov $5f, %ebp
	jmp to_user
5:	mov $0x7b, %eax
	mov %eax, %ds
	mov 0x80000, %eax
9:	mov %eax, 0x80000
	ud2
6:	say_frame 2
	end
	row "ring 1 honours write protection too", "3 @ CRASH: done"
	start
	call paging_on
	pte 0x80000, 0x80005
	gate 14, 6f, INTERRUPT_GATE
9:	mov %eax, 0x80000
	ud2
6:	say_frame 2
	end
	row "int 0x1f in ring 3", "fa @ 73 CRASH: done"
	start
	call paging_on
	gate 13, 6f, INTERRUPT_GATE
	mov $5f, %ebp
	jmp to_user
5:	xor %eax, %eax
9:	int $0x1f
6:	say_frame 3
	end
	row "int of a gate for ring 1 in ring 3", "2a2 @ 73 CRASH: done"
	start
	call paging_on
	gate 13, 6f, INTERRUPT_GATE
	gate 0x54, tell3, INTERRUPT_GATE + 0x2000
	mov $5f, %ebp
	jmp to_user
5:	xor %eax, %eax
9:	int $0x54
6:	say_frame 3
	end
	.irp insn, cli, sti, hlt, "in %dx,%al", "out %al,%dx"
	row "\insn in ring 3", "@ 73 CRASH: done"
	start
	call paging_on
	gate 13, 6f, INTERRUPT_GATE
	mov $5f, %ebp
	jmp to_user
5:	xor %eax, %eax
9:	\insn
	ud2
6:	say_frame 3
	end
	.endr
	row "ring 3 doesn't keep the kernel's segments", "1 CRASH: done"
	start
	call paging_on
	gate 0x80, 6f, TRAP_GATE + ANYBODY
	mov $0x69, %eax
	mov %eax, %fs
	mov $5f, %ebp
	jmp to_user
5:	mov %ds, %eax
	mov %es, %ecx
	or %ecx, %eax
	mov %fs, %ecx
	or %ecx, %eax
	mov %gs, %ecx
	or %ecx, %eax
	int $0x80
6:	mov $0x69, %ecx
	mov %ecx, %ds
	movzwl %ax, %eax
	inc %eax
	say %eax
	end
	row "ring 3 can't load the kernel's", "68 CRASH: done"
	start
	call paging_on
	gate 13, 6f, TRAP_GATE
	mov $5f, %ebp
	jmp to_user
5:	mov $0x69, %eax
	mov %eax, %ds
6:	mov $0x69, %ecx
	mov %ecx, %ds
	say_frame 1
	end
	row "iret from ring 3 to ring 3", "@ 73 93 38000 7b CRASH: done"
	start
	call paging_on
	gate 0x80, tell5, TRAP_GATE + ANYBODY
	mov $5f, %ebp
	jmp to_user
5:	push $0x7b
	push $0x38000
	push $0x3093
	push $0x73
	push $5f
	iret
5:	add $8, %esp
	push $0x93
	popf
	int $0x80
9:	ud2
	row "iret from ring 3 to ring 1", "60 @ 73 CRASH: done"
	start
	call paging_on
	gate 13, 6f, TRAP_GATE
	mov $5f, %ebp
	jmp to_user
5:	push $2
	push $0x61
	push $5f
9:	iret
6:	say_frame 3
	end
	row "pushf in ring 3, popf without IOPL", "202 CRASH: done"
	start
	call paging_on
	gate 0x80, 6f, TRAP_GATE + ANYBODY
	mov $5f, %ebp
	jmp to_user
5:	push $0x3002
	popf
	pushf
	pop %eax
	int $0x80
6:	say %eax
	end

	/* ---- Segments with a base ---- */

	row "fs has a base, and 4 GB wrap around", "aa bb CRASH: done"
	start
	movl $0xaa, SCRATCH + 8
	movl $0xbb, SCRATCH - 4
	gdt 27, 0x0000ffff, 0x00cf9205
	mov $0xd8, %eax
	mov %eax, %fs
	mov %fs:8, %ecx
	say %ecx
	mov %fs:0xfffffffc, %ecx
	say %ecx
	end
	row "a changed entry changes gs at once", "aa bb CRASH: done"
	start
	movl $0xaa, SCRATCH
	movl $0xbb, SCRATCH + 0x10000
	gdt 6, 0x0000ffff, 0x00cff205
	mov $0x33, %eax
	mov %eax, %gs
	mov %gs:0, %ecx
	say %ecx
	call_host LOAD_TLS, $tls, $0, $0, $0
	mov %gs:0, %ecx
	say %ecx
	end
	row "LOAD_TLS loads three entries, from the last bytes of memory", "cff300 cff300 cff300 CRASH: done"
	start
	mov $tls_to_the_end, %esi
	mov $0x3fffe8, %edi
	mov $6, %ecx
	rep movsl
	call_host LOAD_TLS, $0x3fffe8, $0, $0, $0
	call_host LOAD_TLS, $tls_to_the_end, $0, $0, $0
	.irp selector, 0x30, 0x38, 0x40, 0x48
	mov $\selector, %eax
	xor %ecx, %ecx
	lar %eax, %ecx
	say %ecx
	.endr
	end
	.text 3
tls:	.long 0x0000ffff, 0x00cff206, 0, 0, 0, 0
tls_to_the_end:
	.long 0x0000ffff, 0x00cff200, 0x0000ffff, 0x00cff200
	.long 0x0000ffff, 0x00cff200, 0x0000ffff, 0x00cfb200
	.text 0
	row "an unusable entry leaves gs alone until it's loaded again", "aa unhandled trap 13 at 0x@ (0x30)"
	start
	movl $0xaa, SCRATCH
	gdt 6, 0x0000ffff, 0x00cff205
	mov $0x33, %eax
	mov %eax, %gs
	gdt 6, 0, 0
	mov %gs:0, %ecx
	say %ecx
	mov $0x33, %eax
9:	mov %eax, %gs
	end

	.macro not_flat name:req, seg:req, low:req, high:req
	row "\name", "unhandled trap 13 at 0x@ (0x30)"
	start
	gdt 6, \low, \high
	mov $0x30, %eax
9:	mov %eax, %\seg
	end
	.endm

	not_flat "ds can't have a base", ds, 0x1000ffff, 0x00cff200
	not_flat "nor can es have a limit", es, 0xfffe, 0x00cff200
	not_flat "... in bytes", es, 0xffff, 0x004ff200
	not_flat "nor ds be upside down", ds, 0xffff, 0x00cff600
	not_flat "nor ss have 16 bits", ss, 0xffff, 0x008fb200
	row "a far jump goes to our ring, whatever the selector says", "61 61 CRASH: done"
	start
	ljmp $0x60, $5f
5:	mov %cs, %ecx
	say %ecx
	/* Code that conforms. */
	gdt 6, 0x0000ffff, 0x00cfbe00
	ljmp $0x33, $5f
5:	mov %cs, %ecx
	sub $0x30, %ecx
	add $0x60, %ecx
	say %ecx
	end
	row "nor cs a base", "unhandled trap 13 at 0x@ (0x30)"
	start
	gdt 6, 0x1000ffff, 0x00cfba00
9:	ljmp $0x30, $9b
	end
	row "nor cs 16 bits", "unhandled trap 13 at 0x@ (0x30)"
	start
	gdt 6, 0xffff, 0x008fba00
9:	ljmp $0x30, $9b
	end

	/* ---- Page tables ---- */

	row "A after a read, D after a write", "80027 80067 CRASH: done"
	start
	call paging_on
	mov 0x80000, %eax
	mov PTABLE + 0x200, %ecx
	say %ecx
	mov %eax, 0x80000
	mov PTABLE + 0x200, %ecx
	say %ecx
	end
	row "A is set again when it was cleared", "80007 80027 CRASH: done"
	start
	call paging_on
	mov 0x80000, %eax
	pte 0x80000, 0x80007
	mov PTABLE + 0x200, %ecx
	say %ecx
	mov 0x80000, %eax
	mov PTABLE + 0x200, %ecx
	say %ecx
	end
	row "SET_PTE moves a page", "11 22 CRASH: done"
	start
	movl $0x11, 0x80000
	movl $0x22, 0x81000
	call paging_on
	mov 0x80000, %ecx
	say %ecx
	pte 0x80000, 0x81007
	mov 0x80000, %ecx
	say %ecx
	end
	row "a page that comes needs no call", "11 CRASH: done"
	start
	movl $0x11, 0x80000
	call page_tables
	movl $0, PTABLE + 0x200
	call_host NEW_PGTABLE, $PGDIR, $0, $0, $0
	movl $0x80007, PTABLE + 0x200
	mov 0x80000, %ecx
	say %ecx
	end
	row "FLUSH_TLB", "11 22 33 CRASH: done"
	start
	movl $0x11, 0x80000
	movl $0x22, 0x81000
	movl $0x33, 0x82000
	call paging_on
	mov 0x80000, %ecx
	say %ecx
	movl $0x81007, PTABLE + 0x200
	call_host FLUSH_TLB, $0, $0, $0, $0
	mov 0x80000, %ecx
	say %ecx
	movl $0x82007, PTABLE + 0x200
	call_host FLUSH_TLB, $1, $0, $0, $0
	mov 0x80000, %ecx
	say %ecx
	end
	row "FLUSH_TLB of the kernel's part", "11 22 11 22 CRASH: done"
	start
	movl $0x11, 0x80000
	movl $0x22, 0x81000
	call paging_on
	mov 0xc0080000, %ecx
	say %ecx
	call_host FLUSH_TLB, $1, $0, $0, $0
	call_host FLUSH_TLB, $1, $0, $0, $0
	movl $0x81067, PTABLE + 0x200
	call_host FLUSH_TLB, $1, $0, $0, $0
	mov 0xc0080000, %ecx
	say %ecx
	call_host FLUSH_TLB, $1, $0, $0, $0
	/* There and back again: the last one looks as before. */
	movl $0x80067, PTABLE + 0x200
	call_host SET_PTE, $PGDIR, $0xc0080000, $0x80067, $0
	mov 0xc0080000, %ecx
	say %ecx
	movl $0x81067, PTABLE + 0x200
	call_host FLUSH_TLB, $1, $0, $0, $0
	mov 0xc0080000, %ecx
	say %ecx
	end
	row "NEW_PGTABLE: another address space", "11 22 11 CRASH: done"
	start
	movl $0x11, 0x80000
	movl $0x22, 0x81000
	call paging_on
	mov 0x80000, %ecx
	say %ecx
	/* Another directory: the same, but for a table of its own. */
	mov $PTABLE, %esi
	mov $0x21000, %edi
	mov $1024, %ecx
	rep movsl
	movl $0x81007, 0x21200
	movl $0x21007, 0x20000
	movl $PTABLE + 7, 0x20c00
	call_host NEW_PGTABLE, $0x20000, $0, $0, $0
	mov 0x80000, %ecx
	say %ecx
	call_host NEW_PGTABLE, $PGDIR, $0, $0, $0
	mov 0x80000, %ecx
	say %ecx
	end
	row "PAE: A and D, SET_PTE, SET_PMD", "80027 80067 22 33 CRASH: done"
	start
	movl $0x22, 0x81000
	movl $0x33, 0x82000
	call pae_on
	mov 0x80000, %eax
	mov PTABLE + 0x400, %ecx
	say %ecx
	mov %eax, 0x80000
	mov PTABLE + 0x400, %ecx
	say %ecx
	movl $0x81007, PTABLE + 0x400
	call_host SET_PTE, $PGDIR, $0x80000, $0x81007, $0
	mov 0x80000, %ecx
	say %ecx
	/* A new page table in the second slot: 0x200000 shows 0x82000. */
	movl $0x82007, 0x22000
	movl $0x22007, PAE_PTABLE + 8
	call_host SET_PMD, $PAE_PTABLE, $1, $0, $0
	mov 0x200000, %ecx
	say %ecx
	end
	row "PAE: an entry beyond 4 GB", "bad page table entry"
	start
	call pae_on
	call_host SET_PTE, $PGDIR, $0x80000, $0x80007, $1
	end
	row "... and one that nobody told us of", "bad page table entry"
	start
	call pae_on
	movl $1, PTABLE + 0x404
	mov 0x80000, %eax
	end

	/* ---- The page we share, the ring, interrupts, the clock ---- */

	row "what LGUEST_INIT leaves behind", "400000 1 1 CRASH: done"
	start
	say reserve_mem
	cmpl $1600000000, seconds
	jb 1f
	say $1
1:	cmpl $100000, tsc_khz
	jae 1f
	cmpl $0, tsc_khz
	jne 2f
1:	say $1
2:	end
	row "NOTIFY", "12345678 CRASH: done"
	start
	call_host NOTIFY, $0x12345678, $0, $0, $0
	call_host NOTIFY, $0, $0, $0, $0
	end
	row "the ring comes first, and in order", "11 22 33 ffff CRASH: done"
	start
	movl $NOTIFY, hcalls
	movl $0x11, hcalls + 4
	movl $NOTIFY, hcalls + 20
	movl $0x22, hcalls + 24
	movw $0, hcall_status
	call_host NOTIFY, $0x33, $0, $0, $0
	movzwl hcall_status, %ecx
	say %ecx
	end
	row "the ring goes on where it stopped", "22 11 CRASH: done"
	start
	movb $0, hcall_status
	call_host 0, $0, $0, $0, $0
	movl $NOTIFY, hcalls
	movl $0x11, hcalls + 4
	movb $0, hcall_status
	movl $NOTIFY, hcalls + 20
	movl $0x22, hcalls + 24
	movb $0, hcall_status + 1
	call_host 0, $0, $0, $0, $0
	/* Slot 0 comes after slot 63. */
	mov $hcall_status + 2, %edi
	xor %eax, %eax
	mov $62, %ecx
	rep stosb
	call_host 0, $0, $0, $0, $0
	end
	row "the ring has all arguments", "cff300 CRASH: done"
	start
	movl $LOAD_GDT, hcalls
	movl $20, hcalls + 4
	movl $0x0000ffff, hcalls + 8
	movl $0x00cff200, hcalls + 12
	movb $0, hcall_status
	call_host 0, $0, $0, $0, $0
	mov $0xa0, %eax
	lar %eax, %ecx
	say %ecx
	end
	row "... four for PAE", "bad page table entry"
	start
	call pae_on
	movl $SET_PTE, hcalls
	movl $PGDIR, hcalls + 4
	movl $0x80000, hcalls + 8
	movl $0x80007, hcalls + 12
	movl $1, hcalls + 16
	movb $0, hcall_status
	call_host 0, $0, $0, $0, $0
	end
	row "the ring before LGUEST_INIT isn't looked at", "CRASH: done"
	movl $99, hcalls
	movb $0, hcall_status
	start
	movb $0xff, hcall_status
	end
	row "HALT ends with the clock, interrupts enabled", "200 @ 61 202 CRASH: done"
	start
	gate 32, 5f, TRAP_GATE
	movl $0, irq_enabled
	push $2
	popf
	call_host CLOCKEVENT, $1000000, $0, $0, $0
	call_host HALT, $0, $0, $0, $0
9:	ud2
5:	say irq_enabled
	push $2
	popf
	say_frame 3
	end
	row "the clock while the Guest is busy", "1 CRASH: done"
	movl $5f, noirq_start
	movl $6f, noirq_end
	start
	gate 32, 5f, INTERRUPT_GATE
	movl $0x200, irq_enabled
	call_host CLOCKEVENT, $1000000, $0, $0, $0
1:	jmp 1b
5:	mov irq_enabled, %ecx
	inc %ecx
	say %ecx
6:	end
	row "interrupts that are off leave a note", "200 @ CRASH: done"
	start
	gate 32, 5f, INTERRUPT_GATE
	call_host CLOCKEVENT, $1000, $0, $0, $0
1:	cmpl $0, irq_pending
	je 1b
	say irq_pending
	movl $0x200, irq_enabled
	call_host SEND_INTERRUPTS, $0, $0, $0, $0
9:	end
5:	say irq_pending
	say_frame 1
	end
	row "a blocked line", "1 2 CRASH: done"
	start
	gate 32, 5f, INTERRUPT_GATE
	movl $0x200, irq_enabled
	movl $1, blocked
	call_host CLOCKEVENT, $1000, $0, $0, $0
	mov $0x1000000, %ecx
1:	dec %ecx
	jnz 1b
	say $1
	movl $0, blocked
	call_host SEND_INTERRUPTS, $0, $0, $0, $0
	end
5:	say $2
	end
	row "a line without a gate stays pending", "1 2 CRASH: done"
	start
	movl $0x200, irq_enabled
	call_host CLOCKEVENT, $1000, $0, $0, $0
	mov $0x1000000, %ecx
1:	dec %ecx
	jnz 1b
	say $1
	gate 32, 5f, INTERRUPT_GATE
	ud2
5:	say $2
	end
	row "no interrupt between noirq_start and noirq_end", "@ 61 CRASH: done"
	movl $6f, noirq_start
	movl $7f, noirq_end
	start
	gate 32, tell2, INTERRUPT_GATE
	pushf
	push %cs
	push $9f
	call_host CLOCKEVENT, $1000000, $0, $0, $0
	mov $0x1000000, %ecx
	jmp 6f
6:	movl $0x200, irq_enabled
	dec %ecx
	jnz 6b
	iret
7:
9:	ud2
tell2:	say_frame 2
	end
	row "CLOCKEVENT 0 takes it back", "CRASH: done"
	start
	gate 32, tell2, INTERRUPT_GATE
	movl $0x200, irq_enabled
	call_host CLOCKEVENT, $20000000, $0, $0, $0
	call_host CLOCKEVENT, $0, $0, $0, $0
	rdtsc
	mov %eax, %ebx
1:	rdtsc
	sub %ebx, %eax
	cmp $120000000, %eax
	jb 1b
	end

	/* ---- What Linux is known to do ---- */

	row "irq_enabled is one bit of eflags, the others may be there", "200 @ CRASH: done"
	start
	gate 32, 5f, INTERRUPT_GATE
	movl $0x10046, irq_enabled
	call_host CLOCKEVENT, $1000, $0, $0, $0
1:	cmpl $0, irq_pending
	je 1b
	say irq_pending
	movl $0x10246, irq_enabled
	call_host SEND_INTERRUPTS, $0, $0, $0, $0
9:	end
5:	say_frame 1
	end
	row "SHUTDOWN, restart, with a text that isn't there", "restart"
	start
	call_host SHUTDOWN, $0x40000000, $2, $0, $0
	row "a GDT loaded from end to end, while in use", "1234 5678 CRASH: done"
	start
	xor %edi, %edi
1:	mov linux_gdt(,%edi,8), %ecx
	mov linux_gdt+4(,%edi,8), %edx
	mov %edi, %ebx
	mov $LOAD_GDT, %eax
	xor %esi, %esi
	int $0x1f
	inc %edi
	cmp $32, %edi
	jne 1b
	movl $0x1234, SCRATCH + 0x14
	movl $0x5678, 0x60000
	mov $0xd8, %eax
	mov %eax, %fs
	mov $0xe0, %eax
	mov %eax, %gs
	mov $0x7b, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %gs:0x14, %ecx
	say %ecx
	mov %fs:0x80000, %ecx
	say %ecx
	push %gs
	push %fs
	xor %eax, %eax
	mov %eax, %gs
	pop %fs
	pop %gs
	end
	.text 3
	.balign 8
linux_gdt:
	.fill 12, 8, 0
	.long 0x0000ffff, 0x00cf9a00, 0x0000ffff, 0x00cf9200
	.long 0x0000ffff, 0x00cffa00, 0x0000ffff, 0x00cff200
	.fill 2, 8, 0
	.long 0x0000ffff, 0x00409a00, 0x0000ffff, 0x00009a00
	.long 0x0000ffff, 0x00009200, 0, 0x00009200, 0, 0x00009200
	.long 0x0000ffff, 0x00409a00, 0x0000ffff, 0x00009a00, 0x0000ffff, 0x00409200
	.long 0x0000ffff, 0x00cf9200
	.long 0x0000ffff, 0xff8f92fe
	.long 0x00000018, 0x00409005
	.fill 3, 8, 0
	.text 0

	row "a program's page at a kernel address is another one", "11 22 CRASH: done"
	start
	call paging_on
	/* mov $0x11, %eax; int $0x80 */
	movl $0x000011b8, 0x80000
	movl $0x80cd00, 0x80004
	movl $0x000022b8, 0x81000
	movl $0x80cd00, 0x81004
	gate 0x80, 6f, TRAP_GATE + ANYBODY
	mov $0xc0080000, %ebp
	jmp to_user
6:	mov $0x7b, %ecx
	mov %ecx, %ds
	mov %ecx, %es
	say %eax
	cmp $0x22, %eax
	je 7f
	movl $0x81025, PTABLE + 0x200
	call_host SET_PTE, $PGDIR, $0xc0080000, $0x81025, $0
	call_host FLUSH_TLB, $1, $0, $0, $0
	movl $0xc0080000, (%esp)
	iret
7:	end

	row "int 0x80 in ring 1 that returns to ring 3", "61 73 CRASH: done"
	start
	call paging_on
	gdt 14, 0x0000ffff, 0x00cffa00
	gdt 15, 0x0000ffff, 0x00cff200
	gate 0x80, 6f, TRAP_GATE + ANYBODY
	call_host SET_STACK, $0x69, $KERNEL_STACK, $2, $0
	mov $KERNEL_STACK - 8, %esp
	int $0x80
6:	mov $0x7b, %eax
	mov %eax, %ds
	mov %eax, %es
	mov 4(%esp), %ecx
	say %ecx
	cmp $0x73, %ecx
	je the_end
	movl $0x7b, 16(%esp)
	movl $USER_STACK, 12(%esp)
	movl $0x202, 8(%esp)
	movl $0x73, 4(%esp)
	movl $5f, (%esp)
	iret
5:	int $0x80

	row "TF in ring 3: int, rep, popf", "2 3 8 d d d f 14 15 18 CRASH: done"
	start
	call paging_on
	gate 0x80, 6f, TRAP_GATE + ANYBODY
	gate 1, 7f, INTERRUPT_GATE
	mov $5f, %ebp
	jmp to_user
5:	int $0x80
	nop
	mov $3, %ecx
	mov $USER_STACK - 64, %edi
	rep stosb
	push $0x202
	popf
	nop
	int $0x80
6:	mov $0x7b, %eax
	mov %eax, %ds
	mov %eax, %es
	orl $0x100, 8(%esp)
	push %eax
	mov 4(%esp), %eax
	sub $5b, %eax
	say %eax
	pop %eax
	cmpl $5b + 10, (%esp)
	jae the_end
	iret
7:	push %eax
	mov 4(%esp), %eax
	sub $5b, %eax
	say %eax
	pop %eax
	iret

	row "a ring that is full", "40 77 CRASH: done"
	start
	mov $64, %ecx
	mov $hcalls, %edi
1:	movl $CLOCKEVENT, (%edi)
	movl $0, 4(%edi)
	add $20, %edi
	dec %ecx
	jnz 1b
	movl $NOTIFY, hcalls + 63 * 20
	movl $64, hcalls + 63 * 20 + 4
	mov $hcall_status, %edi
	mov $64, %ecx
	xor %eax, %eax
	rep stosb
	call_host NOTIFY, $0x77, $0, $0, $0
	mov $hcall_status, %edi
	mov $64, %ecx
	mov $0xff, %al
	repe scasb
	jne 1f
	end
1:	ud2

	row "PTEs that aren't present may say anything", "CRASH: done"
	start
	call paging_on
	pte 0x80000, 0xdeadbe00
	pte 0x81000, 0xfffff166
	pte 0x82000, 0x81178
	end

	row "code that has changed is new", "1 2 CRASH: done"
	start
	/* mov $1, %eax; ret */
	movl $0x000001b8, SCRATCH
	movl $0x00c300, SCRATCH + 4
	mov $SCRATCH, %edi
	call *%edi
	say %eax
	movb $2, SCRATCH + 1
	call *%edi
	say %eax
	end

	/* The first times the page's code is thrown away, later it's watched. */
	row "code that is patched by way of another mapping", "b b CRASH: done"
	start
	call paging_on
	/* mov $0x11, %eax; ret */
	movl $0x000011b8, 0x80000
	movl $0x00c300, 0x80004
	mov $0xc0080000, %edi
	mov $203, %ebp
1:	call *%edi
	movl $0x80163, PTABLE + 0xffc
	call_host SET_PTE, $PGDIR, $0xc03ff000, $0x80163, $0
	mov %ebp, 0xc03ff001
	movl $0, PTABLE + 0xffc
	call_host SET_PTE, $PGDIR, $0xc03ff000, $0, $0
	call *%edi
	cmp %eax, %ebp
	jne 2f
	dec %ebp
	cmp $0xa, %ebp
	jne 1b
2:	inc %ebp
	say %eax
	say %ebp
	end

	/* Its directories are 32 bytes each, so many share a page. */
	row "PAE: a program in each of two directories of one page", "11 7b 22 7b 11 7b CRASH: done"
	start
	call pae_on
	call pae_sibling
	movl $0x81027, 0x21400
	/* mov $0x11, %eax; int $0x80 */
	movl $0x000011b8, 0x80000
	movl $0x80cd00, 0x80004
	movl $0x000022b8, 0x81000
	movl $0x80cd00, 0x81004
	gate 0x80, 6f, TRAP_GATE + ANYBODY
	xor %edi, %edi
	mov $0x80000, %ebp
	jmp to_user
6:	mov $0x7b, %ecx
	mov %ecx, %ds
	mov %ecx, %es
	say %eax
	mov 16(%esp), %ecx
	say %ecx
	inc %edi
	cmp $3, %edi
	je the_end
	mov %edi, %ebx
	and $1, %ebx
	shl $5, %ebx
	add $PGDIR, %ebx
	/* By the ring, as Linux does it. */
	imul $40, %edi, %edx
	movl $NEW_PGTABLE, hcalls - 40(%edx)
	mov %ebx, hcalls - 36(%edx)
	movl $SET_STACK, hcalls - 20(%edx)
	movl $0x69, hcalls - 16(%edx)
	movl $KERNEL_STACK, hcalls - 12(%edx)
	movl $2, hcalls - 8(%edx)
	movw $0, hcall_status - 2(,%edi,2)
	call_host 0, $0, $0, $0, $0
	movl $0x80000, (%esp)
	iret

	row "PAE: SET_PMD of a directory that isn't in use", "11 22 CRASH: done"
	start
	movl $0x11, 0x80000
	movl $0x22, 0x81000
	call pae_on
	call pae_sibling
	call_host NEW_PGTABLE, $PGDIR + 0x20, $0, $0, $0
	mov 0x80000, %ecx
	say %ecx
	call_host NEW_PGTABLE, $PGDIR, $0, $0, $0
	mov $0x21000, %esi
	mov $0x23000, %edi
	mov $1024, %ecx
	rep movsl
	movl $0x81027, 0x23400
	movl $0x23067, 0x22000
	call_host SET_PMD, $0x22000, $0, $0, $0
	call_host NEW_PGTABLE, $PGDIR + 0x20, $0, $0, $0
	mov 0x80000, %ecx
	say %ecx
	end

	row "an interrupt brings the time", "1 CRASH: done"
	start
	gate 32, 5f, INTERRUPT_GATE
	movl $0, seconds
	movl $-1, seconds + 4
	call_host CLOCKEVENT, $1000000, $0, $0, $0
	call_host HALT, $0, $0, $0, $0
5:	cmpl $1600000000, seconds
	jb 1f
	cmpl $1000000000, seconds + 4
	jae 1f
	say $1
1:	end

	row "a program's instruction in two pages, neither there at first", "4 200000 4 201000 CRASH: done"
	start
	call paging_on
	gate 14, 6f, INTERRUPT_GATE
	movw $0xb890, 0x80ffe
	pte 0x200000, 0
	pte 0x201000, 0
	mov $0x200000, %ebp
	jmp to_user
6:	mov $0x7b, %ecx
	mov %ecx, %ds
	mov %ecx, %es
	mov (%esp), %ecx
	say %ecx
	mov cr2, %ecx
	say %ecx
	cmp $0x201000, %ecx
	je the_end
	movl $0x80005, PTABLE + 0x800
	add $4, %esp
	movl $0x200ffe, (%esp)
	iret

	/* ---- What host.c runs in its own ways: names with a ! ---- */

	/* Tells of each interrupt line that's raised, by its number + 1. */
	row "!echo", ""
	start
	gate 32, 50f, INTERRUPT_GATE
	gate 33, 51f, INTERRUPT_GATE
	gate 34, 52f, INTERRUPT_GATE
	gate 63, 53f, INTERRUPT_GATE
1:	call_host HALT, $0, $0, $0, $0
	jmp 1b
50:	say $1
	iret
51:	say $2
	iret
52:	say $3
	iret
53:	say $32
	iret
	/* Two lines at once: is there a note for the second? */
	row "!note", ""
	movl $6, blocked
	start
	gate 33, 50f, INTERRUPT_GATE
	gate 34, 51f, INTERRUPT_GATE
	movl $0, blocked
	call_host HALT, $0, $0, $0, $0
50:	say irq_pending
	movl $0x200, irq_enabled
	call_host SEND_INTERRUPTS, $0, $0, $0, $0
51:	mov irq_pending, %ecx
	inc %ecx
	say %ecx
	end
	/* 1,000 notifies, then a word. */
	row "!notify", ""
	start
	mov $1000, %edi
1:	call_host NOTIFY, $0x380000, $0, $0, $0
	dec %edi
	jnz 1b
	end
	/* Computes something that takes 100 ms and every flag and register, while
	 * interrupts come; each leaves its mark in SCRATCH. */
	row "!busy", ""
	movl $6f, noirq_start
	movl $7f, noirq_end
	start
	gate 33, 50f, INTERRUPT_GATE
	movl $0x200, irq_enabled
	mov $20000000, %ecx
	mov $1, %eax
	xor %ebx, %ebx
	fninit
	fld1
	mov $0x12345678, %esi
1:	imul $1103515245, %eax
	add $12345, %eax
	adc %eax, %ebx
	rol %cl, %ebx
	push %ebx
	pop %edx
	sbb %edx, %esi
	cmc
	rcl $1, %edi
	lea 1(%ebp), %ebp
	dec %ecx
	jnz 1b
	movl $0, irq_enabled
	fistpl SCRATCH + 4
	say %eax
	say %ebx
	say %edx
	say %esi
	say %edi
	say %ebp
	say %esp
	say SCRATCH + 4
	cmpl $0, SCRATCH
	je 1f
	say SCRATCH
1:	end
50:	push %eax
	incl SCRATCH
	xor %eax, %eax
	pop %eax
6:	movl $0x200, irq_enabled
	iret
7:
	row "!spin", ""
	start
1:	jmp 1b

9:
	.text 1
	.long 0

	.text 3
	.balign 4096
data:	.fill 24, 1, 0
	.fill 64, 1, 0xff
	.fill 1280, 1, 0
	.long 0, 0, 0, 0, 0xc0000000, 0x80
	.section .note.GNU-stack, "", @progbits
