/* The smallest kernel that isn't one of lguest's: loads a GDT, says the command
 * line that it finds by its boot parameters, and stops for good. */
	.text
	.globl _start
_start:
#ifdef SUBARCH
	/* What Linux does that has paravirt, but not for lguest. */
	cmpl $0, 0x23c(%esi)		/* hdr.hardware_subarch */
	je 1f
	ud2
1:
#endif
	lgdt gdt_pointer
	mov 0x228(%esi), %esi		/* hdr.cmd_line_ptr */
	mov $0x3f8, %dx
1:	lodsb
	test %al, %al
	jz 2f
	out %al, %dx
	jmp 1b
2:	mov $'\n', %al
	out %al, %dx
	cli
	hlt
	.align 8
gdt:	.quad 0
gdt_pointer:
	.word 7
	.long gdt
