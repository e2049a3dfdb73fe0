/**
 * @generated SignedSource<<8c56a6eb510fdd536dda8d9d829f15c5>>
 * @relayHash 7ec28ae3ba434d42263bb3d9721f9fc4
 * @lightSyntaxTransform
 */

/* eslint-disable */

'use strict';

// @relayRequestID 7ec28ae3ba434d42263bb3d9721f9fc4

var node = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "name"
  }
],
v1 = [
  {
    "alias": null,
    "args": [
      {
        "kind": "Variable",
        "name": "name",
        "variableName": "name"
      }
    ],
    "kind": "ScalarField",
    "name": "hello",
    "storageKey": null
  }
];
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "relayHelloQuery",
    "selections": (v1/*:: as any*/),
    "type": "Query",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "relayHelloQuery",
    "selections": (v1/*:: as any*/)
  },
  "params": {
    "id": "7ec28ae3ba434d42263bb3d9721f9fc4",
    "metadata": {},
    "name": "relayHelloQuery",
    "operationKind": "query",
    "text": null
  }
};
})();

node.hash = "7e98987e27de6596a6ec0ba3b786b867";

export default node;
