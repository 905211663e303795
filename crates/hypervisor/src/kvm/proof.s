# The guest by which KVM is tried: a boot sector and two more sectors that do, in 64-bit mode, what
# every kernel does and some machines' KVM cannot: run from the upper half of the address space,
# use SSE, take an exception, a page fault and timer interrupts. It says a letter after each step
# on the first serial port and a full stop at the end.
#
# build.rs assembles it.

.macro say c
    movw $0x3f8, %dx
    movb $\c, %al
    outb %al, %dx
.endm
.macro out port, value
    movb $\value, %al
    outb %al, $\port
.endm

.set PML4, 0x9000
.set PDPT, 0xa000
.set PD, 0xb000
.set IDT, 0xc000
.set HIGH, 0xffffffff80000000

.globl _start
.code16
_start:
    ljmp $0, $1f
1:  xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    cld
    say 'a'
    movw $0x0203, %ax               # the BIOS reads the other sectors
    movw $2, %cx
    movb $0, %dh
    movb $0x80, %dl
    movw $0x7e00, %bx
    int $0x13
    cli
    movw $PML4, %di                 # the first 2 MiB, low and high
    xorw %ax, %ax
    movw $0x1800, %cx
    rep stosw
    movw $PDPT + 3, PML4
    movw $PDPT + 3, PML4 + 8 * 511
    movw $PD + 3, PDPT
    movw $PD + 3, PDPT + 8 * 510
    movw $0x83, PD
    lgdt gdtr
    movl %cr4, %eax
    orl $0x620, %eax                # PAE, OSFXSR, OSXMMEXCPT
    movl %eax, %cr4
    movl $PML4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx          # EFER.LME
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80000001, %eax
    movl %eax, %cr0
    ljmp $8, $long
.org 510
.word 0xaa55

.code64
long:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movq $HIGH + high, %rax
    jmp *%rax
high:
    movq $HIGH + 0x7000, %rsp
    say 'b'
    movq %cr0, %rax
    andq $~4, %rax
    orq $2, %rax
    movq %rax, %cr0
    movaps %xmm0, %xmm1
    say 'c'
    movq $IDT, %rdi
    xorl %eax, %eax
    movl $512, %ecx
    rep stosq
    movq $IDT + 16 * 3, %rdi
    leaq breakpoint(%rip), %rax
    call gate
    movq $IDT + 16 * 14, %rdi
    leaq page_fault(%rip), %rax
    call gate
    movq $IDT + 16 * 32, %rdi
    leaq tick(%rip), %rax
    call gate
    lidt idtr(%rip)
    int3
    say 'd'
    movq $0xffffffffc0000000, %rax
    leaq 1f(%rip), %r15
    movq (%rax), %rax               # not mapped
1:  say 'e'
    movl $0xc0000102, %ecx          # the other GS base
    movl $0x1000, %eax
    movl $0xffffffff, %edx
    wrmsr
    swapgs
    say 'f'
    out 0x20, 0x11                  # interrupt controllers: only the timer, at vector 32
    out 0xa0, 0x11
    out 0x21, 0x20
    out 0xa1, 0x28
    out 0x21, 4
    out 0xa1, 2
    out 0x21, 1
    out 0xa1, 1
    out 0x21, 0xfe
    out 0xa1, 0xff
    out 0x43, 0x34                  # the timer: every 3.4 ms
    out 0x40, 0
    out 0x40, 0x10
    sti
2:  hlt
    cmpl $3, ticks(%rip)
    jb 2b
    cli
    say 'g'
    say '.'
3:  hlt
    jmp 3b

gate:                               # a gate at rdi for the code at rax
    movw %ax, (%rdi)
    movw $8, 2(%rdi)
    movw $0x8e00, 4(%rdi)
    shrq $16, %rax
    movw %ax, 6(%rdi)
    shrq $16, %rax
    movl %eax, 8(%rdi)
    ret
breakpoint:
    iretq
page_fault:                         # go on at r15
    addq $8, %rsp
    movq %r15, (%rsp)
    iretq
tick:
    incl ticks(%rip)
    out 0x20, 0x20
    iretq

.align 8
gdt:
    .quad 0, 0x00209a0000000000, 0x0000920000000000
gdtr:
    .word 23
    .long gdt
idtr:
    .word 4095
    .quad HIGH + IDT
ticks:
    .long 0
.org 2048
