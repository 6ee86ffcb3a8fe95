/**
 * A plugin of Swagger UI: headers in one line, since the document's description explains them once, and errors as a
 * line each, with their examples behind a button.
 */
export const compactResponses = ({ React: { createElement: h, Fragment, useState } }) => ({
  components: {
    headers: ({ headers }) => h("p", { className: "header-names" }, "Headers: ", [...headers.keys()].join(", ")),
  },
  wrapComponents: {
    response: (Response) =>
      function FoldedResponse(props) {
        const [open, setOpen] = useState(false);
        const { code, response } = props;
        if (Number(code) < 400) {
          return h(Response, props);
        }
        const text = open ? "Fold" : "Examples";
        const toggle = h("button", { type: "button", "aria-expanded": open, onClick: () => setOpen(!open) }, text);
        return h(Fragment, null,
          open && h(Response, props),
          h("tr", { className: "folded" },
            h("td", { className: "response-col_status" }, open ? "" : code),
            h("td", null, open ? "" : response.get("description")),
            h("td", null, toggle)));
      },
  },
});
