/* Programs that change under their own feet.  Each is a row: where it starts, its
 * name, what eax has to be at the end, how many translations may be made and thrown
 * away on the way, and how often the cache gets full.  smc.c loads the image to CODE
 * and answers the traps. */
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
#define FORGET int $0x27	/* that one isn't needed any more */
#define REMAP_QUIETLY int $0x28	/* REMAP, but nobody is told */
#define FLUSH int $0x29		/* of everything */

	.macro row name:req, eax:req, translated:req, killed:req, resets=0
	.section .rodata
9:	.asciz "\name"
	.section .rows, "a"
	.long 8f, 9b, \eax, \translated, \killed, \resets
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

	row "the next instruction, each time round", 5050, 300, 200
	mov $100, %ecx
	xor %eax, %eax
1:	incb 2f + 2
2:	add $0, %eax
	dec %ecx
	jnz 1b
	END

	row "the same block, further on, each time round", 5050, 300, 200
	mov $100, %ecx
	xor %eax, %eax
1:	mov %ecx, %edx
	incb 2f + 2
	lea 4(%edx), %esi
2:	add $0, %eax
	dec %ecx
	jnz 1b
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

	row "an instruction across two pages, time and again", 5050, 250, 200
	mov $100, %ecx
	xor %edx, %edx
1:	incb 2f + 4
	call 2f
	shr $24, %eax
	add %eax, %edx
	dec %ecx
	jnz 1b
	mov %edx, %eax
	END
	.p2align 12
	.skip PAGE - 4
2:	mov $0, %eax			/* its last byte is in the next page */
	ret

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

	/* A function that returns 1, in SCRATCH, whose address esi keeps; and edi
	 * what it returned. */
	.macro call_scratch
	movl $RETURN(1), SCRATCH
	movl $RETURN_END << 8, SCRATCH + 4
	mov $SCRATCH, %esi
	call *%esi
	mov %eax, %edi
	.endm

	row "by a device, for another process", 3, 40, 3
	call_scratch
	xor %ebx, %ebx
	mov $RETURN(2), %ecx
	DEVICE
	SPACE
	call *%esi
	add %edi, %eax
	END

	row "by a device, for another process's kernel", 3, 40, 3
	KERNEL
	call_scratch
	xor %ebx, %ebx
	mov $RETURN(2), %ecx
	DEVICE
	SPACE
	call *%esi
	add %edi, %eax
	END

	row "by a device, for a new process in an old one's place", 3, 40, 3
	call_scratch
	SPACE
	FORGET
	xor %ebx, %ebx
	mov $RETURN(2), %ecx
	DEVICE
	SPACE
	call *%esi
	add %edi, %eax
	END

	/* Of a sum it wouldn't matter. */
	row "by a device, two numbers for each other", 0x402, 40, 6
	movl $RETURN(1), SCRATCH
	movl $RETURN_END << 8, SCRATCH + 4
	movl $RETURN(2), SCRATCH + 8
	movl $RETURN_END << 8, SCRATCH + 12
	mov $SCRATCH, %esi
	call *%esi
	mov $SCRATCH + 8, %esi
	call *%esi
	xor %ebx, %ebx
	mov $RETURN(2), %ecx
	DEVICE
	mov $8, %ebx
	mov $RETURN(1), %ecx
	DEVICE
	SPACE
	mov $SCRATCH, %esi
	call *%esi
	mov %eax, %edi
	mov $SCRATCH + 8, %esi
	call *%esi
	shl $10, %eax
	add %edi, %eax
	END

	/* nop; nop; mov $0x01b00000, %eax; ret: 15 bytes, of which one and ret lie in the
	 * second page; but from the first page's last byte on it's mov $1, %al; ret. */
	.macro across pages
	movl $0x3e3e9090, \pages + PAGE - 16
	movl $0x3e3e3e3e, \pages + PAGE - 12
	movl $0x3e3e3e3e, \pages + PAGE - 8
	movl $0xb00000b8, \pages + PAGE - 4
	.endm

	row "by a device, across two pages, for another process", 0x04600000, 40, 4
	across SCRATCH
	movl $0xc301, SCRATCH + PAGE
	mov $SCRATCH + PAGE - 14, %esi
	call *%esi
	mov %eax, %edi
	mov $PAGE, %ebx
	mov $0xc302, %ecx
	DEVICE
	SPACE
	call *%esi
	add %edi, %eax
	END

	/* The second page is one of two, in turns; and we come there by a jump that
	 * stays in the page, and two that don't. */
	row "an instruction ends in another page now", 0xb5800096, 350, 350
	across SCRATCH
	movl $0xc301, SCRATCH + PAGE
	movl $0xc302, SCRATCH + 2 * PAGE
	mov $SCRATCH + PAGE, %ebx
	xor %ebp, %ebp
	mov $100, %ecx
	mov $1, %edx
