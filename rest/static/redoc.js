/** Starts ReDoc. */

const place = document.getElementById("docs");
Redoc.init(
  place.dataset.openapi,
  { expandResponses: "200,201", theme: { colors: { primary: { main: "#a31d64" } } } },
  place,
);
