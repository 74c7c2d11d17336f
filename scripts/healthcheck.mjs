// The image's HEALTHCHECK: ends with 0 when this container's process is alive, or, given /readyz, when it serves.
const { HEALTH_PORT, PORT } = process.env;
const [path = "/healthz"] = process.argv.slice(2);
const url = `http://127.0.0.1:${HEALTH_PORT || PORT || 3000}${path}`;
try {
  const { ok } = await fetch(url, { signal: AbortSignal.timeout(4_000) });
  process.exitCode = ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