1:	mov $SCRATCH + PAGE - 16, %esi
	call *%esi
	add %eax, %ebp
	add $2, %esi
	call *%esi
	add %eax, %ebp
	add $13, %esi
	call *%esi
	movzbl %al, %eax
	add %eax, %ebp
	xor $3, %edx
	REMAP
	dec %ecx
	jnz 1b
	mov %ebp, %eax
	END

	row "an instruction of the kernel's ends in another page now", 0x04600000, 40, 10
	KERNEL
	across SCRATCH+6*PAGE
	movl $0xc301, SCRATCH + 7 * PAGE
	movl $0xc302, SCRATCH + 5 * PAGE
	mov $GLOBAL + PAGE - 16, %esi
	mov $10, %ecx
1:	call *%esi
	dec %ecx
	jnz 1b
	mov %eax, %edi
	mov $GLOBAL + PAGE, %ebx
	mov $5, %edx
	REMAP
	call *%esi
	add %edi, %eax
	END

	row "two pages have changed places in another process", 0x12, 40, 4
	movl $RETURN(1), SCRATCH
	movl $RETURN_END << 8, SCRATCH + 4
	movl $RETURN(2), SCRATCH + PAGE
	movl $RETURN_END << 8, SCRATCH + PAGE + 4
	mov $SCRATCH, %esi
	mov $SCRATCH + PAGE, %edi
	call *%esi
	call *%edi
	SPACE
	mov %esi, %ebx
	mov $1, %edx
	REMAP
	mov %edi, %ebx
	xor %edx, %edx
	REMAP
	call *%esi			/* 2 */
	mov %eax, %ebp
	call *%edi			/* 1 */
	shl $4, %eax
	add %ebp, %eax
	END

	row "by a device, for the same address", 3, 40, 3
	call_scratch
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

	/* nop; jmp to n bytes behind it */
#define JUMP(n) (0xe990 | (n) << 16)
#define JUMP_END(n) ((n) >> 16 & 0xffff)

	row "a page that others jump to is another one now", 3, 60, 20
	movl $JUMP(PAGE - 6), SCRATCH
	movl $JUMP_END(PAGE - 6), SCRATCH + 4
	movl $RETURN(1), SCRATCH + PAGE
	movl $RETURN_END << 8, SCRATCH + PAGE + 4
	movl $RETURN(2), SCRATCH + 2 * PAGE
	movl $RETURN_END << 8, SCRATCH + 2 * PAGE + 4
	mov $SCRATCH, %esi
	mov $10, %ecx
1:	call *%esi
	dec %ecx
	jnz 1b
	mov %eax, %edi
	mov $SCRATCH + PAGE, %ebx
	mov $2, %edx
	REMAP
	call *%esi
	add %edi, %eax
	END

	row "a private page that a global one jumps to", 3, 60, 20
	KERNEL
	movl $JUMP(SCRATCH - GLOBAL - 6), SCRATCH + 6 * PAGE
	movl $JUMP_END(SCRATCH - GLOBAL - 6), SCRATCH + 6 * PAGE + 4
	movl $RETURN(1), SCRATCH
	movl $RETURN_END << 8, SCRATCH + 4
	movl $RETURN(2), SCRATCH + PAGE
	movl $RETURN_END << 8, SCRATCH + PAGE + 4
	mov $GLOBAL, %esi
	mov $10, %ecx
