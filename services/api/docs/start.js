// Starts Swagger UI. A file of its own, since the page's policy allows no inline script.
window.SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  // The default asks a server on the internet whether the document is valid.
  validatorUrl: null,
});
