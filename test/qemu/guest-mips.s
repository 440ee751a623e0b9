# The guest for MIPS: a kernel that fills the TLB from Quire's table and makes each access of the list as a program would, in kuseg. It sets V at
# the first use of a page and D at the first store to it, and writes down the exceptions that it has no answer to.
#
#   0x7f0 the table, in kseg0    0x7f8 set to 1 at the end    0xc00 the list: address, kind (0 load, 1 store, 3 end), Cause or -1, value or BadVAddr
#
# clang --target=mipsel -march=mips32r2 -mno-abicalls -fno-pic -c; it lies at 0x80200000 and begins at 0x300
.set noreorder
.set noat
# EntryLo of the entry at `offset`: one shift, and nothing of an entry without P, whose other bits are the kernel's own.
.macro ENTRYLO lo, table, offset
  lw \lo, \offset(\table)
  andi $15, \lo, 1
  subu $15, $0, $15
  and \lo, \lo, $15
  srl \lo, \lo, 6
.endm
base:
refill:                     # no entry matches: both halves come from the table
  mfc0 $26, $8              # BadVAddr
  srl $26, $26, 22
  sll $26, $26, 2
  lui $27, 0x8020
  lw $27, 0x7f0($27)
  addu $27, $27, $26
  lw $27, 0($27)            # the directory's entry
  andi $26, $27, 1
  beqz $26, 1f
  nop
  srl $27, $27, 12
  sll $27, $27, 12
  lui $26, 0x8000
  or $27, $27, $26
  mfc0 $26, $8
  srl $26, $26, 10
  andi $26, $26, 0xff8
  addu $27, $27, $26
  ENTRYLO $26, $27, 0
  ENTRYLO $14, $27, 4
  mtc0 $26, $2              # EntryLo0
  mtc0 $14, $3              # EntryLo1
  ehb
  tlbwr
  eret
1:
  mtc0 $0, $2
  mtc0 $0, $3
  ehb
  tlbwr
  eret
.org 0x180
general:                    # invalid (load 2, store 3) or modified (1)
  mfc0 $8, $13              # Cause
  andi $8, $8, 0x7c
  mfc0 $9, $8               # BadVAddr
  lui $10, 0x8020
  lw $10, 0x7f0($10)
  srl $11, $9, 22
  sll $11, $11, 2
  addu $10, $10, $11
  lw $10, 0($10)
  andi $11, $10, 1
  beqz $11, fault
  nop
  srl $10, $10, 12
  sll $10, $10, 12
  lui $11, 0x8000
  or $10, $10, $11
  srl $11, $9, 10
  andi $11, $11, 0xffc
  addu $10, $10, $11        # where the page's entry is
  lw $12, 0($10)
  andi $13, $12, 1          # P
  beqz $13, fault
  nop
  addiu $13, $0, 4
  beq $8, $13, modified
  nop
  andi $13, $12, 0x80       # V was set: no first use
  bnez $13, fault
  nop
  b mark
  ori $12, $12, 0x80
modified:
  andi $13, $12, 2          # W
  beqz $13, fault
  nop
  ori $12, $12, 0x100
mark:
  sw $12, 0($10)
  tlbp
  srl $10, $10, 3
  sll $10, $10, 3
  ENTRYLO $12, $10, 0
  ENTRYLO $13, $10, 4
  mtc0 $12, $2
  mtc0 $13, $3
  ehb
  tlbwi
  eret
fault:
  sw $8, 16($16)
  sw $9, 24($16)
  mtc0 $23, $14             # EPC: behind the access
  ehb
  eret
.org 0x300
start:
  lui $8, 0x8020
  mtc0 $8, $15, 1           # EBase: exceptions come to 0x80200000 and 0x80200180
  mtc0 $0, $12              # Status: kernel mode, no interrupts, BEV and ERL clear
  mtc0 $0, $5               # PageMask: 4 KiB
  mtc0 $0, $6               # Wired
  mtc0 $0, $10              # EntryHi: ASID 0
  ehb
  lui $16, 0x8020
  addiu $16, $16, 0xc00
  lui $23, 0x8020
  addiu $23, $23, 0x380     # after
next:
  lw $17, 0($16)
  lw $18, 8($16)
  addiu $8, $0, 3
  beq $18, $8, done
  addiu $8, $0, -1
  bnez $18, store
  sw $8, 16($16)
  lw $19, 0($17)
  b after
  sw $19, 24($16)
store:
  addiu $20, $0, 0x5a5
  sw $20, 4($17)
.org 0x380
after:
  b next
  addiu $16, $16, 32
done:
  lui $8, 0x8020
  addiu $9, $0, 1
  sw $9, 0x7f8($8)
1:
  b 1b
  nop
