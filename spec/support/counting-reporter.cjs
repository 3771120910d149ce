// Mocha's `spec` reporter, ended by one plain line that machines can read. A test that skips itself
// prints its reason before it does.
const { reporters, Runner } = require('mocha')

class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options)
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats
      process.stdout.write(`${passes} passed, ${failures} failed, ${pending} skipped\n`)
    })
  }
}

module.exports = CountingReporter
