/** Registering, signing in and out. */
import { routesOf } from "./route.ts";

const route = routesOf("auth");

export const authRoutes = [
  route({
    method: "POST",
    path: "/v1/register",
    action: "v1.auth.register",
    summary: "Make an account, and sign in",
    status: 201,
    location: ({ user_id }) => `/v1/profile/${user_id}`,
    problems: ["ALREADY_EXISTS"],
    example: { email: "olga@example.org", password: "correct horse battery", nickname: "olga" },
  }),
  route({
    method: "POST",
    path: "/v1/login",
    action: "v1.auth.login",
    summary: "Sign in with an email or a username",
    problems: ["UNAUTHENTICATED"],
    example: { email: "olga@example.org", password: "correct horse battery" },
  }),
  route({
    method: "POST",
    path: "/v1/refresh",
    action: "v1.auth.refresh",
    summary: "Change a refresh token for new tokens",
    problems: ["UNAUTHENTICATED"],
  }),
  route({
    method: "GET",
    path: "/v1/auth/verify",
    action: "v1.auth.verify",
    summary: "Check an access token: for a proxy's forward-auth, which reads the user from X-User-ID",
    headers: ({ user_id }) => ({ "X-User-ID": user_id }),
  }),
  route({
    method: "POST",
    path: "/v1/logout",
    action: "v1.session.deleteSession",
    operationId: "logout",
    summary: "End the session of this request",
    input: "none",
    status: 204,
  }),
  route({
    method: "POST",
    path: "/v1/logout/all",
    action: "v1.session.deleteAllSessions",
    operationId: "logoutAll",
    summary: "End all sessions of the account",
    status: 204,
  }),
];
