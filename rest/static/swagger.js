/** Starts Swagger UI; Authorize signs in with email and password, and is remembered over reloads. Its state is `ui` in the console. */

globalThis.ui = SwaggerUIBundle({
  url: document.getElementById("docs").dataset.openapi,
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  // The badge would send the document to a public validator.
  validatorUrl: null,
});
