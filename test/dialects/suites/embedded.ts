// The dialects' suites against Veche in this process. A part of it can be taken away, as if its process had ended.
import { afterAll, beforeAll } from "@jest/globals";
import { call } from "../../../lib/contract.ts";
import { type Embedded, startEmbedded } from "../../support/embedded.ts";
import type { Target } from "./target.ts";

export interface EmbeddedTarget extends Target {
  veche(): Embedded;
  /** For good. @param service its full name: `v1.rooms` */
  takeAway(service: string): Promise<void>;
}

/** To be called at the top of a test file: starts it before, and stops it after the file's tests. */
export function embeddedTarget(env: Record<string, string> = {}): EmbeddedTarget {
  let veche: Embedded;
  beforeAll(async () => {
    veche = await startEmbedded({ SIGN_IN_ADDRESS_MAX_FAILURES: "100000", ...env });
  });
  afterAll(() => veche.stop());
  return {
    veche: () => veche,
    baseUrl: () => veche.baseUrl,
    async makeAdmin(email) {
      await call(veche.broker, "v1.auth.setRole", { email, role: "admin" });
    },
    async takeAway(service) {
      await veche.broker.destroyService(veche.broker.getLocalService(service));
    },
  };
}
