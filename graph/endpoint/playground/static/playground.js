/** Starts GraphiQL in the page. */

import { connectAccount } from "./account.js";
import { exampleTabs, useLastCursor } from "./examples.js";
import { createFetcher } from "./fetcher.js";
import { LivePane, LiveOrders } from "./live-orders.js";
import { giveNonceToStyles } from "./nonce.js";
import { Session } from "./session.js";
import { StatusLine } from "./status.js";

const endpoint = location.pathname;
const place = document.getElementById("graphiql");

function Footer({ live }) {
  useLastCursor();
  return React.createElement(React.Fragment, null, React.createElement(StatusLine), React.createElement(LivePane, { live }));
}

function start() {
  giveNonceToStyles();
  const session = new Session(endpoint);
  connectAccount(session);
  const live = new LiveOrders(endpoint, session);
  const props = {
    fetcher: createFetcher(endpoint, session),
    defaultTabs: exampleTabs(),
    defaultQuery: "# Write a query here; Ctrl-Space completes it, Ctrl-Enter runs it.\n",
    defaultEditorToolsVisibility: true,
    inputValueDeprecation: true,
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
  };
  const footer = React.createElement(GraphiQL.Footer, null, React.createElement(Footer, { live }));
  const logo = React.createElement(GraphiQL.Logo, null, " ");
  ReactDOM.createRoot(place).render(React.createElement(GraphiQL, props, logo, footer));
}

if (window.React && window.ReactDOM && window.GraphiQL && window.GraphiQLPluginExplorer) {
  start();
} else {
  place.innerHTML =
    '<p class="notice" role="alert">GraphiQL could not be loaded. ' +
    "If this machine is offline, run <code>graph/endpoint/playground/fetch-assets.sh</code> once while it is online.</p>";
}
