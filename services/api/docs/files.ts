/** The files of `/docs`: our page, and Swagger UI's from its package. Nothing comes from elsewhere. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

interface DocsFile {
  type: string;
  /** Reads it once. */
  read(): Promise<Buffer>;
}

const OURS = import.meta.dirname;
const SWAGGER_UI = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));

const HTML = "text/html; charset=utf-8";
const SCRIPT = "text/javascript; charset=utf-8";

/** path → file */
export const docsFiles: ReadonlyMap<string, DocsFile> = new Map([
  ["/docs", file(HTML, OURS, "index.html")],
  ["/docs/start.js", file(SCRIPT, OURS, "start.js")],
  ["/docs/swagger-ui-bundle.js", file(SCRIPT, SWAGGER_UI, "swagger-ui-bundle.js")],
  ["/docs/swagger-ui.css", file("text/css; charset=utf-8", SWAGGER_UI, "swagger-ui.css")],
  ["/docs/favicon-32x32.png", file("image/png", SWAGGER_UI, "favicon-32x32.png")],
]);

function file(type: string, directory: string, name: string): DocsFile {
  let content: Promise<Buffer> | undefined;
  return {
    type,
    read: () => {
      content ??= readFile(join(directory, name));
      return content;
    },
  };
}
