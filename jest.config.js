// `npm test` runs the suites that need nothing but Node; `npm run test:cluster` those that need real servers, `npm run test:helm`
// those of the chart.
const cluster = process.env.TEST_SUITE === "cluster";
const helm = process.env.TEST_SUITE === "helm";

export default {
  testMatch: helm
    ? ["<rootDir>/test/helm/**/*.test.ts"]
    : cluster
      ? ["<rootDir>/test/cluster/**/*.test.ts", "<rootDir>/**/*.cluster.test.ts"]
      : ["<rootDir>/{lib,mixins,services,clients,scripts,test}/**/*.test.ts"],
  testPathIgnorePatterns:
    cluster || helm
      ? ["/node_modules/"]
      : ["/node_modules/", "/test/cluster/", "/test/helm/", "\\.cluster\\.test\\.ts$"],
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "\\.ts$": [
      "@swc/jest",
      {
        jsc: { parser: { syntax: "typescript" }, target: "es2024" },
        module: { type: "es6" },
        sourceMaps: "inline",
      },
    ],
  },
  testEnvironment: cluster ? "./test/servers/environment.ts" : "node",
  // For what hangs. A machine that other work loads may be ten times slower than one that is idle.
  testTimeout: 120_000,
};
