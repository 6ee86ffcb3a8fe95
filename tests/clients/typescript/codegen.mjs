// GraphQL Code Generator's client preset, as a front-end project would configure it.
export default {
  schema: 'schema.graphql',
  documents: 'operations.graphql',
  generates: {
    'generated/': {
      preset: 'client',
      config: {
        strictScalars: true,
        scalars: { DateTime: 'string', Decimal: 'string' },
        useTypeImports: true,
      },
    },
  },
};
