// Certificates for the servers of a test: an authority of its own, and what it signed for 127.0.0.1. Needs openssl.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Certificates {
  ca: string;
  server: { cert: string; key: string };
  client: { cert: string; key: string };
}

/** @returns paths of files in the directory */
export function makeCertificates(directory: string): Certificates {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: directory, stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=tests");
  writeFileSync(join(directory, "extensions"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
  const signed = (name: string) => {
    openssl("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    const ca = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"];
    const more = ["-days", "2", "-extfile", "extensions"];
    openssl("x509", "-req", "-in", `${name}.csr`, ...ca, "-out", `${name}.crt`, ...more);
    return { cert: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
  };
  return { ca: join(directory, "ca.crt"), server: signed("server"), client: signed("client") };
}
