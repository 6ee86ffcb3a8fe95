/**
 * The operation of a tab as code that runs elsewhere.
 *
 * Each function takes `{ endpoint, query, variables, operationName, operation, needsToken }`: the endpoint's absolute
 * address, the document, its variables (an object, or null), the name of the one that is meant where the document has
 * several, its kind ("query", "mutation" or "subscription"), and whether a token goes along. The token itself is
 * never written: its place is.
 */

const TOKEN = "YOUR_ACCESS_TOKEN";

/** For a POSIX shell. */
export function asCurl(request) {
  const { endpoint, needsToken, operation } = request;
  const isStream = operation === "subscription";
  const words = [
    `curl ${isStream ? "--no-buffer " : ""}${quoted(endpoint)}`,
    "-H 'Content-Type: application/json'",
    ...(isStream ? ["-H 'Accept: text/event-stream'"] : []),
    ...(needsToken ? ['-H "Authorization: Bearer $TOKEN"'] : []),
    `--data-raw ${quoted(JSON.stringify(bodyOf(request)))}`,
  ];
  return `${needsToken ? `TOKEN='${TOKEN}'\n` : ""}${words.join(" \\\n  ")}\n`;
}

/** For a module, a browser's console, or Node. */
export function asFetch(request) {
  const { endpoint, variables, operationName, needsToken, operation } = request;
  const isStream = operation === "subscription";
  const names = ["query", ...(variables ? ["variables"] : []), ...(operationName ? ["operationName"] : [])];
  return `${declarations(request)}${operationName ? `const operationName = ${JSON.stringify(operationName)};\n` : ""}
const response = await fetch(${JSON.stringify(endpoint)}, {
  method: "POST",
  headers: {
    "Content-Type": "application/json",${isStream ? '\n    Accept: "text/event-stream",' : ""}${
      needsToken ? "\n    Authorization: `Bearer ${token}`," : ""
    }
  },
  body: JSON.stringify({ ${names.join(", ")} }),
});
${isStream ? STREAM : ANSWER}`;
}

const ANSWER = `const { data, errors } = await response.json();
console.log(data, errors);
`;
const STREAM = `// Server-sent events: a block "event: next" with "data: {…}" each time.
for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
  console.log(text);
}
`;

/** For Apollo Client 4; subscriptions go by graphql-ws. */
export function asApollo(request) {
  const { endpoint, variables, needsToken, operation } = request;
  const isStream = operation === "subscription";
  const options = `{ ${operation === "subscription" ? "query" : operation}: document${variables ? ", variables" : ""} }`;
  const [imports, link] = isStream ? socketLink(endpoint, needsToken) : httpLink(endpoint, needsToken);
  const run = isStream
    ? `client.subscribe(${options}).subscribe({
  next: ({ data, error }) => console.log(data, error),
  error: (error) => console.error(error),
});`
    : `const { data } = await client.${operation === "mutation" ? "mutate" : "query"}(${options});
console.log(data);`;
  return `${imports}
${declarations({ ...request, query: single(request) }, "document", "gql")}
const client = new ApolloClient({
  link: ${link},
  cache: new InMemoryCache(),
});
${run}
`;
}

function httpLink(endpoint, needsToken) {
  const headers = needsToken ? ", headers: { Authorization: `Bearer ${token}` }" : "";
  return [
    'import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";\n',
    `new HttpLink({ uri: ${JSON.stringify(endpoint)}${headers} })`,
  ];
}

function socketLink(endpoint, needsToken) {
  const params = needsToken ? ", connectionParams: { authorization: `Bearer ${token}` }" : "";
  return [
    `import { ApolloClient, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
`,
    `new GraphQLWsLink(createClient({ url: ${JSON.stringify(endpoint.replace(/^http/, "ws"))}${params} }))`,
  ];
}

/** Apollo takes a document of one operation. */
function single({ query, operationName }) {
  if (!operationName) {
    return query;
  }
  const { parse, print, separateOperations } = GraphiQL.GraphQL;
  return print(separateOperations(parse(query))[operationName]);
}

function declarations({ query, variables, needsToken }, name = "query", tag = "") {
  const token = needsToken ? `const token = "${TOKEN}";\n` : "";
  const values = variables ? `const variables = ${JSON.stringify(variables, null, 2)};\n` : "";
  return `${token}const ${name} = ${tag}\`\n${templated(query.trim())}\n\`;\n${values}`;
}

function bodyOf({ query, variables, operationName }) {
  return { query: query.trim(), ...(variables && { variables }), ...(operationName && { operationName }) };
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** As text in a template literal, where three things mean something else. */
const templated = (text) => text.replace(/[`\\]|\$\{/g, "\\$&");
