// What was checked: failures are printed as they come, and all is counted.

import { inspect, isDeepStrictEqual } from "node:util";

export class Checks {
  passed = 0;
  failed = 0;

  /** Runs the parts one after the other, and prints the counts of each; one that breaks off is a failure, and the next one goes on. */
  async run(parts) {
    for (const part of parts) {
      const before = { ...this };
      try {
        await part();
      } catch (error) {
        this.fail(`${part.name}: broken off`, `${error?.stack ?? error}`, `because of ${error?.cause}`);
      }
      const name = part.name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      console.log(`PART ${name}: ${this.passed - before.passed} passed, ${this.failed - before.failed} failed`);
    }
  }

  /** Compares whole values; of two records, only the members that differ are printed. */
  equal(what, got, expected) {
    if (isDeepStrictEqual(got, expected)) {
      this.passed += 1;
      return;
    }
    const isRecord = (value) => value instanceof Object && !Array.isArray(value);
    const difference = (of, to) =>
      Object.fromEntries(Object.entries(of).filter(([key, value]) => !isDeepStrictEqual(value, to[key])));
    if (isRecord(got) && isRecord(expected)) [got, expected] = [difference(got, expected), difference(expected, got)];
    this.fail(what, `got ${shown(got)}`, `expected ${shown(expected)}`);
  }

  fail(what, ...why) {
    this.failed += 1;
    console.log([`FAIL ${what}`, ...why].join("\n     "));
  }

  /** Prints the last line, and returns the exit code. */
  finish() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    return this.failed ? 1 : 0;
  }
}

function shown(value) {
  return inspect(value, { breakLength: Infinity, depth: null });
}
