/* What a PC's processor does that programs don't see, a row each: the interrupt
 * flag, the way into the kernel and back, page tables, segments.  It talks TAP
 * to the serial port. */
#define SERIAL 0x3f8
#define DEVICE_IRQ 12		/* run.c's */
#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER_CS 0x1b
#define USER_DS 0x23
#define TSS 0x28
#define FS 0x30
#define SHORT_TSS 0x38
#define LONG_TSS 0x40
#define OTHER 0x4b
#define LDT 0x50
#define BEHIND_TABLE 0x5b
#define TF 0x100
#define IF 0x200
#define RF 0x10000
#define NT 0x4000
#define VM 0x20000
#define IOPL_3 0x3000
#define DR6_ONES 0xffff0ff0
#define DR6_STEP 0x4000

/* A port that may be written without harm, and the map of ports behind the TSS:
 * it ends with it, and permits no other. */
#define SCRATCH 0x3ff
#define BEFORE_SCRATCH 0x3fe
#define BEHIND_SCRATCH 0x400
#define MAP_AT 104
#define MAP_SIZE (SCRATCH / 8 + 1)
#define FAR_MAP_AT 0xe000

#define KERNEL_STACK 0x180000
#define TRAP_STACK 0x190000
#define KERNEL_STACK_AFTER (TRAP_STACK - 5 * 4)
#define USER_STACK 0x1a0000
#define DIRECTORY 0x200000
#define TABLE 0x201000
#define HIGH_TABLE 0x202000
#define TOP_TABLE 0x203000
#define PAE_DIRECTORY 0x204000	/* and the one for the window behind it */
#define PAE_TABLE 0x206000
#define PAE_TOP 0x207020	/* needn't start a page */
#define PAE_WINDOW 0xc0200000
#define NO_MEMORY 0x500000
#define PAGE_A 0x210000
#define PAGE_B 0x211000
#define TOP_PAGE 0x212000	/* mapped below 4 GB, so that page 0 is next */
#define WINDOW 0xc0000000	/* a page of the kernel's, mapped to A or B */
#define LOW_WINDOW 0x00300000	/* and one of everybody's */
#define BEHIND_WINDOW 0x00301000

	.text
	.globl _start
_start:
	mov $KERNEL_STACK, %esp
	lgdt gdt_pointer
	ljmp $KERNEL_CS, $1f
1:	mov $KERNEL_DS, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $TSS, %eax
	ltr %ax
	call make_idt
	lidt idt_pointer
	call init_pics

/* ok CONDITION, NAME: a row that is fine if the flags say so. */
	.macro ok condition, name
	set\condition ok_byte
	call result
	.asciz "\name"
	.endm

/* Runs @program in ring 3 with @eflags, until int 0x80. */
	.macro in_ring_3 program, eflags
	movl $0, faults
	movl $1f, resume
	pushl $USER_DS
	pushl $USER_STACK
	pushl $\eflags
	pushl $USER_CS
	pushl $\program
	iret
1:
	.endm

/* A row that is fine if an instruction of ring 3 faults @times times, which finds
 * @port in dx and nothing in ecx. */
	.macro faults_in_ring_3 times, eflags, name, port, instruction:vararg
	jmp 2f
3:	movl $4f, %ss:skip_to
	mov $USER_DS, %ecx
	mov %ecx, %ds
	mov %ecx, %es
	xor %ecx, %ecx
	mov $\port, %edx
	mov $bytes, %esi
	mov $bytes + 1, %edi
	\instruction
4:	int $0x80
2:	in_ring_3 3b, \eflags
	cmpl $\times, faults
	ok e, "\name"
	.endm

