// schema.graphql under the rules of @graphql-eslint: recommended and Relay. Each exception has its reason.
import graphql from '@graphql-eslint/eslint-plugin';

const withoutId = {
  // Relay's own parts, and outcomes of mutations: a place in a list or an answer is not a thing that a cache keeps.
  suffixes: ['Connection', 'Edge', 'Payload'],
  types: [
    'PageInfo', // Relay's, which has none by its specification.
    'Money', // A value: two equal amounts are the same.
    'UserError', // Part of a payload.
    'OrderQuote', // Part of a payload.
    'OrderQuoteItem', // The same.
    'Shortage', // Part of its item, which has one.
    'OrderEvent', // Never changes: a part of its order, kept with it.
    'OrderPermissions', // What the viewer may do with an order: a part of it, and different for each viewer.
    'Permission', // The same.
    'OrderTrace', // A part of its order: what became of it.
    'OrderFailure', // Never changes: a part of its order, as its events are.
    'SystemStatus', // The system at one moment, and its parts.
    'DatabaseStatus', // The same.
    'RedisStatus', // The same.
    'OrderStatusCount', // The same.
    'LockWait', // The same.
    'Worker', // The same.
    'QueueLength', // The same.
    'ApiUsage', // A line of counts: its client and operation say which.
    'DeadLetter', // A message, which no `node` finds: its `key` says where it is.
  ],
};

export default [
  {
    files: ['**/*.graphql'],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: 'schema.graphql' } } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...graphql.configs['flat/schema-recommended'].rules,
      ...graphql.configs['flat/schema-relay'].rules,
      '@graphql-eslint/strict-id-in-types': ['error', { exceptions: withoutId }],
      // Relay's specification asks for edges in connections only: `errors`, `items` and `nodes` are bounded lists; and
      // for no `Node` in an edge: what has no id is on the list above, and ids are those of `Node`.
      '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false }],
    },
  },
];
