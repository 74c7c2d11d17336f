/** What the gateway answers by itself, for people and for tools: the documentation, the public keys, the front page. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Config } from "../../lib/config.ts";
import { notFound } from "../../lib/errors.ts";
import type { KeyRing } from "../../lib/keys.ts";
import { asyncApiDocument } from "./asyncapi.ts";
import { dialectsNamed } from "./dialects/dialects.ts";
import { docsFiles } from "./docs/files.ts";
import { type Described, openApiDocument } from "./openapi.ts";
import { routes } from "./rest/routes.ts";
import { docsHeaders, setHeaders } from "./security-headers.ts";

type Page = (req: IncomingMessage, res: ServerResponse) => void | Promise<void>;

const SHORTLY = "public, max-age=300";

/** path → page; all of them answer GET and HEAD only. */
export function pagesOf(config: Config, keys: KeyRing): ReadonlyMap<string, Page> {
  const dialects = dialectsNamed(config.API_DIALECTS);
  const openApi = new Map<string | undefined, string>();
  let asyncApi: string | undefined;
  /** @throws NOT_FOUND for a dialect that is not served, so that no more than a few documents are kept */
  const described = (wanted: string | undefined): Described => {
    const { PUBLIC_URL: publicUrl } = config;
    if (wanted === undefined) return { routes, dialects, publicUrl };
    const dialect = dialects.find(({ name }) => name === wanted);
    if (!dialect) throw notFound("This dialect is not served here.");
    return { routes: [], dialects: [dialect], publicUrl };
  };
  const pages = new Map<string, Page>([
    [
      "/openapi.json",
      (req, res) => {
        const wanted = wantedDialect(req);
        const document = openApi.get(wanted) ?? JSON.stringify(openApiDocument(described(wanted)));
        openApi.set(wanted, document);
        sendJson(res, document, "no-cache");
      },
    ],
    [
      "/asyncapi.json",
      (_req, res) => {
        const url = config.PUBLIC_URL ?? `http://localhost:${config.PORT}`;
        asyncApi ??= JSON.stringify(asyncApiDocument(routes, url));
        sendJson(res, asyncApi, "no-cache");
      },
    ],
    [
      "/.well-known/jwks.json",
      (_req, res) => sendJson(res, JSON.stringify({ keys: keys.publicKeys() }), SHORTLY),
    ],
    ["/", frontPage],
    ["/docs/", (_req, res) => redirect(res, "../docs")],
  ]);
  for (const [path, file] of docsFiles) {
    pages.set(path, async (_req, res) => {
      const content = await file.read();
      setHeaders(res, docsHeaders);
      res.writeHead(200, {
        "Content-Type": file.type,
        "Content-Length": content.length,
        "Cache-Control": SHORTLY,
      });
      res.end(content);
    });
  }
  return pages;
}

/** `?dialect=` asks for one of the older dialects alone. */
const wantedDialect = ({ url = "" }: IncomingMessage): string | undefined =>
  URL.parse(url, "http://gateway")?.searchParams.get("dialect") ?? undefined;

const FRONT = JSON.stringify({
  name: "veche",
  openapi: "/openapi.json",
  asyncapi: "/asyncapi.json",
  docs: "/docs",
});

/** A browser wants the documentation; a program, to know what this is. */
function frontPage({ headers }: IncomingMessage, res: ServerResponse): void {
  res.setHeader("Vary", "Accept");
  if (headers.accept?.includes("text/html")) redirect(res, "docs");
  else sendJson(res, FRONT, "no-cache");
}

function sendJson(res: ServerResponse, body: string, cacheControl: string): void {
  res.writeHead(200, {
    "Content-Type": "application/json; charset=utf-8",
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": cacheControl,
  });
  res.end(body);
}

/** Relative, so that it holds under a proxy's path prefix too. */
function redirect(res: ServerResponse, location: string): void {
  res.writeHead(302, { Location: location, "Content-Length": 0 });
  res.end();
}
