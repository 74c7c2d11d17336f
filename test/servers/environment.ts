// Jest's Node environment, which also knows whether a test of this file failed: then the cluster's logs are kept.
import { basename } from "node:path";
import type { EnvironmentContext, JestEnvironmentConfig } from "@jest/environment";
import type { Circus } from "@jest/types";
import { TestEnvironment } from "jest-environment-node";

export interface TestSuite {
  /** The test file's name without its endings. */
  name: string;
  failed: boolean;
}

declare global {
  var testSuite: TestSuite | undefined;
}

export default class ClusterEnvironment extends TestEnvironment {
  readonly #suite: TestSuite;

  constructor(config: JestEnvironmentConfig, context: EnvironmentContext) {
    super(config, context);
    this.#suite = { name: basename(context.testPath).split(".")[0] ?? "suite", failed: false };
    this.global.testSuite = this.#suite;
  }

  handleTestEvent(event: Circus.AsyncEvent | Circus.SyncEvent): void {
    if (["hook_failure", "test_fn_failure", "error"].includes(event.name)) this.#suite.failed = true;
    if (event.name === "test_done" && event.test.errors.length > 0) this.#suite.failed = true;
  }
}