/* @count of string instruction @insn. */
	.macro walk from, to, count, insn, direction=cld
	mov $\from, %esi
	mov $\to, %edi
	mov $\count, %ecx
	\direction
	rep \insn
	cld
	.endm

	cli
	pushf
	pop %eax
	test $IF, %eax
	ok z, "cli clears the flag"
	sti
	pushf
	pop %eax
	test $IF, %eax
	ok nz, "sti sets it"
	cli
	pushf
	sti
	popf
	pushf
	pop %eax
	test $IF, %eax
	ok z, "popf clears it"
	std
	stc
	cli
	setc carry
	pushf
	pop %eax
	cld
	and $0x401, %eax
	cmp $0x401, %eax
	ok e, "... and cli leaves the other flags alone"
	cmpb $1, carry
	ok e, "... also those that count"

	call pend
	cmpl $0, ticks
	ok e, "no interrupt while they are disabled"
	sti
	nop
	cli
	cmpl $1, ticks
	ok e, "... but as soon as they aren't"
	call pend
	pushl $IF | 2
	popf
	nop
	cli
	cmpl $1, ticks
	ok e, "... popf enables them as well"
	call pend
	sti
	hlt
	cli
	cmpl $1, ticks
	ok e, "sti before hlt: what waits wakes it"
	call start_timer
	sti
	hlt
	cli
	cmpl $1, ticks
	ok e, "... and so does what comes later"

	/* The controller, with the timer on line 0 and the serial port on 4. */
	.macro reads command, value, name
	mov $\command, %al
	out %al, $0x20
	in $0x20, %al
	cmp $\value, %al
	ok e, "\name"
	.endm
	in $0x21, %al
	cmp $0xfe, %al
	ok e, "the mask may be read"
	mov $0xee, %al
	out %al, $0x21
	movl $hold_back, idt_changed
	call change_tick
	call pend
	sti
	nop
	cli
	reads 0x0b, 0x01, "an interrupt is in service until it's said to be over"
	reads 0x0a, 0x00, "... and no longer pending"
	mov $0x08, %al			/* out 2, without which none come */
	mov $0x3fc, %dx
	out %al, %dx
	mov $2, %al			/* when there's room to write: now */
	mov $0x3f9, %dx
	out %al, %dx
	reads 0x0a, 0x10, "the serial port has one"
	sti
	nop
	cli
	cmpl $0, serial_ticks
	ok e, "... which comes after the timer's"
	mov $0x64, %al			/* the end of line 4's */
	out %al, $0x20
	reads 0x0b, 0x01, "the end of one isn't another's"
	mov $0x60, %al
	out %al, $0x20
	reads 0x0b, 0x00, "... but its own"
	mov $0xfe, %al
	out %al, $0x21
	sti
	nop
	cli
	cmpl $0, serial_ticks
	ok e, "a masked line is silent"
	mov $0xee, %al
	out %al, $0x21
	sti
	nop
	cli
	cmpl $1, serial_ticks
	ok e, "... and isn't forgotten"
	reads 0x0b, 0x10, "... the other is in service now"
	call start_timer
	sti
	hlt
	cli
	cmpl $1, ticks
	ok e, "what's more urgent comes in between"
	reads 0x0b, 0x11, "... and that's both in service"
	mov $0x20, %al
	out %al, $0x20
	reads 0x0b, 0x10, "of which the more urgent ends first"
	mov $0x20, %al
	out %al, $0x20
	reads 0x0b, 0x00, "... then the other"
	xor %eax, %eax
	mov $0x3f9, %dx
	out %al, %dx
	mov $0xff - 4, %al		/* not the port, which has been printing */
	out %al, $0x21
	mov $~(1 << (DEVICE_IRQ - 8)), %al
	out %al, $0xa1
	reads 0x0a, 0x14, "the second chip's are the first one's line 2"
	movl $0, device_ticks
	sti
	nop
	cli
	cmpl $1, device_ticks
	ok e, "... and have vectors of their own"
	reads 0x0b, 0x04, "... in service in both"
	mov $0x0b, %al
	out %al, $0xa0
	in $0xa0, %al
	cmp $1 << (DEVICE_IRQ - 8), %al
	ok e, "... whichever it is there"
	mov $0x20, %al
	out %al, $0xa0
	out %al, $0x20
	reads 0x0a, 0x14, "... where the next one waits"
	mov $0xff, %al
	out %al, $0xa1
	reads 0x0a, 0x10, "... and masked there it's gone here"
	movl $tick, idt_changed
	call change_tick
	mov $0xfe, %al
	out %al, $0x21

	/* To ring 3 and back by int 0x80, by cli, by popf. */
	in_ring_3 user, 2
	cmpl $KERNEL_STACK_AFTER, seen_esp
	ok e, "int from ring 3 starts on the stack that the TSS names"
	cmpl $USER_CS, seen_cs
	ok e, "... and tells where it came from"
	cmpl $1, faults
	ok e, "cli is not for programs"
	testl $IF, seen_eflags
	ok z, "... nor does popf enable interrupts for them"
	in_ring_3 ask, IF | 2
	cmpl $2, seen_inside
	ok e, "a gate for interrupts clears IF"
	cmpl $KERNEL_DS, seen_ss
	ok e, "... and the stack has the segment that the TSS names"
	in_ring_3 ask_with_traps, IF | 2
	cmpl $IF | 2, seen_inside
	ok e, "... but one for traps leaves it"
	cmpl $asked_with_traps, seen_eip
	ok e, "... and comes from behind the int"
	movw $0x81 * 8 + 7, idt_pointer
	lidt idt_pointer
	in_ring_3 ask_with_traps, 2
	cmpl $0, faults
	ok e, "the last gate ends where the table does"
	decw idt_pointer
	lidt idt_pointer
	faults_in_ring_3 1, 2, "... but no later", 0, int $0x81
	movw $256 * 8 - 1, idt_pointer
	lidt idt_pointer
	faults_in_ring_3 1, 2, "a gate of ring 0 isn't for programs", 0, int $0x20
	cmpl $0x20 * 8 + 2, seen_error
	ok e, "... which the kernel hears with the vector"
	testl $RF, seen_eflags_of_fault
	ok nz, "... and RF"
	faults_in_ring_3 1, 2, "nor is one that isn't present", 0, int $0x82
	faults_in_ring_3 1, 2, "... or of another type", 0, int $0x83
	mov $KERNEL_DS, %eax
	mov %eax, %fs
	mov $USER_DS & ~3, %eax
	mov %eax, %gs
	in_ring_3 what_is_left, 2
	cmpb $USER_DS & ~3, seen_al
	ok e, "a program doesn't keep the kernel's segments, just its own"
	mov $USER_DS, %eax
	mov %eax, %fs
	in_ring_3 what_is_left, 2
	cmpb $USER_DS + (USER_DS & ~3), seen_al
	ok e, "... with the selectors that were loaded"
	mov $0x12345678, %eax
	mov %eax, %cr2
	faults_in_ring_3 1, 2, "nor may it load the kernel's", KERNEL_DS + 3, mov %edx, %ds
	cmpl $KERNEL_DS, seen_error
	ok e, "... and the error code says which it wanted"
	mov %cr2, %eax
	cmp $0x12345678, %eax
	ok e, "... but cr2 is left alone"
	faults_in_ring_3 1, 2, "... or what stands behind the table", BEHIND_TABLE, mov %edx, %ds
	faults_in_ring_3 0, 2, "... though no segment at all", 3, mov %edx, %es
	faults_in_ring_3 0, 2, "a far jump in ring 3", 0, ljmp $USER_CS & ~3, $4f
	cmpl $USER_CS, seen_cs
	ok e, "... stays there, whatever the selector says"

	/* Ports, for programs: the scratch register's, unless another is named. */
	mov $0x5a, %al
	faults_in_ring_3 0, 2, "a program may write to a port that the map permits", SCRATCH, out %al, %dx
	faults_in_ring_3 0, 2, "... and read from it", SCRATCH, in %dx, %al
	cmpb $0x5a, seen_al
	ok e, "... what is there"
	faults_in_ring_3 0, 2, "... also by string: write", SCRATCH, outsb
	faults_in_ring_3 0, 2, "... and read", SCRATCH, insb
	cmpb $'a', bytes + 1
	ok e, "... the same"
	faults_in_ring_3 1, 2, "but not its neighbour", BEFORE_SCRATCH, in %dx, %al
	faults_in_ring_3 1, 2, "... nor two at once", SCRATCH, in %dx, %ax
	faults_in_ring_3 1, 2, "... nor four", SCRATCH, out %eax, %dx
	faults_in_ring_3 1, 2, "... nor one that is written in the instruction", SCRATCH, in $0x40, %al
	faults_in_ring_3 1, 2, "... not even never", BEFORE_SCRATCH, rep insb
	faults_in_ring_3 1, 2, "... nor what lies behind the map", BEHIND_SCRATCH, in %dx, %al
	faults_in_ring_3 0, IOPL_3 | 2, "with IOPL 3 a program has all ports", BEHIND_SCRATCH, in %dx, %al
	faults_in_ring_3 0, IOPL_3 | IF | 2, "... and cli", SCRATCH, cli
	testl $IF, seen_eflags
	ok z, "... which does what it does"
	faults_in_ring_3 0, IOPL_3 | 2, "... and sti", SCRATCH, sti
	testl $IF, seen_eflags
	ok nz, "... likewise"
	faults_in_ring_3 0, IOPL_3 | 2, "... and popf", SCRATCH, call enable_by_popf
	testl $IF, seen_eflags
	ok nz, "... which can set IF then"
	testl $IOPL_3, seen_eflags
	ok nz, "... but leaves IOPL as it is"
	faults_in_ring_3 1, IOPL_3 | 2, "... but not hlt", SCRATCH, hlt
	movw $0xffff, tss + 102
	faults_in_ring_3 1, 2, "where there is no map there is no port", SCRATCH, in %dx, %al
	movw $MAP_AT, tss + 102
	mov $SHORT_TSS, %eax
	ltr %ax
	faults_in_ring_3 1, 2, "... nor where it ends a byte early", SCRATCH, in %dx, %al

	call disable
	faults_in_ring_3 1, IF | 2, "nor may a program run what the kernel has run", SCRATCH, call by_jump

	/* The same selector, another base. */
	mov $FS, %eax
	mov %eax, %fs
	movb $0x14, fs_descriptor + 4
	mov %eax, %fs
	movl $0x12345678, 0x140000
	cmpl $0x12345678, %fs:0
	ok e, "a segment load reads the descriptor anew"
	mov $SCRATCH, %dx
	xor %esi, %esi
	outsb %fs:(%esi), %dx
	in %dx, %al
	cmp $0x78, %al
	ok e, "... and outs counts from there"

	/* Segments that aren't flat. */
	.macro cannot_load seg, low, high, name
	movl $\low, other
	movl $\high, other + 4
	faults_in_ring_3 1, 2, "\name", OTHER, mov %edx, %\seg
	.endm
	.macro cannot_jump low, high, name
	movl $\low, other
	movl $\high, other + 4
	faults_in_ring_3 1, 2, "\name", OTHER, ljmp $OTHER, $4f
	.endm

	cannot_load ds, 0x1000ffff, 0x00cff200, "there is no ds with a base"
	cannot_load es, 0x0000ffff, 0x01cff200, "... nor es"
	cannot_load ss, 0x0000ffff, 0x00cff210, "... nor ss"
	cannot_jump 0x1000ffff, 0x00cffa00, "... nor cs"
	cannot_load ds, 0x0000fffe, 0x00cff200, "... nor ds with a limit"
	cannot_load es, 0x0000ffff, 0x004ff200, "... nor es with one in bytes"
	cannot_jump 0x0000ffff, 0x00cefa00, "... nor cs with one"
	cannot_load ds, 0x0000ffff, 0x00cff600, "... nor ds upside down"
	cannot_load ss, 0x0000ffff, 0x008ff200, "... nor ss with 16 bits"
	cannot_jump 0x0000ffff, 0x008ffa00, "... nor cs with 16 bits"
	movl $0x0000ffff, other
	movl $0x00cff200, other + 4
	faults_in_ring_3 0, 2, "... but ds as it should be", OTHER, mov %edx, %ds
	movl $0x1000fffe, other
	faults_in_ring_3 0, 2, "... and gs as it likes", OTHER, mov %edx, %gs
	mov $LDT, %eax
	lldt %ax
	faults_in_ring_3 1, 2, "... nor one with a base from the LDT", 7, mov %edx, %ds
	movl $0x0000ffff, other
	faults_in_ring_3 0, 2, "... but one without", 7, mov %edx, %ds
	faults_in_ring_3 1, 2, "... unless the LDT has ended before", 15, mov %edx, %ds
	xor %ecx, %ecx
	lldt %cx
	faults_in_ring_3 1, 2, "without an LDT nothing comes from it", 7, mov %edx, %ds
	.macro no_ldt selector, high, name
	movl $\high, other + 4
	movl $0, faults
	movl $1f, skip_to
	mov $\selector, %eax
	lldt %ax
