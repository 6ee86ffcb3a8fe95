/** Starts GraphiQL in the page. */

import { connectAccount } from "./account.js";
import { EditorTools } from "./editor_tools.js";
import { exampleTabs, useLastCursor } from "./examples.js";
import { createFetcher } from "./fetcher.js";
import { LivePane, LiveOrders } from "./live_orders.js";
import { installKeys } from "./keyboard.js";
import { labelInputs } from "./labels.js";
import { giveNonceToStyles } from "./nonce.js";
import { Session } from "./session.js";
import { StatusLine } from "./status.js";
import { watchSystem } from "./system.js";
import { nameTabsInWords } from "./tabs.js";
import { Tools } from "./tools.js";

const endpoint = location.pathname;
const place = document.getElementById("graphiql");

function Footer({ live }) {
  useLastCursor();
  return React.createElement(React.Fragment, null, React.createElement(StatusLine), React.createElement(LivePane, { live }));
}

function start() {
  giveNonceToStyles();
  nameTabsInWords();
  installKeys();
  labelInputs();
  const session = new Session(endpoint);
  connectAccount(session);
  watchSystem(endpoint, session);
  const live = new LiveOrders(endpoint, session);
  const props = {
    fetcher: createFetcher(endpoint, session),
    defaultTabs: exampleTabs(),
    defaultQuery: "# Write a query here; Ctrl-Space completes it, Ctrl-Enter runs it.\n",
    defaultEditorToolsVisibility: true,
    inputValueDeprecation: true,
    // Null: do not ask, where the server does not tell.
    ...(place.dataset.schema === "hidden" && { schema: null }),
    schemaDescription: true,
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
  };
  const footer = React.createElement(GraphiQL.Footer, null, React.createElement(Footer, { live }));
  const toolbar = React.createElement(GraphiQL.Toolbar, null, React.createElement(EditorTools));
  const logo = React.createElement(GraphiQL.Logo, null, React.createElement(Tools, { endpoint, session }));
  ReactDOM.createRoot(place).render(React.createElement(GraphiQL, props, logo, toolbar, footer));
}

if (window.React && window.ReactDOM && window.GraphiQL && window.GraphiQLPluginExplorer) {
  start();
} else {
  place.innerHTML =
    '<p class="notice" role="alert">GraphiQL could not be loaded. ' +
    "If this machine is offline, run <code>graph/endpoint/playground/fetch-assets.sh</code> once while it is online.</p>";
}
