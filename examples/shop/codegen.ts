// Types for every document in src/, from the schema: amounts are decimal strings, since a number would tempt to arithmetic.
import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: '../../schema.graphql',
  documents: ['src/**/*.{ts,tsx}', '!src/generated/**'],
  generates: {
    'src/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: { strictScalars: true, scalars: { DateTime: 'string', Decimal: 'string' }, useTypeImports: true },
    },
  },
};
export default config;
