// What the chart says after an installation, and what its alerts ask for is measured.
import { createRequire } from "node:module";
import { expect, test } from "@jest/globals";
import { run } from "../../scripts/helm.ts";
import { startEmbedded } from "../support/embedded.ts";
import { request } from "../support/http.ts";
import { CHART, named, render, settings } from "./chart.ts";

const notes = async (set: Record<string, unknown>) => {
  const args = ["install", "veche", CHART, "--namespace", "talk", "--dry-run=client", ...settings(set)];
  const { stdout } = await run("helm", args);
  return stdout.slice(stdout.indexOf("NOTES:"));
};

test("the notes tell what to do next", async () => {
  const bundled = await notes({});
  expect(bundled).toContain("helm test veche --namespace talk");
  expect(bundled).toContain("port-forward service/veche-api 3000:80");
  expect(bundled).toContain("Photos are on a volume, veche-photos");
  const behind = await notes({
    "gateway.ingress.enabled": true,
    "gateway.ingress.host": "veche.test",
    "gateway.ingress.tlsSecret": "tls",
    "photos.gcsBucket": "photos",
  });
  expect(behind).toContain("https://veche.test/docs");
  expect(behind).toContain("gateway.trustProxy is empty");
  expect(behind).not.toContain("Photos are on a volume");
  const hostless = await notes({ "gateway.ingress.enabled": true });
  expect(hostless).toContain("open http://<address of the ingress controller>/docs");
});

test("the metrics that alerts and autoscalers ask for exist, with the labels that they ask by", async () => {
  const manifests = await render({
    set: { "metrics.prometheusRule.enabled": true, "metrics.serviceMonitor.enabled": true },
  });
  const rules: { expr: string }[] = named(manifests, "PrometheusRule", "veche-health").spec.groups[0].rules;
  const asked = rules.map(({ expr }) => expr).join("\n");
  const veche = await startEmbedded();
  const body = { email: "nobody@example.com", password: "correct horse" };
  expect((await request(veche.baseUrl, "POST", "/v1/login", { body })).status).toBe(401);
  const metrics = await (await fetch(`${veche.baseUrl}/metrics`)).text();
  await veche.stop();
  expect(asked).toContain(
    'moleculer_request_error_total{job="veche-health", namespace="talk", errorCode=~"5.."}',
  );
  expect(metrics).toMatch(/^moleculer_request_error_total\{.*action="v1\.auth\.\w+".*errorCode="401"/m);
  // A counter shows when it has counted; of dead letters there is none yet.
  const names = new Set([...asked.matchAll(/\b(moleculer|veche)_\w+/g)].map(([name]) => name));
  const missing = [...names].filter((name) => !metrics.includes(`# TYPE ${name} `));
  const constants: Record<string, string> = createRequire(import.meta.url)(
    "@moleculer/channels/src/constants.js",
  );
  const counted = constants.METRIC_CHANNELS_MESSAGES_DEAD_LETTERING_TOTAL;
  expect(missing).toEqual([counted?.replaceAll(".", "_")]);
  expect(metrics).toMatch(/^# TYPE veche_realtime_connections gauge$/m);
  // The Service whose name Prometheus takes for the job is the one that finds the pods.
  const monitor = named(manifests, "ServiceMonitor", "veche-health").spec;
  expect(named(manifests, "Service", "veche-health").metadata.labels).toMatchObject(
    monitor.selector.matchLabels,
  );
});
