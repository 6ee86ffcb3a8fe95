/** Starts ReDoc, in the colours of the system; it can take others only by starting anew. */

const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => location.reload());

const DARK = {
  colors: {
    primary: { main: "#ff79c0" },
    success: { main: "#5fd08a" },
    warning: { main: "#f0c060", contrastText: "#141a26" },
    error: { main: "#ff9d95" },
    gray: { 50: "#1c2433", 100: "#2a3448" },
    text: { primary: "#eef1f6", secondary: "#aab3c5" },
    border: { dark: "#55617a", light: "#36415a" },
    responses: {
      success: { color: "#5fd08a", backgroundColor: "#16301f", tabTextColor: "#5fd08a" },
      error: { color: "#ff9d95", backgroundColor: "#3a1c1f", tabTextColor: "#ff9d95" },
    },
  },
  schema: {
    linesColor: "#55617a",
    nestedBackground: "#1c2433",
    requireLabelColor: "#ff9d95",
    typeNameColor: "#aab3c5",
    typeTitleColor: "#aab3c5",
  },
  typography: { code: { color: "#ff9d95", backgroundColor: "#2a3448" } },
  sidebar: { backgroundColor: "#1c2433", textColor: "#eef1f6", activeTextColor: "#ff79c0" },
  rightPanel: { backgroundColor: "#0f141e", textColor: "#eef1f6" },
  codeBlock: { backgroundColor: "#080b12" },
};
const LIGHT = {
  colors: { primary: { main: "#a31d64" }, responses: { error: { tabTextColor: "#ff9d95" } } },
  typography: { code: { color: "#b3261e" } },
};

const place = document.getElementById("docs");
Redoc.init(
  place.dataset.openapi,
  { expandResponses: "200,201", scrollYOffset: ".bar", theme: dark.matches ? DARK : LIGHT },
  place,
);
