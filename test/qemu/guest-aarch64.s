// The guest for AArch64, at EL1: makes each access of the list as a program would (ldtr, sttr) and writes down what came of it.
//
//   0x7f0 TTBR0    0x7f8 set to 1 at the end    0xa00 the vector of a synchronous exception
//   0xc00 the list: address, kind (0 load, 1 store, 3 end), ESR or -1, value or FAR
//
// clang --target=aarch64 -c
_start:
  adr x20, _start
  add x0, x20, #0x800
  msr vbar_el1, x0
  mov x0, #0xff
  msr mair_el1, x0
  ldr x0, tcr
  msr tcr_el1, x0
  ldr x0, [x20, #0x7f0]
  msr ttbr0_el1, x0
  isb
  tlbi vmalle1
  dsb sy
  isb
  mrs x0, sctlr_el1
  mov x1, #0x1005
  orr x0, x0, x1
  msr sctlr_el1, x0
  isb
  add x10, x20, #0xc00
loop:
  ldr x1, [x10]
  ldr x2, [x10, #8]
  cmp x2, #3
  b.eq done
  mov x3, #-1
  mov x4, #0
  mov w5, #0x5a5
  cbnz x2, store
  ldtr w4, [x1]
  b after
store:
  sttr w5, [x1, #4]
after:
  str x3, [x10, #16]
  str x4, [x10, #24]
  add x10, x10, #32
  b loop
done:
  mov w0, #1
  str w0, [x20, #0x7f8]
idle:
  wfi
  b idle
  .balign 8
tcr:
  // T0SZ 16, write-back, inner shareable, EPD1, 40 bits, HA, HD
  .quad 0x0000018200803510
  .org 0xa00
  mrs x3, esr_el1
  mrs x4, far_el1
  adr x9, after
  br x9
