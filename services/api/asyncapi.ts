/** The AsyncAPI 3 document of `/v1/ws` and of the event streams, made from the frames' own schemas and the limits. */
import { z } from "zod";
import { chatSignals, entryFrames } from "../chat/chat.contract.ts";
import { roomSignals } from "../rooms/rooms.contract.ts";
import { clientFrames, gatewayFrames } from "./realtime/frames.ts";
import { CLOSE_MEANINGS, DEFAULT_LIMITS, type Limits } from "./realtime/limits.ts";
import { namesInPath, type Route } from "./rest/route.ts";

type Json = Record<string, unknown>;
type Frames = Readonly<Record<string, z.ZodType>>;

/** Frames that a client sends → what may answer them. Errors, which may answer all of them, and pushes are not named. */
const ANSWERS: Readonly<Record<keyof typeof clientFrames, keyof typeof gatewayFrames | undefined>> = {
  auth: "ready",
  subscribe: "subscribed",
  unsubscribe: "unsubscribed",
  send: "ack",
  read: undefined,
  typing: undefined,
  ping: "pong",
};

const serverFrames = { ...gatewayFrames, ...entryFrames, ...chatSignals, ...roomSignals };
const signals = [...Object.keys(chatSignals), ...Object.keys(roomSignals), "typing", "session_revoked"];
const streamed = [...Object.keys(entryFrames), "session_revoked"];

/**
 * @param routes all of them; those that stream become channels
 * @param url where clients reach the gateway
 */
export function asyncApiDocument(routes: readonly Route[], url: string): Json {
  const components: Json = {};
  const streams = routes.filter(({ stream }) => stream);
  const { host, protocol, pathname } = new URL(url);
  const server = (name: "ws" | "http") => ({
    host,
    protocol: protocol === "https:" ? `${name}s` : name,
    ...(pathname === "/" ? {} : { pathname: pathname.replace(/\/$/, "") }),
    security: [{ $ref: "#/components/securitySchemes/bearer" }],
  });
  return {
    asyncapi: "3.1.0",
    id: "urn:veche:v1",
    info: {
      title: "Veche, live",
      version: "1",
      description: `What a gateway and its clients tell each other over WebSocket and server-sent events.\n\n${limitsText(DEFAULT_LIMITS)}`,
      license: { name: "MIT" },
    },
    defaultContentType: "application/json",
    servers: { websocket: server("ws"), events: server("http") },
    channels: {
      websocket: websocketChannel(),
      ...Object.fromEntries(streams.map((route) => [route.operationId, streamChannel(route)])),
    },
    operations: {
      ...Object.fromEntries(
        Object.entries(clientFrames).map(([op, schema]) => [nameOf("receive", op), received(op, schema)]),
      ),
      sendEntries: pushed("websocket", Object.keys(entryFrames), "Entries of the log, in order, each once"),
      sendSignals: pushed("websocket", signals, "What is kept in no log, and told once"),
      ...Object.fromEntries(
        streams.map(({ operationId }) => [
          nameOf("send", operationId),
          pushed(operationId, streamed, "Entries of the log, in order, each once"),
        ]),
      ),
    },
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: "Over WebSocket also as `access_token` in the query, or in the first frame",
        },
      },
      messages: {
        ...messagesOf(clientFrames, "client_", "input", components),
        ...messagesOf(serverFrames, "", "output", components),
      },
      schemas: components,
    },
  };
}

const ref = (path: string) => ({ $ref: `#/${path}` });
const inChannel = (channel: string, names: readonly string[]) =>
  names.map((name) => ref(`channels/${channel}/messages/${name}`));
const nameOf = (verb: string, op: string) => `${verb}${op.slice(0, 1).toUpperCase()}${op.slice(1)}`;

/** Messages of the same op may go both ways: a client's have names of their own. */
const fromClient = (op: string) => `client_${op}`;

