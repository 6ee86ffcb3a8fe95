"""The GraphQL documents that answer what the operations of v1 answer: one for each, by its operation id."""

from collections.abc import Mapping
from typing import Final

DOCUMENTS: Final[Mapping[str, str]] = {
    "login": """\
mutation Login($input: LoginInput!) {
  login(input: $input) {
    accessToken
    refreshToken
    errors { code message field retryAfter }
  }
}
""",
    "refreshToken": """\
mutation RefreshToken($input: RefreshTokenInput!) {
  refreshToken(input: $input) {
    accessToken
    refreshToken
    errors { code message field retryAfter }
  }
}
""",
    "getCurrentUser": """\
query GetCurrentUser {
  me {
    id
    databaseId
    email
    fullName
    isActive
    isAdmin
    createdAt
  }
}
""",
    "createUser": """\
mutation CreateUser($input: CreateUserInput!) {
  createUser(input: $input) {
    user {
      id
      databaseId
      email
      fullName
      isActive
      isAdmin
      createdAt
    }
    errors { code message field retryAfter }
  }
}
""",
    "listUsers": """\
query ListUsers($first: Int, $after: String, $filter: UserFilter) {
  users(first: $first, after: $after, filter: $filter) {
    nodes {
      id
      databaseId
      email
      fullName
      isActive
      createdAt
    }
    totalCount
    pageInfo { hasNextPage endCursor }
  }
}
""",
    "getUser": """\
query GetUser($id: ID!) {
  user(id: $id) {
    id
    databaseId
    email
    fullName
    isActive
    isAdmin
    createdAt
    updatedAt
  }
}
""",
    "updateUser": """\
mutation UpdateUser($input: UpdateUserInput!) {
  updateUser(input: $input) {
    user {
      id
      databaseId
      email
      fullName
      isActive
      isAdmin
      createdAt
      updatedAt
    }
    errors { code message field retryAfter }
  }
}
""",
    "deleteUser": """\
mutation DeleteUser($input: DeleteUserInput!) {
  deleteUser(input: $input) {
    user { id }
    errors { code message field retryAfter }
  }
}
""",
    "createOrder": """\
mutation CreateOrder($input: CreateOrderInput!) {
  createOrder(input: $input) {
    order {
      id
      databaseId
      userId
      status
      total { amount }
      items {
        product { id databaseId }
        quantity
        unitPrice { amount }
      }
      createdAt
    }
    replayed
    errors { code message field retryAfter }
  }
}
""",
    "listOrders": """\
query ListOrders($first: Int, $after: String, $filter: OrderFilter) {
  orders(first: $first, after: $after, filter: $filter) {
    nodes {
      id
      databaseId
      userId
      status
      total { amount }
      createdAt
      updatedAt
    }
    totalCount
    pageInfo { hasNextPage endCursor }
  }
}
""",
    "getOrder": """\
query GetOrder($id: ID!) {
  order(id: $id) {
    id
    databaseId
    userId
    status
    total { amount }
    shippingAddress
    items {
      id
      databaseId
      product { id databaseId }
      productName
      quantity
      unitPrice { amount }
    }
    createdAt
    updatedAt
  }
}
""",
    "listOrderEvents": """\
query ListOrderEvents($id: ID!, $after: String) {
  order(id: $id) {
    events(after: $after) {
      cursor
      status
      failureCode
      createdAt
    }
  }
}
""",
    "cancelOrder": """\
mutation CancelOrder($input: CancelOrderInput!) {
  cancelOrder(input: $input) {
    order {
      id
      databaseId
      status
    }
    errors { code message field retryAfter }
  }
}
""",
    "listProducts": """\
query ListProducts($first: Int, $after: String, $filter: ProductFilter) {
  products(first: $first, after: $after, filter: $filter) {
    nodes {
      id
      databaseId
      name
      price { amount }
      inStock
    }
    totalCount
    pageInfo { hasNextPage endCursor }
  }
}
""",
    "getProduct": """\
query GetProduct($id: ID!) {
  product(id: $id) {
    id
    databaseId
    name
    description
    price { amount }
    inStock
    archivedAt
    createdAt
    updatedAt
  }
}
""",
}
