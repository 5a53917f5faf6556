/* A bzImage that unpacks itself, in its fashion: SIZE bytes at 16 MB, of which the
 * first are a kernel that loads a GDT, says NAME and stops for good.  With HANG it
 * never gets there. */
#define HOME 0x1000000
#define LOADED 0x100000

	.text
	.org 0x1f1
	.byte 1				/* setup_sects */
	.org 0x1f4
	.long (end - code + 15) / 16	/* syssize */
	.org 0x200
	.byte 0xeb, 0x66		/* where the header ends */
	.ascii "HdrS"
	.word 0x20d
	.org 0x211
	.byte 1				/* loadflags */
	.org 0x214
	.long LOADED			/* code32_start */
	.org 0x230
	.long HOME			/* kernel_alignment */
	.org 0x258
	.quad HOME			/* pref_address */
	.long SIZE			/* init_size */
	.org 0x400
code:
#ifdef HANG
	jmp code
#endif
	mov $LOADED + kernel - code, %esi
	mov $HOME, %edi
	mov $end - kernel, %ecx
	rep movsb
	mov $0x5a, %al
	mov $HOME + SIZE - 1, %ecx
	sub %edi, %ecx
	rep stosb
	mov $HOME, %eax
	jmp *%eax

kernel:
	lgdt HOME + gdt_pointer - kernel
	mov $HOME + name - kernel, %esi
	mov $0x3f8, %dx
1:	lodsb
	out %al, %dx
	cmp $'\n', %al
	jne 1b
	cli
	hlt
name:	.ascii NAME
	.byte '\n'
	.align 8
gdt:	.quad 0
gdt_pointer:
	.word 7
	.long HOME + gdt - kernel
end:
