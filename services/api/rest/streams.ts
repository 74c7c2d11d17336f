/** Conversations as server-sent events: an answer that goes on until either side ends it. */
import type { ServerResponse } from "node:http";
import type { CheckedToken } from "../../../lib/access-tokens.ts";
import { call, type ParamsOf } from "../../../lib/contract.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import { ConversationIdSchema } from "../../../lib/ids.ts";
import { EVENT_STREAM_HEADERS } from "../realtime/event-stream.ts";
import type { Realtime } from "../realtime/realtime.ts";
import { keepOwnPace } from "../stalled-answers.ts";
import type { RoutedRequest } from "./endpoint.ts";

interface StreamCall {
  req: RoutedRequest;
  res: ServerResponse;
  checked: CheckedToken;
  params: ParamsOf<"v1.chat.streamMessages">;
}

/** HEAD is answered with what GET would begin with. @throws why the stream may not begin */
export async function answerStream(
  realtime: Pick<Realtime, "stream">,
  { req, res, checked, params }: StreamCall,
): Promise<void> {
  const lastSeen = lastEventId(req.headers["last-event-id"]);
  const authorize = async () => {
    const wanted = lastSeen === undefined ? params : { id: params.id };
    const { seq, after } = await call(req.$ctx, "v1.chat.streamMessages", wanted);
    return { tail: seq, after: lastSeen ?? after };
  };
  const { data: conversation } = ConversationIdSchema.safeParse(params.id);
  if (conversation === undefined || req.method === "HEAD") {
    // Of an id that is none this throws, as of any other param that is wrong.
    await authorize();
    res.writeHead(200, EVENT_STREAM_HEADERS).end();
    return;
  }
  // It ends when too much waits, and says what was read when it is resumed.
  keepOwnPace(res);
  await realtime.stream(res, { checked, conversation, authorize });
}

/** @throws INVALID_ARGUMENT */
function lastEventId(header: string | string[] | undefined): number | undefined {
  if (header === undefined || header === "") return undefined;
  const seq = /^\d{1,16}$/.test(String(header)) ? Number(header) : Number.NaN;
  if (Number.isSafeInteger(seq)) return seq;
  const message = "must be the id of an event of this stream";
  throw invalidArgument(`Last-Event-ID: ${message}`, [{ path: "Last-Event-ID", message }]);
}
