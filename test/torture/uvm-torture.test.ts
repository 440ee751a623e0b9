import { tortureTests } from './torture-tests.ts';

tortureTests('uvm', 200);