1:	cmpl $1, faults
	ok e, "\name"
	.endm
	no_ldt OTHER, 0x00008900, "a TSS is no LDT"
	cmpl $OTHER & ~3, seen_error
	ok e, "... as its selector's error code says"
	no_ldt OTHER, 0x00009200, "... nor is data of that type"
	no_ldt OTHER, 0x00000200, "... nor what isn't present"
	mov $LDT, %eax
	lldt %ax
	no_ldt 7, 0x00008200, "an LDT isn't from an LDT"
	movl $0x1000fffe, other
	movl $0x00cf9200, other + 4
	movl $0, faults
	movl $1f, skip_to
	mov $OTHER & ~3, %eax
	mov %eax, %ss
1:	cmpl $1, faults
	ok e, "... and nothing else for the kernel"

	/* ... and what may be asked of them. */
	.macro query condition, insn, high, name
	movl $\high, other + 4
	mov $OTHER, %eax
	\insn %ax
	ok \condition, "\name"
	.endm
	query z, verw, 0x00cff200, "data that may be written"
	query nz, verw, 0x00cff000, "... or not"
	query z, verr, 0x00cff000, "... but read"
	query nz, verw, 0x00cffa00, "code that may be read isn't written"
	query z, verr, 0x00cffa00, "... but read"
	query nz, verr, 0x00cff800, "... unless it may not"
	query z, verr, 0x00cf9e00, "code that conforms is everybody's"
	query nz, verr, 0x00cf9600, "... but not data, though they share a bit"
	movl $0x00008c00, other + 4
	mov $OTHER, %eax
	lar %ax, %ecx
	ok nz, "... nor call gates"

	movl $0, faults
	movl $1f, skip_to
	pushl $VM | 2
	pushl $KERNEL_CS
	pushl $1f
	iret
