/** The older systems whose clients the gateway serves too, each over the HTTP that its own system spoke. */
export const DIALECTS = ["chat-server", "user-management", "ego", "auth-posts"] as const;

export type Dialect = (typeof DIALECTS)[number];

export const isDialect = (name: string): name is Dialect => (DIALECTS as readonly string[]).includes(name);
