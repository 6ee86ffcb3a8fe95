"""The rules that a document must follow, beside the limits, which come first: some rules take time that grows with the
square of the document.
"""

from graphql import (
    ASTValidationRule,
    DocumentNode,
    ExecutableDefinitionsRule,
    GraphQLError,
    GraphQLSchema,
    KnownFragmentNamesRule,
    LoneAnonymousOperationRule,
    NoFragmentCyclesRule,
    NoSchemaIntrospectionCustomRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    UniqueFragmentNamesRule,
    UniqueOperationNamesRule,
    UniqueVariableNamesRule,
    specified_rules,
)
from graphql import validate as validate_by_rules
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graph.endpoint.error_presentation import shorten
from graph.endpoint.overlapping_fields import is_hard_to_merge
from graph.endpoint.request_errors import refusal

#: Told of one document; whoever writes it corrects them one after the other, and each takes time to find.
MAX_ERRORS = 20
_RULES: tuple[type[ASTValidationRule], ...] = (
    *specified_rules,
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)
#: Rules whose messages name what the client wrote, and nothing of the schema.
_FORMAL_RULES: tuple[type[ASTValidationRule], ...] = (
    ExecutableDefinitionsRule,
    LoneAnonymousOperationRule,
    KnownFragmentNamesRule,
    NoFragmentCyclesRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    UniqueFragmentNamesRule,
    UniqueOperationNamesRule,
    UniqueVariableNamesRule,
)


def validate(schema: GraphQLSchema, document: DocumentNode, *, tells_schema: bool) -> list[GraphQLError]:
    """Return what is wrong with *document* (GraphQL specification, section 5).

    Args:
        tells_schema: whether introspection is allowed, and messages may name what the schema holds.
    """
    if is_hard_to_merge(document):
        return [refusal("The document repeats fields or fragments too often.")]
    if tells_schema:
        errors = validate_by_rules(schema, document, _RULES, max_errors=MAX_ERRORS)
    elif errors := validate_by_rules(schema, document, _FORMAL_RULES, max_errors=MAX_ERRORS):
        return [refusal(shorten(error.message)) for error in errors]
    else:
        rules = (*_RULES, NoSchemaIntrospectionCustomRule)
        errors = validate_by_rules(schema, document, rules, max_errors=1, hide_suggestions=True)
    for error in errors:
        # A literal that a scalar cannot read (a number of 5,000 digits) is no defect of ours.
        error.original_error = None
    return errors
