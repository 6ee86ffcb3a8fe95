/** A plugin of Swagger UI: what does the same in GraphQL, folded, above the parameters of an operation. */
export const graphqlTwins = ({ React: { createElement: h, Fragment } }) => ({
  wrapComponents: {
    parameters: (Parameters) =>
      function WithTwin(props) {
        const samples = props.operation.get("x-codeSamples");
        const link = props.operation.getIn(["externalDocs", "url"]);
        return h(Fragment, null,
          samples && h("details", { className: "twin" },
            h("summary", null, "The same in GraphQL"),
            samples.map((sample) => h("figure", { key: sample.get("lang") },
              h("figcaption", null, sample.get("label")),
              h("pre", { tabIndex: 0 }, sample.get("source").trim()))),
            link && h("a", { href: link, target: "_blank", rel: "noopener" }, "Open in GraphiQL, ready to run")),
          h(Parameters, props));
      },
  },
});