1:	mov $KERNEL_STACK, %esp
	cmpl $1, faults
	ok e, "there is no 8086"

	/* iret, from ring 0. */
	.macro cannot_return cs, eflags, ss, error, name
	movl $0, faults
	movl $1f, skip_to
	pushl $\ss
	pushl $USER_STACK
	pushl $\eflags
	pushl $\cs
	pushl $1f
	iret
1:	mov $KERNEL_STACK, %esp
	mov faults, %eax
	dec %eax
	xor $\error, %eax
	cmp %eax, seen_error
	ok e, "\name"
	.endm
	cannot_return KERNEL_DS, 2, 0, KERNEL_DS, "iret wants code"
	cannot_return KERNEL_CS + 1, 2, 0, KERNEL_CS, "... of a ring that there is"
	cannot_return USER_CS, 2, KERNEL_DS, KERNEL_DS, "... and a stack of the same"
	pushl $NT | 2
	popf
	cannot_return KERNEL_CS, 2, 0, 0, "... and no other task"
	pushl $2
	popf
	faults_in_ring_3 1, 2, "a program doesn't become the kernel by iret", KERNEL_CS, call iret_to_dx
	cmpl $KERNEL_CS, seen_error
	ok e, "... nor by a far one"
	faults_in_ring_3 0, 2, "... but may go where it is", USER_CS, call iret_to_dx
	in_ring_3 ask, NT | 2
	cmpl $2, seen_inside
	ok e, "the kernel starts without the program's NT"
	/* Low addresses only: a jump at 0x1234. */
	movb $0xe9, 0x1234
	movl $1f - 0x1239, 0x1235
	movw $0x5678, KERNEL_STACK - 2
	mov $KERNEL_STACK - 2, %esp
	pushw $3
	pushw $KERNEL_CS
	pushw $0x1234
	iretw
