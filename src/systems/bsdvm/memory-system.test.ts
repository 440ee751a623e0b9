import { describeMemorySystem } from '../../system/memory-system.conformance.ts';
import { BsdVm } from './bsdvm.ts';

describeMemorySystem((machine, policy) => new BsdVm(machine, policy), 'share');