function websocketChannel(): Json {
  const names = [...Object.keys(clientFrames).map(fromClient), ...Object.keys(serverFrames)];
  return {
    address: "/v1/ws",
    title: "WebSocket",
    description: `Frames are JSON text.\n\nClose codes:\n\n${closeText()}`,
    servers: [ref("servers/websocket")],
    messages: Object.fromEntries(names.map((name) => [name, ref(`components/messages/${name}`)])),
    bindings: {
      ws: {
        method: "GET",
        query: {
          type: "object",
          properties: {
            access_token: { type: "string", description: "for browsers, which can't set headers" },
          },
        },
        bindingVersion: "0.1.0",
      },
    },
    "x-close-codes": CLOSE_MEANINGS,
    "x-limits": DEFAULT_LIMITS,
  };
}

function streamChannel({ path, summary }: Route): Json {
  return {
    address: path,
    title: "Server-sent events",
    summary,
    description:
      "`id` of an event is the entry's seq, `event` its op, `data` the frame. Comes back behind `Last-Event-ID`, or begins with the " +
      "first entry that is not older than `since_unix_ms` of the query, or with what is new.",
    servers: [ref("servers/events")],
    parameters: Object.fromEntries(
      namesInPath(path).map((name) => [name, { description: "the conversation" }]),
    ),
    messages: Object.fromEntries(streamed.map((name) => [name, ref(`components/messages/${name}`)])),
  };
}

function received(op: string, { description = "" }: z.ZodType): Json {
  const answer = ANSWERS[op as keyof typeof clientFrames];
  return {
    action: "receive",
    channel: ref("channels/websocket"),
    summary: description,
    messages: inChannel("websocket", [fromClient(op)]),
    reply: {
      channel: ref("channels/websocket"),
      messages: inChannel("websocket", [...(answer ? [answer] : []), "error"]),
    },
  };
}

const pushed = (channel: string, names: readonly string[], summary: string): Json => ({
  action: "send",
  channel: ref(`channels/${channel}`),
  summary,
  messages: inChannel(channel, names),
});

function messagesOf(frames: Frames, prefix: string, io: "input" | "output", components: Json): Json {
  return Object.fromEntries(
    Object.entries(frames).map(([op, schema]) => [
      `${prefix}${op}`,
      {
        name: op,
        title: op,
        summary: schema.description,
        contentType: "application/json",
        payload: jsonSchemaOf(schema, io, components),
      },
    ]),
  );
}

/** Those that have an id of their own go to the components. */
function jsonSchemaOf(schema: z.ZodType, io: "input" | "output", components: Json): Json {
  const converted = z.toJSONSchema(schema, {
    io,
    target: "draft-7",
    unrepresentable: "any",
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      // Frames of the server may grow.
      if (io === "output") delete jsonSchema.additionalProperties;
    },
  });
  const moved = JSON.stringify(converted).replaceAll('"#/definitions/', '"#/components/schemas/');
  const { $schema: _, id: __, definitions = {}, ...rest } = JSON.parse(moved) as Json;
  Object.assign(components, definitions);
  return rest;
}

const limitsText = (limits: Limits): string =>
  [
    `- a frame from a client: ${limits.frameBytes} bytes`,
    `- frames a second and connection, pings and pongs too: ${limits.framesPerSecond}`,
    `- what waits for a slow reader: ${limits.bufferedBytes} bytes`,
    `- connections of a user to a gateway, streams too: ${limits.connectionsPerUser}`,
    `- subscriptions of a connection: ${limits.subscriptionsPerConnection}`,
    `- messages that wait for their acknowledgement: ${limits.pendingSends}`,
    `- to say who one is: ${limits.authDeadlineMs} ms`,
    `- between heartbeats: ${limits.heartbeatMs} ms`,
  ].join("\n");

const closeText = (): string =>
  Object.entries(CLOSE_MEANINGS)
    .map(([code, meaning]) => `- ${code}: ${meaning}`)
    .join("\n");