1:	setc carry
	mov %esp, %eax
	mov $KERNEL_STACK, %esp
	sub $KERNEL_STACK - 2, %eax
	xor $1, %al
	cmp %al, carry
	ok e, "iret of 16 bits"

	movl $0, faults
	movl $1f, skip_to
	mov $0xc0ffee, %ecx
	rdmsr
1:	cmpl $1, faults
	ok e, "there is no such MSR"
	mov $0x1a0, %ecx
	rdmsr
	dec %eax
	or %edx, %eax
	ok z, "... but one that says that strings are fast"

	call make_tables
	mov $DIRECTORY, %eax
	mov %eax, %cr3
	mov %cr4, %eax
	or $0x80, %eax			/* PGE */
	mov %eax, %cr4
	mov %cr0, %eax
	or $0x80010000, %eax		/* PG, WP */
	mov %eax, %cr0
	movl $0xaaaa, PAGE_A
	movl $0xbbbb, PAGE_B
	cmpl $0xaaaa, WINDOW
	ok e, "page tables"
	cmpl $0xaaaa, LOW_WINDOW
	ok e, "... in both halves"
	movl $PAGE_B | 0x103, HIGH_TABLE
	invlpg WINDOW
	cmpl $0xbbbb, WINDOW
	ok e, "invlpg makes a change seen"
	movl $PAGE_B | 3, TABLE + (LOW_WINDOW >> 12) * 4
	mov %cr3, %eax
	mov %eax, %cr3
	cmpl $0xbbbb, LOW_WINDOW
	ok e, "a cr3 load too, where pages aren't global"
	movl $PAGE_A | 0x103, HIGH_TABLE
	mov %cr4, %eax
	mov %eax, %edx
	and $~0x80, %edx
	mov %edx, %cr4
	mov %eax, %cr4
	cmpl $0xaaaa, WINDOW
	ok e, "... and PGE, where they are"
	movl $NO_MEMORY | 0x103, HIGH_TABLE
	invlpg WINDOW
	mov $3, %eax
	arpl %ax, WINDOW
	ok nz, "where no memory is there are ones"
	movl $PAGE_A | 0x101, HIGH_TABLE
	invlpg WINDOW
	movl $0, faults
	movl $1f, skip_to
	movl $0, WINDOW
1:	cmpl $1, faults
	ok e, "a page that mustn't be written isn't, by the kernel neither"
	mov %cr2, %eax
	cmp $WINDOW, %eax
	ok e, "... and cr2 says which"
	mov %cr0, %eax
	and $~0x10000, %eax
	mov %eax, %cr0
	movl $0xcccc, WINDOW
	cmpl $0xcccc, PAGE_A
	ok e, "... unless WP is off"
	mov %cr0, %eax
	or $0x10000, %eax
	mov %eax, %cr0
	movl $0, faults
	movl $1f, skip_to
	movl $0, WINDOW
1:	cmpl $1, faults
	ok e, "... and on again"
	mov %cr0, %eax
	or $8, %eax			/* TS */
	mov %eax, %cr0
	mov %cr0, %ecx
	clts
	mov %cr0, %edx
	xor %ecx, %eax
	xor %edx, %ecx
	xor $8, %ecx
	or %ecx, %eax
	ok z, "cr0 has TS until clts"
	mov %cr4, %eax
	cmp $0x80, %eax
	ok e, "cr4 has PGE"

	/* Who may what. */
	.macro page_fault entry, error, name, instruction:vararg
	movl $PAGE_A | \entry, TABLE + (LOW_WINDOW >> 12) * 4
	invlpg LOW_WINDOW
	movl $-1, seen_error
	faults_in_ring_3 1, 2, "\name", 0, \instruction
	cmpl $\error, seen_error
	ok e, "... error code \error"
	.endm
	page_fault 3, 5, "a program doesn't read the kernel's page", mov %ss:LOW_WINDOW, %al
	page_fault 5, 7, "... nor write what it may only read", mov %al, %ss:LOW_WINDOW
	page_fault 6, 6, "... nor what isn't there", mov %al, %ss:LOW_WINDOW
	page_fault 6, 4, "... or read it", mov %ss:LOW_WINDOW, %al
	movl $PAGE_A | 0x107, HIGH_TABLE
	invlpg WINDOW
	faults_in_ring_3 1, 2, "it needs leave at both levels", 0, mov %ss:WINDOW, %al
	mov %cr2, %eax
	cmp $WINDOW, %eax
	ok e, "... or cr2 has the address"
	movl $PAGE_A | 7, TABLE + (LOW_WINDOW >> 12) * 4
	movl $TABLE | 7, DIRECTORY
	mov $DIRECTORY | 0x18, %eax	/* how to cache it */
	mov %eax, %cr3
	faults_in_ring_3 0, 2, "its own page it may read", 0, mov %ss:LOW_WINDOW, %al
	cmpl $PAGE_A | 0x27, TABLE + (LOW_WINDOW >> 12) * 4
	ok e, "... which is noted there"
	faults_in_ring_3 0, 2, "... and write", 0, mov %al, %ss:LOW_WINDOW
	cmpl $PAGE_A | 0x67, TABLE + (LOW_WINDOW >> 12) * 4
	ok e, "... as well"
	cmpl $TABLE | 0x27, DIRECTORY
	ok e, "... but not above"

	movl $0xdddd, PAGE_A
	movl $HIGH_TABLE | 0x83, DIRECTORY + 4
	invlpg 0x400000
	cmpl $0xdddd, 0x400000
	ok e, "there are no large pages"
	mov %cr4, %eax
	or $0x10, %eax			/* PSE */
	mov %eax, %cr4
	movl $0x83, DIRECTORY + 4
	invlpg 0x400000
	cmpl $0xdddd, 0x400000 + PAGE_A
	ok e, "... unless they're asked for"
	cmpl $0xa3, DIRECTORY + 4
	ok e, "... which are noted"
	movl $0xaaaa, 0x400000 + PAGE_A
	cmpl $0xe3, DIRECTORY + 4
	ok e, "... written as well"

	/* ds mov $1, %eax, of which the last three bytes are in the second page. */
	movb $0x3e, LOW_WINDOW + 0xffd
	movw $0x01b8, LOW_WINDOW + 0xffe
	movl $0xc3000000, BEHIND_WINDOW
	mov $LOW_WINDOW + 0xffe, %eax
	call *%eax
	cmp $1, %eax
	ok e, "an instruction across two pages"
	movb $2, LOW_WINDOW + 0xfff
	mov $LOW_WINDOW + 0xffe, %eax
	call *%eax
	cmp $2, %eax
	ok e, "... that has changed"
	movl $0, TABLE + (BEHIND_WINDOW >> 12) * 4
	invlpg BEHIND_WINDOW
	.macro half_gone at, name
	mov $\at, %esi
	mov %esi, %cr2
	mov $KERNEL_STACK, %esp
	movl $0, faults
	movl $1f, skip_to
	call *%esi
