/** The gateway: the one door for clients. It knows who calls and whether a request is well-formed; all else is behind it. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Context, Service, ServiceActions } from "moleculer";
import WebGateway from "moleculer-web";
import { runtimeOf } from "../../mixins/runtime.ts";
import { defineService } from "../../mixins/service.ts";
import { SESSIONS_REVOKED } from "../session/session.contract.ts";
import { dialectsNamed } from "./dialects/dialects.ts";
import { dialectAliases, dialectRefusals } from "./dialects/endpoint.ts";
import { type Front, frontOf } from "./front.ts";
import { createGateway, type Gateway } from "./gateway.ts";
import { closeGracefully, createHttpServer } from "./http-server.ts";
import { answerError } from "./problem.ts";
import { type Realtime, realtime } from "./realtime/realtime.ts";
import { restAliases } from "./rest/endpoint.ts";
import { type Alias, Router } from "./rest/router.ts";
import { routes } from "./rest/routes.ts";
import { rootContext } from "./root-context.ts";

type RootParams = { req: IncomingMessage; res: ServerResponse };

/** What moleculer-web gives a service, as far as this one uses it. */
interface WebService extends Service {
  settings: Record<string, unknown>;
  actions: ServiceActions & {
    rest(params: RootParams, options: { requestID: string }): Promise<unknown>;
  };
  aliases: Alias[];
  httpHandler(req: IncomingMessage, res: ServerResponse): Promise<void>;
  errorHandler(req: IncomingMessage, res: ServerResponse, error: unknown): void;
  addRoute(route: object): void;
}

interface WebSchema {
  actions: { rest: { handler(this: WebService, ctx: Context): Promise<unknown> } };
}

export interface ApiService extends WebService {
  /** Listens when the service has started; `address()` tells the port that `PORT=0` picked. */
  server: Server;
  gateway: Gateway;
  realtime?: Realtime;
  front: Front;
  router: Router<Alias>;
  refuseInDialect: ReturnType<typeof dialectRefusals>;
}

const web = WebGateway.methods as unknown as Pick<WebService, "httpHandler">;
const { handler: rest } = (WebGateway as unknown as WebSchema).actions.rest;

// The type is that of a started service's actions; these take actions of a mixin away.
const actions = { listAliases: false, addRoute: false, removeRoute: false } as unknown as ServiceActions;

export default defineService<ApiService>({
  name: "api",
  mixins: [WebGateway, realtime()],
  metadata: {
    needs: ["v1.auth", "v1.session", "v1.users", "v1.social", "v1.chat", "v1.rooms", "v1.photo", "v1.posts"],
  },
  settings: {
    // Null, not empty: for an empty list moleculer-web opens a route to every action.
    routes: null,
    logRequest: null,
    logRequestParams: null,
    logResponse: null,
    logRouteRegistration: null,
    $secureSettings: ["port", "ip", "routes"],
  },

  actions,

  events: {
    [SESSIONS_REVOKED](ctx: Context) {
      this.gateway.onSessionsRevoked(ctx.params);
    },
  },

  methods: {
    createServer() {
      this.server = createHttpServer((req, res) => void this.httpHandler(req, res));
    },

    async httpHandler(req: IncomingMessage, res: ServerResponse) {
      if (this.front.health(req, res)) return;
      this.front.prepare(req, res);
      try {
        if (this.front.answers(req)) await this.front.answer(req, res);
        else await web.httpHandler.call(this, req, res);
      } catch (error) {
        this.errorHandler(req, res, error);
      }
    },

    parseQueryString({ url = "" }: IncomingMessage) {
      // Read where it is needed, by `rest/params.ts`.
      return { url: url.split("?", 1)[0], query: {} };
    },

    resolveAlias(path: string, method: string) {
      return this.router.find(method, path) ?? false;
    },

    send404(req: IncomingMessage & { parsedUrl: string }, res: ServerResponse) {
      this.errorHandler(req, res, this.front.noRoute(req.parsedUrl));
    },

    errorHandler(req: IncomingMessage, res: ServerResponse, error: unknown) {
      if (!this.refuseInDialect(req, res, error)) answerError(req, res, error, this.logger);
    },
  },

  created() {
    const { config, lifecycle } = runtimeOf(this.broker);
    this.settings.port = config.PORT;
    this.settings.ip = config.HOST;
    this.actions.rest = (params, { requestID }) =>
      rest.call(this, rootContext(this, { params, requestID, timeout: config.REQUEST_TIMEOUT_MS }));
    this.gateway = createGateway(this.broker, this.logger);
    const dialects = dialectsNamed(config.API_DIALECTS);
    this.refuseInDialect = dialectRefusals(dialects, this.logger);
    this.addRoute({
      path: "/",
      aliases: {
        ...restAliases(routes, this.gateway, () => this.realtime),
        ...dialectAliases(dialects, this.gateway, this.logger),
      },
      mergeParams: false,
      mappingPolicy: "restrict",
      bodyParsers: false,
      logging: false,
      pathToRegexpOptions: { sensitive: true, trailing: false },
    });
    for (const alias of this.aliases) {
      // moleculer-web makes a coloured line of the alias for each request's debug log, even when nobody reads it.
      const name = `${alias.method} ${alias.fullPath}`;
      alias.toString = () => name;
    }
    this.router = new Router(this.aliases);
    this.front = frontOf(this.broker, (path) => this.router.methodsOf(path));
    this.server.on("error", ({ message }) => {
      if (!this.server.listening) this.broker.fatal(`HOST ${config.HOST}: ${message}`);
    });
    lifecycle.onDrain(() => closeGracefully(this.server, config.SHUTDOWN_TIMEOUT_MS));
  },

  async started() {
    this.gateway.start();
  },

  async stopped() {
    this.gateway.stop();
    // Together: the server waits for the sockets, and this runs before the mixin's own end.
    const { SHUTDOWN_TIMEOUT_MS } = this.gateway.config;
    await Promise.all([this.realtime?.close(), closeGracefully(this.server, SHUTDOWN_TIMEOUT_MS)]);
  },
});
