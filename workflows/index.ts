/** Entry of the workflow bundle. Names are public: the workflow type is the exported function's name. Never `export *`. */
export { turn } from './turn-workflow.js';
export { undo } from './undo-workflow.js';