1:	pop %eax
	sub $KERNEL_STACK - 1, %esp	/* once */
	mov %cr2, %eax
	sub $BEHIND_WINDOW, %eax
	add %esp, %eax
	mov $KERNEL_STACK, %esp
	cmp %eax, faults
	ok e, "\name"
	.endm
	half_gone LOW_WINDOW+0xffe, "... one of which has gone, is one page fault"
	half_gone LOW_WINDOW+0xffd, "... even the first time"

	movl $0, faults
	movl $1f, skip_to
	mov $BEHIND_WINDOW, %esp
	pushf
	pushl $KERNEL_CS
	pushl $1f
	iret
1:	mov $KERNEL_STACK, %esp
	cmpl $0, faults
	ok e, "an iret within the kernel reads three words"
	movl $PAGE_B | 3, TABLE + (BEHIND_WINDOW >> 12) * 4
	mov $BEHIND_WINDOW + 8, %esp
	in_ring_3 ask, 2
	cmpl $USER_STACK, user_esp
	ok e, "... one to a program five, in two pages"

	/* Each way twice, since what went wrong once may be done another way. */
	movl $0, faults
	movl $2f, skip_to
	mov $2, %ebx
1:	movl $0x44332211, TOP_PAGE + 0xffc
	movl $0x88776655, 0
	walk 0xfffffffd, bytes, 6, movsb
	cmpl $0x66554433, bytes + 1
	jne 2f
	walk 2, bytes + 5, 6, movsb, std
	cmpl $0x66554433, bytes + 1
	jne 2f
	mov $0x99, %al
	walk 0, 0xfffffffe, 4, stosb
	walk 0, 3, 4, stosb, std
	cmpl $0x99992211, TOP_PAGE + 0xffc
	jne 2f
	cmpl $0x99999999, 0
	jne 2f
	dec %ebx
	jnz 1b
2:	cld
	cmp $0, %ebx
	ok e, "a string goes on at 0 behind the last byte there is, or the other way"
	movl $1f, skip_to
	walk 0, 0xfffffffe, 1, stosl
