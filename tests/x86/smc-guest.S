/* Programs that change under their own feet.  Each is a row: where it starts, its
 * name, what eax has to be at the end, and how many translations may be made and
 * thrown away on the way.  smc.c loads the image to CODE and answers the traps. */
#define CODE 0x10000000		/* the image... */
#define AGAIN 0x18000000	/* ... and the same pages once more */
#define SCRATCH 0x20000000	/* eight pages that may be written */
#define GLOBAL 0xc0000000	/* the last two of them, in every address space */

#define PAGE 4096

/* What smc.c does for us. */
#define END int $0x20
#define DEVICE int $0x21	/* writes ecx to SCRATCH + ebx behind our backs */
#define REMAP int $0x22		/* page edx of SCRATCH stands at ebx now */
#define UNMAP int $0x23		/* nothing does */
#define KERNEL int $0x24	/* ring 0 from here on... */
#define USER int $0x25		/* ... ring 3 */
#define SPACE int $0x26		/* the other address space */

	.macro row name:req, eax:req, translated:req, killed:req
	.section .rodata
9:	.asciz "\name"
	.section .rows, "a"
	.long 8f, 9b, \eax, \translated, \killed
	.text
	.p2align 12
8:
	.endm

	.section .rows, "a"
rows:
	.text
	.long rows

	row "the next instruction", 7, 6, 2
	movb $7, 1f + 1
1:	mov $1, %eax
	END

	row "the same block, further on", 7, 6, 2
	movb $7, 1f + 1
	nop
	mov %ecx, %edx
	lea 4(%edx), %esi
1:	mov $1, %eax
	END

	row "an earlier instruction, each time round", 5050, 300, 200
	mov $100, %ecx
	xor %eax, %eax
1:	add $1, %eax
	incb 1b + 2
	dec %ecx
	jnz 1b
	END

	row "an instruction across two pages", 0x61626764, 12, 6
	mov $2, %ecx
	jmp 1f
	.org . + PAGE - 13
1:	mov $0x65666764, %eax		/* its last two bytes are in the next page */
	mov $0x6162, %edx
	mov %dx, 1b + 3
	dec %ecx
	jnz 1b
	END

	row "another page's code", 5050, 300, 150
	mov $100, %ecx
	xor %eax, %eax
1:	call 2f
	incb 2f + 2
	dec %ecx
	jnz 1b
	END
	.p2align 12
2:	add $1, %eax
	ret

	/* str and pusha are done in C, which writes two bytes, four... */
	row "by an emulated instruction", 0x40, 12, 6
	call 2f
	str 2f + 1			/* 0x40 */
	call 2f
	END
2:	mov $7, %eax
	ret

	row "by several words of an emulated instruction", 0x40, 12, 3
	call 2f
	mov %esp, %ebp
	mov $2f + 4, %esp
	mov $0xc340b0, %eax		/* mov $0x40, %al; ret */
	pusha
	mov %ebp, %esp
	xor %eax, %eax
	call 2f
	END
	.p2align 12
	.skip 32
2:	mov $7, %al
	ret

	/* ... or four of which two are code. */
	row "by an emulated instruction, from a page of data on", 0x40, 12, 3
	call 2f
	mov %esp, %ebp
	mov $2f + 2, %esp
	mov $0x40b00000, %eax
	pusha
	mov %ebp, %esp
	xor %eax, %eax
	call 2f
	END
	.p2align 12
	.skip PAGE
2:	mov $7, %al
	ret

	row "through a second mapping", 5050, 300, 150
	mov $100, %ecx
	xor %eax, %eax
1:	call 2f
	incb 2f + 2 + AGAIN - CODE
	dec %ecx
	jnz 1b
	END
	.p2align 12
2:	add $1, %eax
	ret

	row "by the kernel", 5050, 500, 150
	mov $100, %ecx
	xor %eax, %eax
1:	call 2f
	KERNEL
	incb 2f + 2
	USER
	dec %ecx
	jnz 1b
	END
	.p2align 12
2:	add $1, %eax
	ret

	row "by another process", 5050, 900, 150
	mov $100, %ecx
	xor %eax, %eax
1:	call 2f
	SPACE
	incb 2f + 2 + AGAIN - CODE
	SPACE
	dec %ecx
	jnz 1b
	END
	.p2align 12
2:	add $1, %eax
	ret

	/* mov $n, %eax; ret in two words */
#define RETURN(n) (0xb8 | (n) << 8)
#define RETURN_END 0xc3

	row "by a device, for another process", 3, 40, 3
	movl $RETURN(1), SCRATCH
	movl $RETURN_END << 8, SCRATCH + 4
	mov $SCRATCH, %esi
	call *%esi
	mov %eax, %edi
	xor %ebx, %ebx
	mov $RETURN(2), %ecx
	DEVICE
	SPACE
	call *%esi
	add %edi, %eax
	END

	row "by a device, for the same address", 3, 40, 3
	movl $RETURN(1), SCRATCH
	movl $RETURN_END << 8, SCRATCH + 4
	mov $SCRATCH, %esi
	call *%esi
	mov %eax, %edi
	mov %esi, %ebx
	UNMAP
	xor %ebx, %ebx
	mov $RETURN(2), %ecx
	DEVICE
	mov %esi, %ebx
	xor %edx, %edx
	REMAP
	call *%esi
	add %edi, %eax
	END

	row "a page reused a hundred times by a device", 5050, 600, 110
	movl $RETURN_END << 8, SCRATCH + 4
	mov $SCRATCH, %esi
	mov $100, %ebp
	xor %edi, %edi
