// Messages and stacks of failures as a payload, so that the codec encrypts them. A path, because the SDK loads it twice: here, and
// into the workflow bundle; and CommonJS, because it does so with `require`.
const { DefaultFailureConverter } = require('@temporalio/common');

exports.failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
