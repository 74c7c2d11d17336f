// Connects to the gateway whose URL it is given and, once it is told to and has come to the state it is given, closes the connection.
import { once } from "node:events";
import { SteadyConnection } from "../../clients/ts/steady-connection.ts";

const [, , url = "", wanted] = process.argv;
const told = once(process, "message");
const reached = Promise.withResolvers<void>();
const onState = (state: string) => state === wanted && reached.resolve();
const connection = new SteadyConnection({ url, token: () => "token", onState });
await Promise.all([told, reached.promise]);
process.disconnect();
await connection.close();