1:	call *%esi
	dec %ecx
	jnz 1b
	mov %eax, %edi
	mov $SCRATCH, %ebx
	mov $1, %edx
	REMAP
	call *%esi
	add %edi, %eax
	END

	.macro global_jump quietly=0
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
	.if \quietly
	REMAP_QUIETLY
	FLUSH
	.else
	REMAP
	.endif
	call *%esi
	add %edi, %eax
	END
	.endm

	row "a global page that others jump to", 3, 60, 20
	KERNEL
	global_jump

	row "... and that is a program's", 3, 60, 20
	global_jump

	row "... and that all pages are asked for", 3, 60, 20
	KERNEL
	global_jump quietly=1

	row "a global page that others jump to, written each time", 5050, 500, 200
	KERNEL
	movl $RETURN(0), SCRATCH + 6 * PAGE
	movl $RETURN_END << 8, SCRATCH + 6 * PAGE + 4
	movb $0xe8, SCRATCH + 7 * PAGE
	movl $-PAGE - 5, SCRATCH + 7 * PAGE + 1
	movb $0xc3, SCRATCH + 7 * PAGE + 5
	mov $GLOBAL, %esi
	mov $100, %ecx
	xor %edx, %edx
1:	incb SCRATCH + 6 * PAGE + 1
	call *%esi
	add %eax, %edx
	cmp $30, %ecx
	jne 2f
	add $PAGE, %esi			/* from elsewhere, now that it's restless */
2:	dec %ecx
	jnz 1b
	mov %edx, %eax
	END

	/* The new page is executed before the processor has been told of it; then the
	 * old one mustn't be. */
	row "a global page that others jump to, and come to early", 3, 60, 20
	KERNEL
	movl $RETURN(1), SCRATCH + 6 * PAGE
	movl $RETURN_END << 8, SCRATCH + 6 * PAGE + 4
	movl $RETURN(2), SCRATCH + 5 * PAGE
	movl $RETURN_END << 8, SCRATCH + 5 * PAGE + 4
	movb $RETURN_END, SCRATCH + 5 * PAGE + 8
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
	REMAP_QUIETLY
	lea 8(%ebx), %ebp
	call *%ebp
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

	/* An instruction for C fills a place of which there are 65536, each time that it
	 * is translated.  What was known before has gone then: a jump whose second byte
	 * is in another page, in two address spaces, and where the FPU has been. */
	row "so much that there is no more room", 0x1122, 85000, 80000, 1
	call 2f
	SPACE
	call 2f
	SPACE
5:	fld1
	mov $40, %ecx
1:	incb 4f
	call 3f
	dec %ecx
	jnz 1b
	movb $-9, 2f + 1
	call 2f
	mov %eax, %edx
	SPACE
	call 2f
	shl $4, %eax
	add %eax, %edx
	movb $-17, 2f + 1
	call 2f
	shl $8, %eax
	add %eax, %edx
	SPACE
	call 2f
	shl $12, %eax
	add %eax, %edx
	sub $28, %esp
	fnstenv (%esp)
	mov 12(%esp), %eax
	sub $5b, %eax
	shl $16, %eax
	add %edx, %eax
	END
	.p2align 12
	.skip PAGE - 16
	mov $1, %eax
	ret
	.p2align 3
	mov $2, %eax
	ret
	nop
2:	.byte 0xeb, -17			/* jmp */
	.p2align 12
3:	.rept 2000
	aam
	.endr
	ret
4:	.byte 0

	.section .rows, "a"
	.long 0
