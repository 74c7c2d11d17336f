/** What one signs in with. */
import { routesOf } from "./route.ts";

const route = routesOf("account");

export const accountRoutes = [
  route({
    method: "PATCH",
    path: "/v1/account",
    action: "v1.auth.updateAccount",
    summary: "Change email, username or password",
    problems: ["NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"],
    example: { email: "olga@example.net", password: "correct horse battery" },
  }),
  route({
    method: "DELETE",
    path: "/v1/account",
    action: "v1.auth.deleteAccount",
    summary: "Delete the account and what belongs to it",
    // A password in a URL would end up in logs.
    input: "body",
    status: 202,
    problems: ["NOT_FOUND", "FAILED_PRECONDITION"],
  }),
];
