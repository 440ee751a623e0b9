import { describeMemorySystem } from '../system/memory-system.conformance.ts';
import { Uvm } from './uvm.ts';

describeMemorySystem((machine, policy) => new Uvm(machine, policy), 'full');
