import { gql } from "@apollo/client";
gql`query ApolloHello($name: String) { ...Greeting shop }
fragment Greeting on Query { hello(name: $name) }`;
gql`mutation ApolloDouble($number: Int!) { double(number: $number) }`;
