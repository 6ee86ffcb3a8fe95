/**
 * Lays a GraphQL document out anew and keeps its comments, which graphql-js's own printer drops.
 *
 * It works on the tokens, of which comments are some: first they become a tree of brackets, then each bracket
 * becomes items (a definition, a selection, an argument, a value), and each item goes on a line of its own or,
 * in arguments and values, beside the others while they fit.
 */

const WIDTH = 80;
const INDENT = "  ";
const CLOSING = { "{": "}", "(": ")", "[": "]" };
const NO_SPACE_AFTER = new Set(["$", "@"]);
const NO_SPACE_BEFORE = new Set([":", "!"]);
const OPERATION = /^(query|mutation|subscription)$/;

/**
 * @param {string} text a document of operations and fragments
 * @returns {string} the same document, laid out
 * @throws {GraphQLError} it cannot be parsed
 */
export function prettify(text) {
  const { parse, print } = GraphiQL.GraphQL;
  const document = parse(text);
  const root = treeOf(document.loc.startToken.next, text);
  const pretty = `${lines(root, 0).join("\n")}\n`;
  // Better as it was than anything but the same document.
  return print(parse(pretty)) === print(document) ? pretty : text;
}

/** Makes a tree: `{ open, kind, children }` of tokens, comments and further brackets. */
function treeOf(token, text) {
  const root = { open: null, kind: "document", children: [] };
  const path = [root];
  for (let before = null; token.kind !== "<EOF>"; before = token, token = token.next) {
    const parent = path.at(-1);
    const gap = before === null ? 0 : token.line - lastLine(before, text);
    const leaf = {
      text: text.slice(token.start, token.end).trimEnd(),
      kind: token.kind,
      isComment: token.kind === "Comment",
      isBesides: before !== null && gap === 0,
      isApart: gap > 1,
    };
    if (token.kind in CLOSING) {
      const bracket = { isApart: leaf.isApart, open: token.kind, kind: kindOf(token.kind, parent), children: [] };
      parent.children.push(bracket);
      path.push(bracket);
    } else if (token.kind === CLOSING[parent.open]) {
      path.pop();
    } else {
      parent.children.push(leaf);
    }
  }
  return root;
}

function lastLine(token, text) {
  return token.line + text.slice(token.start, token.end).split(/\r\n|\n|\r/).length - 1;
}

function kindOf(open, parent) {
  if (open === "(") {
    // Of an operation or fragment, or of a field or directive.
    return parent.kind === "document" && parent.children.at(-2)?.text !== "@" ? "definitions" : "arguments";
  }
  if (open === "[") {
    return "list";
  }
  return ["document", "selections"].includes(parent.kind) ? "selections" : "object";
}

/** Splits what is in a bracket: `{ above, parts, trailing }`; the last one may have comments alone. */
function itemsOf({ kind, children }) {
  const nodes = children.filter(({ isComment }) => !isComment);
  const items = [{ above: [], parts: [], trailing: null }];
  let index = 0;
  for (const child of children) {
    const item = items.at(-1);
    const isComplete = item.parts.length > 0 && (index === nodes.length || begins(kind, nodes, index));
    if (child.isComment && isComplete && child.isBesides && !item.trailing) {
      item.trailing = child.text;
    } else if (child.isComment && !isComplete) {
      // Inside an item there is no place for it: it goes above.
      item.above.push({ text: child.text, isApart: child.isApart && item.parts.length === 0 });
    } else if (child.isComment) {
      items.push({ above: [child], parts: [], trailing: null });
    } else if (isComplete) {
      items.push({ above: [], parts: [child], trailing: null });
    } else {
      item.parts.push(child);
    }
    index += child.isComment ? 0 : 1;
  }
  return items.filter(({ above, parts }) => above.length + parts.length > 0);
}

/** Whether the node at *index* begins an item. */
function begins(kind, nodes, index) {
  const [node, before, next] = [nodes[index], nodes[index - 1], nodes[index + 1]];
  const isName = node.kind === "Name";
  switch (kind) {
    case "document":
      return before?.kind === "selections";
    case "selections":
      return (
        node.text === "..." ||
        (isName && ![":", "@", "..."].includes(before?.text) && !(before?.text === "on" && nodes[index - 2]?.text === "..."))
      );
    case "definitions":
      return node.text === "$" && !["=", ":"].includes(before?.text);
    case "list":
      return before?.text !== "$" && node.text !== "!";
    default:
      return isName && next?.text === ":" && before?.text !== "$";
  }
}

/** Returns the lines of everything in a bracket, each with its indentation. */
function lines(bracket, depth) {
  const indent = INDENT.repeat(depth);
  return itemsOf(bracket).flatMap(({ above, parts, trailing }, index) => {
    const rows = above.map(({ text, isApart }) => ({ text: indent + text, isApart }));
    if (parts.length > 0) {
      const text = indent + joined(parts, depth) + (trailing ? ` ${trailing}` : "");
      rows.push({ text, isApart: parts[0].isApart });
      rows[0].isApart ||= bracket.kind === "document";
    }
    return rows.flatMap(({ text, isApart }, at) => (isApart && index + at > 0 ? ["", text] : [text]));
  });
}

/** Returns the parts of one item as text, which may have several lines; the first one is not indented. */
function joined(parts, depth) {
  return parts.reduce((text, part, index) => {
    const before = text + spaceBetween(parts[index - 1], part);
    const used = depth * INDENT.length + before.length - (before.lastIndexOf("\n") + 1);
    return before + (part.open ? bracketed(part, depth, used) : part.text);
  }, "");
}

function spaceBetween(before, part) {
  if (!before || NO_SPACE_BEFORE.has(part.text)) {
    return "";
  }
  if (part.open === "(") {
    // The variables of an operation without a name.
    return part.kind === "definitions" && OPERATION.test(before.text) ? " " : "";
  }
  const isSpread = before.text === "..." && part.kind === "Name" && part.text !== "on";
  return isSpread || NO_SPACE_AFTER.has(before.text) ? "" : " ";
}

function bracketed(bracket, depth, used) {
  const beside = isOneLine(bracket) ? inline(bracket) : null;
  if (beside !== null && used + beside.length <= WIDTH) {
    return beside;
  }
  const [first, ...others] = bracket.children;
  const hasComment = first.isComment && first.isBesides;
  const opening = hasComment ? `${bracket.open} ${first.text}` : bracket.open;
  const inner = lines(hasComment ? { ...bracket, children: others } : bracket, depth + 1);
  return [opening, ...inner, INDENT.repeat(depth) + CLOSING[bracket.open]].join("\n");
}

/** Whether a bracket can stand in one line at all. */
function isOneLine({ kind, children }) {
  return (
    kind !== "selections" &&
    children.every((child) => !child.isComment && (child.open ? isOneLine(child) : !child.text.includes("\n")))
  );
}

function inline(bracket) {
  const items = itemsOf(bracket).map(({ parts }) =>
    parts.reduce((text, part, index) => {
      return text + spaceBetween(parts[index - 1], part) + (part.open ? inline(part) : part.text);
    }, ""),
  );
  return `${bracket.open}${items.join(", ")}${CLOSING[bracket.open]}`;
}

/** Whether a document has comments; not if it cannot be parsed. */
export function hasComments(text) {
  try {
    let token = GraphiQL.GraphQL.parse(text).loc.startToken;
    while (token && token.kind !== "Comment") {
      token = token.next;
    }
    return Boolean(token);
  } catch {
    return false;
  }
}
