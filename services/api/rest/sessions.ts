/** Where an account is signed in. */
import { routesOf } from "./route.ts";

const route = routesOf("sessions");

export const sessionRoutes = [
  route({
    method: "GET",
    path: "/v1/sessions",
    action: "v1.session.listSessions",
    summary: "List the sessions of the account",
  }),
  route({
    method: "DELETE",
    path: "/v1/sessions/{id}",
    action: "v1.session.deleteSession",
    summary: "End one session of the account",
    status: 204,
    problems: ["NOT_FOUND"],
  }),
];
