// `npm run torture [-- options]`: builds what is missing, then plays random scripts on a memory manager (test/torture/).

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, root } from './prepare.mjs';

prepare();

await import(pathToFileURL(join(root, 'dist', 'test', 'torture', 'main.js')).href);
