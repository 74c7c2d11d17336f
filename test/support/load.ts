// Requests without a pause, from several clients at once, and what came of each.
import { request } from "./http.ts";

export interface Sample {
  /** Milliseconds since the load began. */
  sentAt: number;
  took: number;
  /** 0 where the connection failed. */
  status: number;
  error?: string;
}

export interface Load {
  samples: Sample[];
  /** Milliseconds since the load began. */
  elapsed(): number;
  /** Ends it, when the requests under way are answered. */
  stop(): Promise<Sample[]>;
}

export interface LoadOptions {
  /** Asked before each request, so that a client can leave a gateway that is no longer ready. */
  baseUrl: () => string;
  token: string;
  path?: string;
  clients?: number;
}

export function startLoad({ baseUrl, token, path = "/v1/me", clients = 8 }: LoadOptions): Load {
  const beginning = performance.now();
  const elapsed = () => performance.now() - beginning;
  const samples: Sample[] = [];
  let running = true;

  const client = async () => {
    while (running) {
      const sentAt = elapsed();
      const { status, error } = await request(baseUrl(), "GET", path, { token }).then(
        (answer) => ({
          status: answer.status,
          error: answer.status < 400 ? undefined : JSON.stringify(answer.body),
        }),
        (failure: Error) => ({ status: 0, error: `${failure.message} ${String(failure.cause)}` }),
      );
      samples.push({ sentAt, took: elapsed() - sentAt, status, ...(error === undefined ? {} : { error }) });
    }
  };
  const clientsRunning = Promise.all(Array.from({ length: clients }, client));
  return {
    samples,
    elapsed,
    async stop() {
      running = false;
      await clientsRunning;
      return samples;
    },
  };
}

export const failuresOf = (samples: Sample[]): Sample[] => samples.filter(({ status }) => status !== 200);
