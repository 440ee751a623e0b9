import { tortureTests } from './torture-tests.ts';

tortureTests('bsdvm', 200);