1:	mov %esi, %ebx
	UNMAP
	xor %ebx, %ebx
	mov %ebp, %ecx
	shl $8, %ecx
	mov $0xb8, %cl
	DEVICE
	mov %esi, %ebx
	xor %edx, %edx
	REMAP
	call *%esi
	add %eax, %edi
	dec %ebp
	jnz 1b
	mov %edi, %eax
	END

	/* A function that returns its own address and a number. */
	row "at two addresses", 0x08000005, 40, 8
	mov $2f, %esi
	lea AGAIN - CODE(%esi), %edi
	call *%esi
	call *%edi
	movb $5, 3f + 1
	call *%esi
	mov %eax, %ebp
	movb $10, 3f + 1
	call *%edi
	sub %ebp, %eax
	END
	.p2align 12
2:	call 3f
3:	mov $0, %edx
	pop %eax
	add %edx, %eax
	ret

	/* "int $0x22; mov $n, %eax; ret" stands in two pages with two numbers, and
	 * each puts the other one into its place when it's called. */
	row "the page it runs in is another one now", 150, 500, 5
	movl $0x01b822cd, SCRATCH
	movl $0xc3000000, SCRATCH + 4
	movb $0, SCRATCH + 3
	movb $2, SCRATCH + 3
	movl $0x01b822cd, SCRATCH + PAGE
	movl $0xc3000000, SCRATCH + PAGE + 4
	mov $SCRATCH, %ebx
	xor %ebp, %ebp
	mov $100, %ecx
	xor %edx, %edx
1:	xor $1, %edx
	call *%ebx
	add %eax, %ebp
	dec %ecx
	jnz 1b
	mov %ebp, %eax
	END

	row "a global page that others jump to", 3, 60, 20
	KERNEL
	movl $RETURN(1), SCRATCH + 6 * PAGE
	movl $RETURN_END << 8, SCRATCH + 6 * PAGE + 4
	movl $RETURN(2), SCRATCH + 5 * PAGE
	movl $RETURN_END << 8, SCRATCH + 5 * PAGE + 4
	/* call GLOBAL; ret, in the other global page */
	movb $0xe8, SCRATCH + 7 * PAGE
	movl $-PAGE - 5, SCRATCH + 7 * PAGE + 1
	movb $0xc3, SCRATCH + 7 * PAGE + 5
	mov $GLOBAL + PAGE, %esi
	mov $10, %ecx
1:	call *%esi
	dec %ecx
	jnz 1b
	mov %eax, %edi
	mov $GLOBAL, %ebx
	mov $5, %edx
	REMAP
	call *%esi
	add %edi, %eax
	END

	/* add $i, %eax; ... ret, and a thousand calls; twenty times over. */
	row "code written once and run a thousand times", 210000, 400, 100
	xor %eax, %eax
	mov $20, %ebp
1:	mov $SCRATCH, %edi
	mov $10, %ecx
	mov %eax, %ebx
2:	mov $0xc083, %eax
	stosw
	mov %ebp, %eax
	stosb
	mov $0x90, %al
	stosb
	dec %ecx
	jnz 2b
	mov $0xc3, %al
	stosb
	mov %ebx, %eax
	mov $100, %ecx
	mov $SCRATCH, %esi
3:	call *%esi
	dec %ecx
	jnz 3b
	dec %ebp
	jnz 1b
	END

	row "two functions take turns in a page", 300, 900, 450
	mov $100, %ebp
	xor %eax, %eax
	cld
1:	mov $2f, %esi
	call 4f
	mov $3f, %esi
	call 4f
	dec %ebp
	jnz 1b
	END
2:	add $1, %eax
	ret
3:	add $2, %eax
	ret
4:	mov $SCRATCH, %edi
	mov $4, %ecx
	rep movsb
	mov $SCRATCH, %esi
	jmp *%esi

	row "data beside code", 10000, 300, 200
	mov $10000, %ecx
1:	incl 2f
	dec %ecx
	jnz 1b
	mov 2f, %eax
	END
	.p2align 4
2:	.long 0

	row "a function on the stack, written each time", 3000, 400, 300
	mov $1000, %ecx
	xor %eax, %eax
1:	push $0xc390
	push $0x9003c083		/* add $3, %eax; nop; nop; ret */
	mov %esp, %esi
	call *%esi
	add $8, %esp
	dec %ecx
	jnz 1b
	END

	.section .rows, "a"
	.long 0