1:	cmpl $1, faults
	ok e, "... but not half of a word"

	mov $DR6_ONES, %eax
	mov %eax, %dr6
	movw $FAR_MAP_AT, tss + 102
	mov $LONG_TSS, %eax
	ltr %ax
	movl $0, TABLE + ((tss + FAR_MAP_AT - _start) / 0x1000 + 0x100) * 4
	mov %cr3, %eax
	mov %eax, %cr3
	mov %eax, %cr2
	faults_in_ring_3 1, 2, "a map of ports without a page", SCRATCH, in $0x40, %al
	mov %cr2, %eax
	cmp $tss + FAR_MAP_AT + 0x40 / 8, %eax
	ok e, "... is a page fault"

	int1
	cmpl $DR6_ONES, seen_dr6
	ok e, "int1 has no bit in dr6"
	pushf
	orl $TF, (%esp)
	popf
	nop
	cmpl $DR6_ONES | DR6_STEP, seen_dr6
	ok e, "... and a single step has"

	/* PAE: the first 4 MB as they are, and a few pages at 0xc0200000. */
	movl $PAE_DIRECTORY | 1, PAE_TOP
	movl $PAE_DIRECTORY + 0x1001, PAE_TOP + 24
	movl $0x87, PAE_DIRECTORY
	movl $0x200087, PAE_DIRECTORY + 8
	movl $PAE_TABLE | 7, PAE_DIRECTORY + 0x1008
	movl $PAGE_A | 7, PAE_TABLE + 8
	movl $PAGE_A | 7, PAE_TABLE + 16
	movl $1, PAE_TABLE + 20
	movl $PAGE_B | 7, PAE_TABLE + 511 * 8
	mov %cr0, %edx
	mov %edx, %eax
	and $~0x80000000, %eax
	mov %eax, %cr0
	mov %cr4, %eax
	or $0x20, %eax			/* PAE */
	mov %eax, %cr4
	mov $PAE_TOP | 0x18, %eax
	mov %eax, %cr3
	mov %edx, %cr0
	movl $0xaaaa, PAGE_A
	movl $0xbbbb, PAGE_B
	cmpl $0xaaaa, PAE_WINDOW + 0x1000
	ok e, "page tables with entries of 64 bits"
	cmpl $0xbbbb, PAE_WINDOW + 511 * 0x1000
	ok e, "... of which there are 512"
	cmpl $PAGE_A | 0x27, PAE_TABLE + 8
	ok e, "... and who is used notes that"
	cmpl $0x2000e7, PAE_DIRECTORY + 8
	ok e, "... large ones, too"
	mov $3, %eax
	arpl %ax, PAE_WINDOW + 0x2000
	ok nz, "... and beyond 4 GB there are ones"

	mov $0xcf8, %dx
	mov $0x80000000, %eax
	out %eax, %dx
	mov $0xcfe, %dx
	in %dx, %ax
	cmp $0x1237, %ax
	ok e, "the PCI bus has a bridge"

	mov $plan, %esi
	call print
	mov test_number, %eax
	call print_number
	mov $'\n', %al
	call put
	mov $0xfe, %al
	out %al, $0x64
2:	hlt
	jmp 2b

/* In ring 3. */
user:
	movl $1f, skip_to
	cli
1:	call enable_by_popf
	int $0x80

ask:
	int $0x80

ask_with_traps:
	int $0x81
asked_with_traps:

what_is_left:
	mov %ds, %eax
	mov %es, %ecx
	add %ecx, %eax
	mov %fs, %ecx
	add %ecx, %eax
	mov %gs, %ecx
	add %ecx, %eax
	int $0x80

iret_to_dx:
	pop %ecx
	pushf
	push %edx
	push %ecx
	iret

by_jump:
	mov $disable, %eax
	jmp jump

enable_by_popf:
	pushl $IF | 2
	popf
	ret

system_call:
	pushf
	popl %ss:seen_inside
	mov %ss, %ss:seen_ss
	push %eax
	mov $KERNEL_DS, %eax
	mov %eax, %ds
	mov %eax, %es
	mov (%esp), %al
	mov %al, seen_al
	mov 4(%esp), %eax
	mov %eax, seen_eip
	mov 8(%esp), %eax
	mov %eax, seen_cs
	mov 12(%esp), %eax
	mov %eax, seen_eflags
	pop %eax
	mov %esp, seen_esp
	mov 12(%esp), %eax
	mov %eax, user_esp
	mov $KERNEL_STACK, %esp
	jmp *resume

/* #TS, #NP, #GP and #PF: count, and go on behind. */
fault:
	incl %ss:faults
	popl %ss:seen_error
	push %eax
	mov 12(%esp), %eax
	mov %eax, %ss:seen_eflags_of_fault
	andl $~NT, 12(%esp)
	mov %ss:skip_to, %eax
	mov %eax, 4(%esp)
	pop %eax
	iret

/* #DB: once is enough. */
debug:
	push %eax
	mov %dr6, %eax
	mov %eax, seen_dr6
	andl $~TF, 12(%esp)
	pop %eax
	iret

tick:
	incl ticks
	push %eax
	mov $0x20, %al
	out %al, $0x20
	pop %eax
	iret

/* The same, and doesn't say that it's over. */
hold_back:
	incl ticks
	iret

device_tick:
	incl device_ticks
	iret

serial_tick:
	incl serial_ticks
	iret

change_tick:
	mov idt_changed, %eax
	mov %ax, idt + 0x20 * 8
	shr $16, %eax
	mov %ax, idt + 0x20 * 8 + 6
	ret

/* Programs the timer for a millisecond from now. */
start_timer:
	movl $0, ticks
	mov $0x38, %al			/* channel 0, mode 4 */
	out %al, $0x43
	mov $0xa9, %al
	out %al, $0x40
	mov $0x04, %al
	out %al, $0x40
	ret

/* ... and waits, with interrupts disabled, until it has rung. */
pend:
	call start_timer
1:	mov $0x0a, %al			/* read the requests */
	out %al, $0x20
	in $0x20, %al
	test $1, %al
	jz 1b
	ret

