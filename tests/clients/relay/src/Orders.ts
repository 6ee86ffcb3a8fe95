// What a Relay application would hold, to be compiled by relay-compiler: it is never run.
import { graphql } from 'relay-runtime';

// A list that grows page by page, and of which the compiler makes the query for the next page.
export const list = graphql`
  fragment Orders_viewer on User
  @refetchable(queryName: "OrdersNextPageQuery")
  @argumentDefinitions(
    count: { type: "Int", defaultValue: 20 }
    cursor: { type: "String" }
    filter: { type: "OrderFilter" }
  ) {
    orders(first: $count, after: $cursor, filter: $filter) @connection(key: "Orders_orders", filters: ["filter"]) {
      edges {
        node {
          ...Orders_card
        }
      }
    }
  }
`;

// A list on the root, which Relay fetches again without any id.
export const products = graphql`
  fragment Orders_products on Query
  @refetchable(queryName: "OrdersProductsNextPageQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    products(first: $count, after: $cursor) @connection(key: "Orders_products") {
      edges {
        node {
          name
          price {
            amount
            currency
          }
        }
      }
    }
  }
`;

// One thing, fetched again by node(id).
export const card = graphql`
  fragment Orders_card on Order @refetchable(queryName: "OrdersCardRefetchQuery") {
    status
    total {
      amount
      currency
    }
    items {
      quantity
      productName
      product {
        ...Orders_product
      }
    }
  }
`;

export const product = graphql`
  fragment Orders_product on Product {
    name
    inStock
  }
`;

export const page = graphql`
  query OrdersPageQuery {
    me {
      ...Orders_viewer
    }
    ...Orders_products
  }
`;

export const thing = graphql`
  query OrdersNodeQuery($id: ID!) {
    node(id: $id) {
      __typename
      ...Orders_card @alias
      ...Orders_product @alias
    }
  }
`;

// The new order goes to the top of the lists that are named.
export const place = graphql`
  mutation OrdersPlaceMutation($input: CreateOrderInput!, $connections: [ID!]!) {
    createOrder(input: $input) {
      order @prependNode(connections: $connections, edgeTypeName: "OrderEdge") {
        ...Orders_card
      }
      errors {
        code
        message
        field
      }
    }
  }
`;

export const cancel = graphql`
  mutation OrdersCancelMutation($id: ID!) @raw_response_type {
    cancelOrder(input: { id: $id }) {
      order {
        id
        status
      }
      errors {
        code
      }
    }
  }
`;

export const watch = graphql`
  subscription OrdersWatchSubscription($id: ID!) {
    orderUpdated(id: $id) {
      ...Orders_card
    }
  }
`;
