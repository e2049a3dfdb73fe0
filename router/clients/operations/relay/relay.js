import { graphql } from "relay-runtime";
graphql`query relayHelloQuery($name: String) { hello(name: $name) }`;
graphql`mutation relayDoubleMutation($number: Int!) { double(number: $number) }`;
graphql`subscription relayCountSubscription { count(to: 2) { number } }`;
