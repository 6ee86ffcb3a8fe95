/** Starts Swagger UI; a sign-in is remembered over reloads. Its state is `ui` in the console. */

import { compactResponses } from "./responses.js";
import { signInDialog } from "./sign-in.js";
import { graphqlTwins } from "./twins.js";

const { openapi, people } = document.getElementById("docs").dataset;

globalThis.ui = SwaggerUIBundle({
  url: openapi,
  dom_id: "#docs",
  plugins: [signInDialog(JSON.parse(people)), compactResponses, graphqlTwins],
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  // The badge would send the document to a public validator.
  validatorUrl: null,
});
