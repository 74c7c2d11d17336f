// Requests without a pause, from several clients at once, and what came of each.
import { request, type SignedUp } from "./http.ts";

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
  user: SignedUp;
  clients?: number;
}

/** What is asked in turn: reads, which may be tried again behind the scenes, and writes, which may not. */
const requestsOf = ({ accessToken: token, email, password }: SignedUp) => [
  (baseUrl: string) => request(baseUrl, "GET", "/v1/me", { token }),
  (baseUrl: string) => request(baseUrl, "GET", "/v1/users?limit=3", { token }),
  (baseUrl: string) => request(baseUrl, "PATCH", "/v1/profile", { token, body: { bio: "under load" } }),
  (baseUrl: string) => request(baseUrl, "POST", "/v1/login", { body: { email, password } }),
];

export function startLoad({ baseUrl, user, clients = 8 }: LoadOptions): Load {
  const beginning = performance.now();
  const elapsed = () => performance.now() - beginning;
  const samples: Sample[] = [];
  const requests = requestsOf(user);
  let running = true;
  let turn = 0;

  const client = async () => {
    while (running) {
      const sentAt = elapsed();
      const ask = requests[turn++ % requests.length] ?? requests[0];
      if (!ask) return;
      const { status, error } = await ask(baseUrl()).then(
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