init_pics:
	mov $0x11, %al
	out %al, $0x20
	mov $0x20, %al
	out %al, $0x21
	mov $0x04, %al
	out %al, $0x21
	mov $0x01, %al
	out %al, $0x21
	mov $0xfe, %al			/* the timer only */
	out %al, $0x21
	mov $0x11, %al
	out %al, $0xa0
	mov $0x28, %al
	out %al, $0xa1
	mov $0x02, %al
	out %al, $0xa1
	mov $0x01, %al
	out %al, $0xa1
	mov $0xff, %al			/* nothing */
	out %al, $0xa1
	ret

	.macro gate vector, handler, dpl, type=0x8e00
	mov $\handler, %eax
	mov %ax, idt + \vector * 8
	movw $KERNEL_CS, idt + \vector * 8 + 2
	movw $\type | \dpl << 13, idt + \vector * 8 + 4
	shr $16, %eax
	mov %ax, idt + \vector * 8 + 6
	.endm

make_idt:
	gate 1, debug, 0
	gate 10, fault, 0
	gate 11, fault, 0
	gate 13, fault, 0
	gate 14, fault, 0
	gate 0x20, tick, 0
	gate 0x24, serial_tick, 0
	gate (0x20+DEVICE_IRQ), device_tick, 0
	gate 0x80, system_call, 3
	gate 0x81, system_call, 3, 0x8f00
	gate 0x82, system_call, 3, 0x0e00
	gate 0x83, system_call, 3, 0x8c00
	ret

/* The first 4 MB as they are, the two windows, and the last page. */
make_tables:
	movl $TOP_TABLE | 3, DIRECTORY + 1023 * 4
	movl $TOP_PAGE | 3, TOP_TABLE + 1023 * 4
	movl $TABLE | 7, DIRECTORY
	movl $HIGH_TABLE | 3, DIRECTORY + (WINDOW >> 22) * 4
	mov $7, %eax
	xor %ecx, %ecx
1:	mov %eax, TABLE(, %ecx, 4)
	add $0x1000, %eax
	inc %ecx
	cmp $1024, %ecx
	jne 1b
	movl $PAGE_A | 0x103, HIGH_TABLE
	movl $PAGE_A | 3, TABLE + (LOW_WINDOW >> 12) * 4
	ret

/* The name stands behind the call. */
result:
	incl test_number
	mov $fine, %esi
	cmpb $0, ok_byte
	jne 1f
	mov $not_fine, %esi
1:	call print
	mov test_number, %eax
	call print_number
	mov $dash, %esi
	call print
	pop %esi
	call print
	push %esi
	mov $'\n', %al
	jmp put

/* @esi ends up behind the zero. */
print:
	lodsb
	test %al, %al
	jz 1f
	call put
	jmp print
1:	ret

print_number:
	mov $10, %cl
	div %cl
	push %eax
	movzbl %al, %eax
	test %eax, %eax
	jz 1f
	call print_number
1:	pop %eax
	mov %ah, %al
	add $'0', %al
put:
	mov $SERIAL, %dx
	out %al, %dx
	ret

fine:		.asciz "ok "
not_fine:	.asciz "not ok "
dash:		.asciz " - "
plan:		.asciz "1.."
/* A page of code for the kernel and for programs. */
	.p2align 12
jump:	jmp *%eax
disable:
	cli
	ret
	.p2align 12
	.align 8
gdt:
	.quad 0
	.quad 0x00cf9a000000ffff
	.quad 0x00cf92000000ffff
	.quad 0x00cffa000000ffff
	.quad 0x00cff2000000ffff
	.word MAP_AT + MAP_SIZE
	.word tss - _start
	.byte 0x10, 0x89, 0, 0
fs_descriptor:
	.quad 0x00cf92100000ffff
	.word MAP_AT + MAP_SIZE - 1
	.word tss - _start
	.byte 0x10, 0x89, 0, 0
	.word 0xffff
	.word tss - _start
	.byte 0x10, 0x89, 0, 0
other:	.quad 0
	.word 7				/* the LDT: the one before, again */
	.word other - _start
	.byte 0x10, 0x82, 0, 0
gdt_end:
	.quad 0x00cff2000000ffff
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
idt_pointer:
	.word 256 * 8 - 1
	.long idt
	.align 8
tss:	.long 0, TRAP_STACK, KERNEL_DS
	.fill 22, 4, 0
	.word 0, MAP_AT
	.fill MAP_SIZE - 1, 1, 0xff
	.byte 0x7f, 0xff
	.align 4
bytes:		.byte 'a', 0, 0, 0, 0, 0
seen_al:	.byte 0
	.align 4
ticks:		.long 0
serial_ticks:	.long 0
device_ticks:	.long 0
idt_changed:	.long 0
faults:		.long 0
skip_to:	.long 0
resume:		.long 0
seen_esp:	.long 0
seen_eip:	.long 0
seen_cs:	.long 0
seen_eflags:	.long 0
seen_dr6:	.long 0
seen_inside:	.long 0
user_esp:	.long 0
seen_ss:	.long 0
seen_error:	.long 0
seen_eflags_of_fault: .long 0
test_number:	.long 0
ok_byte:	.byte 0
carry:		.byte 0
	.align 8
idt:	.fill 256, 8, 0
