# The guest for RISC-V: makes each access of the list as a program would (mstatus.MPRV with MPP = U) and writes down what came of it.
#
#   0x7f0 satp    0x7f8 set to 1 at the end    0xc00 the list: address, kind (0 load, 1 store, 3 end), cause or -1, value or mtval
#
# rv64: clang --target=riscv64 -march=rv64g -mno-relax -c -DXLEN=64; rv32: --target=riscv32 -march=rv32g
.if XLEN == 64
.macro LDX r, o, b
  ld \r, \o(\b)
.endm
.macro STX r, o, b
  sd \r, \o(\b)
.endm
.else
.macro LDX r, o, b
  lw \r, \o(\b)
.endm
.macro STX r, o, b
  sw \r, \o(\b)
.endm
.endif
.option norvc
.option norelax
_start:
  auipc s11, 0
  addi t0, s11, 0x40       # noenv
  csrw mtvec, t0
.if XLEN == 64
  li t0, 1
  slli t0, t0, 61
  csrs 0x30a, t0        # menvcfg.ADUE, where there is one
.else
  li t0, 1
  slli t0, t0, 29
  csrs 0x31a, t0
.endif
  .org 0x40
noenv:
  addi t0, s11, 0x120      # trap
  csrw mtvec, t0
  li t0, -1
  csrw pmpaddr0, t0
  li t0, 0x1f
  csrw pmpcfg0, t0
  LDX a0, 0x7f0, s11
  csrw satp, a0
  sfence.vma
  li s0, 0xc00
  add s0, s0, s11
loop:
  LDX s1, 0, s0
  LDX s2, 8, s0
  li t0, 3
  beq s2, t0, done
  li t0, 0x1800
  csrc mstatus, t0
  li s3, -1
  li s4, 0
  li s5, 0x5a5
  li t0, 0x20000
  csrs mstatus, t0
  bnez s2, store
  lw s4, 0(s1)
  j after
store:
  sw s5, 4(s1)
after:
  li t0, 0x20000
  csrc mstatus, t0
  STX s3, 16, s0
  STX s4, 24, s0
  addi s0, s0, 32
  j loop
  .org 0x120
trap:
  csrr s3, mcause
  csrr s4, mtval
  j after
done:
  li t0, 1
  sw t0, 0x7f8(s11)
idle:
  wfi
  j idle
