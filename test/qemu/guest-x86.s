# The guest for x86, in kernel mode: makes each access of the list and writes down what came of it. A multiboot image at 4 MiB.
#
#   0x7e0 CR3, 0x7e4 CR4, 0x7e8 1 for long mode    0x7f8 set to 1 at the end
#   0x800 the descriptor of page faults
#   0xc00 the list: address, kind (0 load, 1 store, 2 fetch, 3 end), error code or -1, value or CR2; below 0x1000 the stack
#
# clang --target=i386 -c; what runs in long mode is written as bytes that mean the same there, or stands behind .code64
.set BASE, 0x400000
.code32
header:
  .long 0x1BADB002, 0x00010000, -(0x1BADB002 + 0x00010000)
  .long BASE, BASE, 0, 0, BASE + (_start - header)
_start:
  mov $BASE, %ebp
  mov $BASE + 0x1000, %esp
  lgdt BASE + (gdtr - header)
  mov 0x7e4(%ebp), %eax
  mov %eax, %cr4
  mov 0x7e0(%ebp), %eax
  mov %eax, %cr3
  mov $0xc0000080, %ecx
  xor %edx, %edx
  mov $0x800, %eax
  cmpl $0, 0x7e8(%ebp)
  je 1f
  or $0x100, %eax
1:
  testl $0x20, 0x7e4(%ebp)
  je 2f
  wrmsr
2:
  mov %cr0, %eax
  or $0x80010000, %eax
  mov %eax, %cr0
  cmpl $0, 0x7e8(%ebp)
  jne 3f
  ljmp $0x08, $BASE + (go32 - header)
3:
  ljmp $0x18, $BASE + (go64 - header)

go32:
  mov $0x10, %ax
  mov %ax, %ds
  mov %ax, %ss
  mov %ax, %es
  lea BASE + (trap32 - header), %eax
  movw %ax, 0x870(%ebp)
  movw $0x08, 0x872(%ebp)
  movw $0x8e00, 0x874(%ebp)
  shr $16, %eax
  movw %ax, 0x876(%ebp)
  lidt BASE + (idtr - header)
  lea 0xc00(%ebp), %esi
loop32:
  mov (%esi), %ebx
  mov 8(%esi), %ecx
  cmp $3, %ecx
  je done32
  movl $-1, 16(%esi)
  movl $0, 24(%esi)
  cmp $1, %ecx
  je store32
  cmp $2, %ecx
  je fetch32
  mov (%ebx), %eax
  mov %eax, 24(%esi)
  jmp after32
store32:
  movl $0x5a5, 4(%ebx)
  jmp after32
fetch32:
  call *%ebx
after32:
  mov $BASE + 0x1000, %esp
  add $32, %esi
  jmp loop32
trap32:
  pop %eax
  mov %eax, 16(%esi)
  mov %cr2, %eax
  mov %eax, 24(%esi)
  jmp after32
done32:
  movl $1, 0x7f8(%ebp)
4:
  hlt
  jmp 4b

.code64
go64:
  mov $0x10, %ax
  mov %ax, %ds
  mov %ax, %ss
  mov %ax, %es
  mov $BASE, %ebp
  mov $BASE + 0x1000, %esp
  mov $BASE + (trap64 - header), %eax
  movw %ax, 0x8e0(%rbp)
  movw $0x18, 0x8e2(%rbp)
  movw $0x8e00, 0x8e4(%rbp)
  shr $16, %eax
  movw %ax, 0x8e6(%rbp)
  movl $0, 0x8e8(%rbp)
  movl $0, 0x8ec(%rbp)
  mov $BASE + (idtr - header), %eax
  lidt (%rax)
  lea 0xc00(%rbp), %rsi
loop64:
  mov (%rsi), %rbx
  mov 8(%rsi), %ecx
  cmp $3, %ecx
  je done64
  movq $-1, 16(%rsi)
  movq $0, 24(%rsi)
  cmp $1, %ecx
  je store64
  cmp $2, %ecx
  je fetch64
  mov (%rbx), %eax
  mov %rax, 24(%rsi)
  jmp after64
store64:
  movl $0x5a5, 4(%rbx)
  jmp after64
fetch64:
  call *%rbx
after64:
  mov $BASE + 0x1000, %esp
  add $32, %rsi
  jmp loop64
trap64:
  pop %rax
  mov %rax, 16(%rsi)
  mov %cr2, %rax
  mov %rax, 24(%rsi)
  jmp after64
done64:
  movl $1, 0x7f8(%rbp)
5:
  hlt
  jmp 5b

  .balign 8
idtr:
  .word 0xff
  .long BASE + 0x800
  .long 0
gdtr:
  .word 31
  .long BASE + (gdt - header)
  .balign 8
gdt:
  .quad 0
  .quad 0x00cf9b000000ffff
  .quad 0x00cf93000000ffff
  .quad 0x00af9b000000ffff
