/**
 * Where a subscription goes on after its connection was lost: in the variable of its argument `after`, which gets the
 * `cursor` of the last message.
 *
 * @returns {{ variable: string, cursorOf: (data: object) => string | undefined } | null} null where the document has
 *   not both
 */
export function placeIn(document, operationName) {
  const field = findSubscription(document, operationName)?.selectionSet.selections[0];
  const after = field?.arguments?.find(({ name }) => name.value === "after")?.value;
  const cursor = field?.selectionSet?.selections.find(({ kind, name }) => kind === "Field" && name.value === "cursor");
  if (after?.kind !== "Variable" || !cursor) {
    return null;
  }
  return { variable: after.name.value, cursorOf: (data) => data?.[key(field)]?.[key(cursor)] };
}

/** Returns the operation that would run if it is a subscription. */
export function findSubscription(document, operationName) {
  return document?.definitions.find(
    (node) =>
      node.kind === "OperationDefinition" &&
      node.operation === "subscription" &&
      (!operationName || node.name?.value === operationName),
  );
}

const key = ({ alias, name }) => (alias ?? name).value;
