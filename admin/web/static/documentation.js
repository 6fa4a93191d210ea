// Shows the OpenAPI document of this server. No token outlives the page, and nobody else is told of the document.
"use strict";

SwaggerUIBundle({
  url: document.body.dataset.document,
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
