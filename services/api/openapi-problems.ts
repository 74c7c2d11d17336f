/** Problem details, as the OpenAPI document describes them. */
export const problemResponse = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
});

export const problemSchema = {
  type: "object",
  description:
    "RFC 9457. Some problems have members of their own, such as `chat_id` of the chat that exists.",
  required: ["type", "title", "status", "detail", "code"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "for people" },
    code: { type: "string", description: "for programs", examples: ["INVALID_ARGUMENT"] },
    request_id: { type: "string" },
    retry_after: { type: "integer", description: "seconds" },
    errors: {
      type: "array",
      items: {
        type: "object",
        required: ["path", "message"],
        properties: { path: { type: "string" }, message: { type: "string" } },
      },
    },
  },
};
