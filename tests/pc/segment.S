/* Loads a segment register, SEGMENT, with a descriptor of HIGH and LOW; and stops
 * for good if that went well.  The selector is also dr7's way to enable dr1. */
	.text
	.globl _start
_start:
	lgdt gdt_pointer
	mov $8, %eax
	mov %eax, %SEGMENT
	cli
	hlt
	.align 8
gdt:	.quad 0
	.long LOW, HIGH
gdt_pointer:
	.word 15
	.long gdt
